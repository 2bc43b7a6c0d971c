CREATE TABLE IF NOT EXISTS order_user (
	user_id BIGINT UNSIGNED NOT NULL COMMENT 'Account id, given by auth',
	deleted BOOLEAN NOT NULL DEFAULT 0 COMMENT 'Orders nothing any more',
	PRIMARY KEY (user_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'One row per buyer, locked while his orders are counted and one is added';
INSERT IGNORE INTO schema_migration (number, name) VALUES (105, 'order_user');
