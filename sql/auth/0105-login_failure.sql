CREATE TABLE IF NOT EXISTS login_failure (
	subject BINARY(32) NOT NULL
		COMMENT 'SHA-256 of id:<account id>, or of name:<name in lower case> when nobody has it',
	failures SMALLINT UNSIGNED NOT NULL
		COMMENT 'Attempts since then; each counts until its password proves right',
	since DATETIME(6) NOT NULL COMMENT 'The first of them',
	until DATETIME(6) NULL
		COMMENT 'Attempts before are refused unread; set from the fifth failure on: 1 s, doubling to 15 min',
	PRIMARY KEY (subject),
	KEY since (since)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Wrong passwords; counted anew 15 minutes after the first, or after the last wait ended; the right one deletes the row';
INSERT IGNORE INTO schema_migration (number, name) VALUES (105, 'login_failure');
