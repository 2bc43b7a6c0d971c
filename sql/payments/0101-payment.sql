CREATE TABLE IF NOT EXISTS payment (
	id BINARY(16) NOT NULL COMMENT 'From user and Idempotency-Key; also the key at the bank',
	number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'The public id',
	order_id BIGINT UNSIGNED NOT NULL,
	user_id BIGINT UNSIGNED NOT NULL,
	amount_cents BIGINT UNSIGNED NULL COMMENT 'NULL until orders has begun the payment; nothing is charged before',
	currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'ISO 4217',
	state ENUM('initiated', 'unknown', 'captured', 'declined', 'failed') NOT NULL DEFAULT 'initiated'
		COMMENT 'unknown: the bank did not answer; the last three are final',
	reason VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL
		COMMENT 'declined: the bank''s code; failed: the error that was answered',
	refusal_lines TEXT NULL COMMENT 'JSON: member "lines" of that error, to be answered again',
	card_brand VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	card_last4 CHAR(4) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'All that is kept of the number',
	fingerprint BINARY(32) NOT NULL COMMENT 'SHA-256 of order, brand, last four digits and expiry',
	refunded_cents BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'Sum of its refunds that are done',
	refunding_cents BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'Sum of its refunds under way',
	bank_reference VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
	due_at DATETIME(6) NULL COMMENT 'When the completer looks; NULL when final',
	attempts INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'Of the completer',
	created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
	captured_order BIGINT UNSIGNED AS (IF(state = 'captured', order_id, NULL)) PERSISTENT
		COMMENT 'Unique: an order is paid once',
	PRIMARY KEY (id),
	UNIQUE KEY number (number),
	UNIQUE KEY captured_order (captured_order),
	KEY due_at (due_at),
	KEY order_id (order_id, number),
	KEY user_id (user_id, number),
	CONSTRAINT payment_amount CHECK (state <> 'captured' OR amount_cents IS NOT NULL),
	CONSTRAINT payment_refunds CHECK (refunded_cents + refunding_cents <= COALESCE(amount_cents, 0))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Attempts to pay, each written before anybody is called';
INSERT IGNORE INTO schema_migration (number, name) VALUES (101, 'payment');
