CREATE TABLE IF NOT EXISTS cart (
	user_id BIGINT UNSIGNED NOT NULL COMMENT 'Account id, given by auth',
	version BIGINT UNSIGNED NOT NULL COMMENT 'Grows by exactly 1 with every write',
	fence BIGINT UNSIGNED NOT NULL COMMENT 'The attempt that wrote this version; with version it names the state in the mirror',
	doc VARCHAR(6000) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
		COMMENT 'Content: [{"p":product,"q":quantity,"c":cents when put},...]; the same bytes as in the mirror',
	deleted BOOLEAN NOT NULL DEFAULT 0 COMMENT 'Deletion is a version too; the row goes 7 days later',
	created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
	PRIMARY KEY (user_id),
	KEY deleted (deleted, updated_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Carts, one document per user; the authority over the mirror';
INSERT IGNORE INTO schema_migration (number, name) VALUES (101, 'cart');
