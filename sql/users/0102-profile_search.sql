-- Keys of the admin's list: its orders (every key ends with the id), the few admins, and the
-- four columns where a search looks for beginnings.
ALTER TABLE profile
	ADD KEY IF NOT EXISTS username (username),
	ADD KEY IF NOT EXISTS created_at (created_at),
	ADD KEY IF NOT EXISTS role (role),
	ADD KEY IF NOT EXISTS email (email),
	ADD KEY IF NOT EXISTS first_name (first_name),
	ADD KEY IF NOT EXISTS last_name (last_name);
INSERT IGNORE INTO schema_migration (number, name) VALUES (102, 'profile_search');
