CREATE TABLE IF NOT EXISTS idem (
	user_id BIGINT UNSIGNED NOT NULL COMMENT '0: not a user',
	key_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of the Idempotency-Key',
	fingerprint BINARY(32) NOT NULL COMMENT 'SHA-256 of the request',
	status SMALLINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'of the stored answer; 0 only inside its transaction',
	headers BLOB NOT NULL DEFAULT '' COMMENT 'of the stored answer, lines ending in CRLF',
	body MEDIUMBLOB NOT NULL DEFAULT '' COMMENT 'of the stored answer',
	created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) COMMENT 'UTC; kept 24 hours',
	PRIMARY KEY (user_id, key_hash),
	KEY created_at (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
	COMMENT='Answers to requests with an Idempotency-Key, for their repetition';
INSERT IGNORE INTO schema_migration (number, name) VALUES (4, 'idem');
