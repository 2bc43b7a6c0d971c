CREATE TABLE IF NOT EXISTS server_life (
	one TINYINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'Always 1, so that there is one row',
	id CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'Random',
	PRIMARY KEY (one)
) ENGINE = MEMORY DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Names this life of the server: in memory, so that a restart makes another';
INSERT IGNORE INTO schema_migration (number, name) VALUES (102, 'server_life');
