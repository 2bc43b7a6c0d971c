CREATE TABLE IF NOT EXISTS order_payment (
	payment_id BINARY(16) NOT NULL COMMENT 'Given by payments',
	order_id BIGINT UNSIGNED NOT NULL COMMENT 'As payments says: no such order may be',
	state ENUM('started', 'captured', 'failed', 'refunded') NOT NULL
		COMMENT 'failed without having been started: its late begin is refused',
	amount_cents BIGINT NOT NULL DEFAULT 0 COMMENT '0 unless started or captured',
	created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	PRIMARY KEY (payment_id),
	KEY order_id (order_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Every payment of an order that was heard of';
INSERT IGNORE INTO schema_migration (number, name) VALUES (104, 'order_payment');
