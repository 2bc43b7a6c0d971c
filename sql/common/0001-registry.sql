CREATE TABLE IF NOT EXISTS schema_migration (
	number INT UNSIGNED NOT NULL COMMENT 'number of the file; common below 100',
	name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	applied_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) COMMENT 'UTC',
	PRIMARY KEY (number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
	COMMENT='Migrations applied to this database; every migration enters itself';
INSERT IGNORE INTO schema_migration (number, name) VALUES (1, 'registry');
