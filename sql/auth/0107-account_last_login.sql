-- Not dropped yet: workers of the version before still write it while they are replaced.
ALTER TABLE account
	MODIFY updated_at DATETIME(6) NOT NULL,
	MODIFY last_login_at DATETIME(6) NULL COMMENT 'Not written any more; session.created_at tells';
INSERT IGNORE INTO schema_migration (number, name) VALUES (107, 'account_last_login');
