ALTER TABLE lease ADD COLUMN IF NOT EXISTS scanned_at DATETIME(6) NULL
	COMMENT 'When the work was last done on everything, by whoever had the lease';
INSERT IGNORE INTO schema_migration (number, name) VALUES (106, 'lease_scanned');
