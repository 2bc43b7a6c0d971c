CREATE TABLE IF NOT EXISTS outbox (
	id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
	event_id BINARY(16) NOT NULL COMMENT 'UUID version 7, by which the receiver knows the event',
	service VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'receiver',
	type VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'such as user.created',
	data JSON NOT NULL,
	attempts INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'deliveries that failed',
	due_at DATETIME(6) NOT NULL COMMENT 'UTC; not tried before; moved ahead while one delivers it',
	created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) COMMENT 'UTC',
	PRIMARY KEY (id),
	UNIQUE KEY event_id (event_id),
	KEY due_at (due_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
	COMMENT='Events for other services, deleted once delivered';
INSERT IGNORE INTO schema_migration (number, name) VALUES (2, 'outbox');
