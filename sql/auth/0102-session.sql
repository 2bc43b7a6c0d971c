CREATE TABLE IF NOT EXISTS session (
	id BINARY(16) NOT NULL COMMENT 'UUIDv7; claim sid of the access tokens made in it',
	account_id BIGINT UNSIGNED NOT NULL,
	ip VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'Of the login',
	user_agent VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL
		COMMENT 'Of the login, printable characters only',
	created_at DATETIME(6) NOT NULL,
	last_used_at DATETIME(6) NOT NULL,
	expires_at DATETIME(6) NOT NULL COMMENT 'End of its latest refresh token',
	revoked_at DATETIME(6) NULL COMMENT 'None of its tokens is good any more',
	PRIMARY KEY (id),
	KEY account (account_id, created_at),
	KEY expires (expires_at),
	CONSTRAINT session_account FOREIGN KEY (account_id) REFERENCES account (id)
		ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'One login on one device: a family of refresh tokens';
INSERT IGNORE INTO schema_migration (number, name) VALUES (102, 'session');
