CREATE TABLE IF NOT EXISTS account (
	id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'User id of all services',
	username VARCHAR(64) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL
		COMMENT 'Unique ignoring case, kept as typed',
	email VARCHAR(254) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL
		COMMENT 'Unique ignoring case, kept as typed',
	password VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
		COMMENT 'Argon2id in PHC form, or an imported Werkzeug hash until the next login',
	role VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'customer',
	status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'active'
		COMMENT 'A disabled account cannot log in',
	created_at DATETIME(6) NOT NULL,
	updated_at DATETIME(6) NOT NULL COMMENT 'Logins do not count',
	last_login_at DATETIME(6) NULL,
	PRIMARY KEY (id),
	UNIQUE KEY username (username),
	UNIQUE KEY email (email),
	CONSTRAINT account_role CHECK (role IN ('customer', 'admin')),
	CONSTRAINT account_status CHECK (status IN ('active', 'disabled'))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Who may log in';
INSERT IGNORE INTO schema_migration (number, name) VALUES (101, 'account');
