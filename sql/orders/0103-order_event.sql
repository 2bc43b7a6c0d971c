CREATE TABLE IF NOT EXISTS order_event (
	id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
	order_id BIGINT UNSIGNED NOT NULL,
	type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'status, items, or payment.…',
	detail VARCHAR(200) NULL COMMENT 'The new status, or why',
	actor BIGINT UNSIGNED NULL COMMENT 'Account id of who did it; NULL: the shop itself',
	created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	PRIMARY KEY (id),
	KEY order_id (order_id, id),
	CONSTRAINT order_event_order FOREIGN KEY (order_id) REFERENCES orders (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'What happened to an order, written with the change';
INSERT IGNORE INTO schema_migration (number, name) VALUES (103, 'order_event');
