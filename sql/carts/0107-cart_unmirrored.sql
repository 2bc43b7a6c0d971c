CREATE TABLE IF NOT EXISTS cart_unmirrored (
	user_id BIGINT UNSIGNED NOT NULL COMMENT 'Account id',
	since DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) COMMENT 'UTC; the first such write',
	PRIMARY KEY (user_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Carts written while the mirror was away (mirror_mode degraded), until it has them';
INSERT IGNORE INTO schema_migration (number, name) VALUES (107, 'cart_unmirrored');
