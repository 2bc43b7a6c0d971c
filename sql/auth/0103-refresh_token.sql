CREATE TABLE IF NOT EXISTS refresh_token (
	hash BINARY(32) NOT NULL COMMENT 'SHA-256 of the token; the token itself is nowhere',
	session_id BINARY(16) NOT NULL,
	issued_at DATETIME(6) NOT NULL,
	expires_at DATETIME(6) NOT NULL,
	used_at DATETIME(6) NULL COMMENT 'Spent: exchanged for its successor',
	successor VARBINARY(128) NULL
		COMMENT 'The next token, encrypted under this one, to repeat a lost answer',
	PRIMARY KEY (hash),
	KEY session (session_id),
	CONSTRAINT refresh_token_session FOREIGN KEY (session_id) REFERENCES session (id)
		ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Refresh tokens of live sessions, spent ones included';
INSERT IGNORE INTO schema_migration (number, name) VALUES (103, 'refresh_token');
