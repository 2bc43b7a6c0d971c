GRANT SELECT ON `@DB@`.schema_migration TO @USER@;
GRANT SELECT, INSERT, UPDATE, DELETE ON `@DB@`.cart_mirror TO @USER@;
GRANT SELECT, INSERT ON `@DB@`.server_life TO @USER@;
