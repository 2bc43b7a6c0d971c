CREATE TABLE IF NOT EXISTS cart_op (
	op_id BINARY(16) NOT NULL COMMENT 'UUIDv7, or from user and Idempotency-Key, or the id of the event',
	user_id BIGINT UNSIGNED NOT NULL,
	version BIGINT UNSIGNED NOT NULL COMMENT 'The version that this write made',
	fence BIGINT UNSIGNED NOT NULL COMMENT 'The attempt that made it',
	route VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	fingerprint BINARY(32) NOT NULL COMMENT 'SHA-256 of route, arguments and body',
	status SMALLINT UNSIGNED NOT NULL COMMENT 'HTTP status answered',
	doc VARCHAR(6000) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'cart.doc of that version',
	response MEDIUMBLOB NULL
		COMMENT 'Answer to repeat; NULL when there was no Idempotency-Key',
	created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	PRIMARY KEY (op_id),
	UNIQUE KEY user_version (user_id, version),
	KEY created_at (created_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Every cart write of the last 30 days: its verdict, its answer, the state it made';
INSERT IGNORE INTO schema_migration (number, name) VALUES (102, 'cart_op');
