CREATE TABLE IF NOT EXISTS lease (
	name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	owner VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'Process that does the work',
	until_at DATETIME(6) NOT NULL COMMENT 'Then another process may take it over',
	PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Background work that one process does at a time';
INSERT IGNORE INTO schema_migration (number, name) VALUES (104, 'lease');
