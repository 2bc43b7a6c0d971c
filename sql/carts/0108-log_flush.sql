CREATE TABLE IF NOT EXISTS log_flush (
	one TINYINT UNSIGNED NOT NULL DEFAULT 1,
	flushed_at DATETIME(6) NOT NULL COMMENT 'UTC; changed only for the COMMIT, after which all earlier ones are on disk too',
	PRIMARY KEY (one)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'One row. A committed change is seen before it is on disk; who must not rely on it earlier commits here';
INSERT IGNORE INTO schema_migration (number, name) VALUES (108, 'log_flush');
