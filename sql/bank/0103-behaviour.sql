CREATE TABLE IF NOT EXISTS behaviour (
	id TINYINT UNSIGNED NOT NULL COMMENT 'Always 1: there is one row',
	failure_rate TINYINT UNSIGNED NOT NULL COMMENT 'Calls in a hundred that are answered 500',
	latency_ms SMALLINT UNSIGNED NOT NULL COMMENT 'Every call waits so long first',
	down BOOLEAN NOT NULL COMMENT 'Every call is answered 503 and does nothing',
	PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'How the simulated card network behaves; set by admins, read at every call';
INSERT IGNORE INTO behaviour (id, failure_rate, latency_ms, down) VALUES (1, 0, 0, 0);
INSERT IGNORE INTO schema_migration (number, name) VALUES (103, 'behaviour');
