CREATE TABLE IF NOT EXISTS bank_refund (
	refund_key BINARY(16) NOT NULL COMMENT 'Idempotency key of the caller: the id of the refund',
	number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
	charge_key BINARY(16) NULL COMMENT 'NULL when void',
	amount_cents BIGINT UNSIGNED NOT NULL COMMENT '0 when void',
	outcome ENUM('refunded', 'refused', 'void') NOT NULL
		COMMENT 'refused: more than is left of the charge; void as for a charge',
	created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	PRIMARY KEY (refund_key),
	UNIQUE KEY number (number),
	KEY charge_key (charge_key)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Ledger of the simulated card network: what went back';
INSERT IGNORE INTO schema_migration (number, name) VALUES (102, 'bank_refund');
