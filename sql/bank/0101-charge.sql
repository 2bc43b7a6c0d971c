CREATE TABLE IF NOT EXISTS charge (
	charge_key BINARY(16) NOT NULL COMMENT 'Idempotency key of the caller: the id of the payment',
	number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'Order of arrival, for pages',
	amount_cents BIGINT UNSIGNED NOT NULL COMMENT '0 when void',
	currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'ISO 4217; empty when void',
	outcome ENUM('approved', 'declined', 'void') NOT NULL
		COMMENT 'void: asked for before any charge of this key came; a late charge is declined',
	decline_code VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
	reference CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'The bank''s own name of an approved charge',
	card_brand VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
	card_last4 CHAR(4) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'All that is kept of the number',
	refunded_cents BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'Sum of its bank_refund rows',
	created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	PRIMARY KEY (charge_key),
	UNIQUE KEY number (number),
	CONSTRAINT charge_refunded CHECK (refunded_cents <= amount_cents),
	CONSTRAINT charge_reference CHECK ((outcome = 'approved') = (reference IS NOT NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Ledger of the simulated card network: the one outcome of every key';
INSERT IGNORE INTO schema_migration (number, name) VALUES (101, 'charge');
