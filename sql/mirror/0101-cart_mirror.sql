CREATE TABLE IF NOT EXISTS cart_mirror (
	user_id BIGINT UNSIGNED NOT NULL
		COMMENT 'Account id; 0: no cart, d names the life of the server into which every cart was written',
	v BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'Committed version; 0: none',
	f BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'The attempt that wrote it (fence)',
	d VARBINARY(6000) NOT NULL DEFAULT '' COMMENT 'Its content, the bytes of cart.doc',
	pv BIGINT UNSIGNED NULL COMMENT 'Prepared version, not committed as far as is known here',
	pf BIGINT UNSIGNED NULL COMMENT 'The attempt that prepared it',
	pd VARBINARY(6000) NULL COMMENT 'Its content',
	mf BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'Highest fence that prepared anything',
	PRIMARY KEY (user_id),
	KEY pv (pv) COMMENT 'finds what is prepared'
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'The mirror of carts: per user one committed state and at most one prepared state';
INSERT IGNORE INTO schema_migration (number, name) VALUES (101, 'cart_mirror');
