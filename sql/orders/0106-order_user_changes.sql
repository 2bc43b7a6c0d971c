ALTER TABLE order_user
	ADD COLUMN IF NOT EXISTS changes BIGINT UNSIGNED NOT NULL DEFAULT 0
		COMMENT 'Counts his orders and his deletion: while it stays, what was read without the lock holds';
-- 0 is what is read of a buyer without a row
UPDATE order_user SET changes = 1 WHERE changes = 0;
INSERT IGNORE INTO schema_migration (number, name) VALUES (106, 'order_user_changes');
