CREATE TABLE IF NOT EXISTS log_flush (
	one TINYINT UNSIGNED NOT NULL DEFAULT 1,
	flushed_at DATETIME(6) NOT NULL COMMENT 'UTC; changed so that there is something to commit',
	PRIMARY KEY (one)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'One row. MariaDB shows a change before it is on disk; a COMMIT here ends when all shown before are';
INSERT IGNORE INTO schema_migration (number, name) VALUES (5, 'log_flush');
