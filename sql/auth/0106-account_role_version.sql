ALTER TABLE account
	ADD COLUMN IF NOT EXISTS role_version BIGINT UNSIGNED NOT NULL DEFAULT 0
		COMMENT 'Of the profile when it gave this role; an event of an older one is late'
		AFTER role;
INSERT IGNORE INTO schema_migration (number, name) VALUES (106, 'account_role_version');
