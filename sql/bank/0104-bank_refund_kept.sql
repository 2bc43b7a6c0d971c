-- Refunds are repeated until they are made or refused; none is void any more.
DELETE FROM bank_refund WHERE outcome = 'void';
ALTER TABLE bank_refund
	MODIFY charge_key BINARY(16) NOT NULL,
	MODIFY amount_cents BIGINT UNSIGNED NOT NULL,
	MODIFY outcome ENUM('refunded', 'refused') NOT NULL COMMENT 'refused: more than is left of the charge';
INSERT IGNORE INTO schema_migration (number, name) VALUES (104, 'bank_refund_kept');
