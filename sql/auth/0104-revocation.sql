CREATE TABLE IF NOT EXISTS revocation (
	id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
	session_id BINARY(16) NULL COMMENT 'No access token with this sid is good',
	account_id BIGINT UNSIGNED NULL COMMENT 'or: every access token of this user needs the role',
	role VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL
		COMMENT 'of the account now; none: it is disabled or deleted',
	created_at DATETIME(6) NOT NULL,
	expires_at DATETIME(6) NOT NULL COMMENT 'The last access token from before has expired then',
	PRIMARY KEY (id),
	KEY created (created_at),
	KEY expires (expires_at),
	CONSTRAINT revocation_kind CHECK ((session_id IS NULL) <> (account_id IS NULL)),
	CONSTRAINT revocation_role CHECK (role IN ('customer', 'admin', 'none'))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'What every worker must refuse although the signature is good; read by all of them';
INSERT IGNORE INTO schema_migration (number, name) VALUES (104, 'revocation');
