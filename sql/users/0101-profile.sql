CREATE TABLE IF NOT EXISTS profile (
	id BIGINT UNSIGNED NOT NULL COMMENT 'User id, given by auth',
	username VARCHAR(64) NOT NULL COMMENT 'As auth has it',
	email VARCHAR(254) NOT NULL COMMENT 'As auth has it',
	role VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'As auth has it',
	first_name VARCHAR(100) NULL,
	last_name VARCHAR(100) NULL,
	phone VARCHAR(32) NULL,
	address VARCHAR(500) NULL,
	version BIGINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'Counts changes; the ETag',
	created_at DATETIME(6) NOT NULL,
	updated_at DATETIME(6) NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT profile_role CHECK (role IN ('customer', 'admin'))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'What a shopper tells of himself';
INSERT IGNORE INTO schema_migration (number, name) VALUES (101, 'profile');
