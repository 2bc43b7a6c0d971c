CREATE TABLE IF NOT EXISTS inbox (
	event_id BINARY(16) NOT NULL COMMENT 'UUID given by the sender',
	received_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) COMMENT 'UTC; kept 30 days',
	PRIMARY KEY (event_id),
	KEY received_at (received_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
	COMMENT='Events that were acted on, so that a second delivery does nothing';
INSERT IGNORE INTO schema_migration (number, name) VALUES (3, 'inbox');
