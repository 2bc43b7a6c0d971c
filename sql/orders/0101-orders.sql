CREATE TABLE IF NOT EXISTS orders (
	id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
	user_id BIGINT UNSIGNED NOT NULL COMMENT 'Account id, given by auth',
	user_name VARCHAR(64) NULL COMMENT 'From the token of the order; NULL once the user is deleted',
	status ENUM('pending', 'paid', 'preparing', 'shipped', 'delivered', 'cancelled', 'expired')
		NOT NULL DEFAULT 'pending',
	version BIGINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'Counts changes; the ETag',
	total_cents BIGINT NOT NULL COMMENT 'Sum of the lines',
	currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'EUR',
	reservation_id BINARY(16) NOT NULL COMMENT 'Under which products holds or has sold the stock',
	cart_version BIGINT UNSIGNED NULL COMMENT 'The cart that was ordered; NULL: not from a cart',
	payment_id BINARY(16) NULL COMMENT 'The payment under way, captured or refunded',
	payment_state ENUM('none', 'started', 'captured', 'refunding', 'partially_refunded', 'refunded')
		NOT NULL DEFAULT 'none',
	refunded_cents BIGINT NOT NULL DEFAULT 0 COMMENT 'So far',
	expires_at DATETIME(6) NOT NULL COMMENT 'Then a pending order expires, unless a payment is under way',
	held_until DATETIME(6) NOT NULL COMMENT 'How long products holds the stock; prolonged while a payment is under way',
	created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	PRIMARY KEY (id),
	UNIQUE KEY reservation (reservation_id),
	UNIQUE KEY cart (user_id, cart_version),
	KEY user (user_id, status, id),
	KEY list (user_id, id),
	KEY due (status, payment_state, expires_at),
	CONSTRAINT orders_total CHECK (total_cents >= 0),
	CONSTRAINT orders_refunded CHECK (refunded_cents BETWEEN 0 AND total_cents),
	CONSTRAINT orders_payment CHECK ((payment_state = 'none') = (payment_id IS NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Orders; every change of status is guarded by the status before';
INSERT IGNORE INTO schema_migration (number, name) VALUES (101, 'orders');
