CREATE TABLE IF NOT EXISTS refund (
	id BINARY(16) NOT NULL COMMENT 'From user and Idempotency-Key, or the id of the event; also the key at the bank',
	number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'The public id',
	payment_id BINARY(16) NOT NULL,
	amount_cents BIGINT UNSIGNED NOT NULL,
	whole BOOLEAN NOT NULL COMMENT 'No amount was asked for: all that was left',
	state ENUM('initiated', 'unknown', 'done', 'refused') NOT NULL DEFAULT 'initiated',
	user_id BIGINT UNSIGNED NULL COMMENT 'The admin; NULL when an order asked for it',
	due_at DATETIME(6) NULL COMMENT 'When the completer looks; NULL when final',
	attempts INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'Of the completer',
	created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
	PRIMARY KEY (id),
	UNIQUE KEY number (number),
	KEY payment_id (payment_id),
	KEY due_at (due_at),
	CONSTRAINT refund_amount CHECK (amount_cents > 0),
	CONSTRAINT refund_payment FOREIGN KEY (payment_id) REFERENCES payment (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'What goes back of a captured payment';
INSERT IGNORE INTO schema_migration (number, name) VALUES (102, 'refund');
