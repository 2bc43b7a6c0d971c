-- its table is a common one now: 0005
INSERT IGNORE INTO schema_migration (number, name) VALUES (108, 'log_flush');
