-- Whose wish a deletion was, what a version was, and idle carts by key.
ALTER TABLE cart
	MODIFY deleted TINYINT UNSIGNED NOT NULL DEFAULT 0
		COMMENT '0: there; 1: deleted by its owner, who may make it again; 2: deleted with its account, for ever, and the row goes 7 days later',
	ADD COLUMN IF NOT EXISTS filled BOOLEAN AS (doc LIKE '[{%') PERSISTENT
		COMMENT 'It has lines; part of the key by which idle carts are found',
	ADD KEY IF NOT EXISTS idle (deleted, filled, updated_at),
	DROP KEY IF EXISTS deleted,
	MODIFY doc VARCHAR(6000) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
		COMMENT 'Content: [{"p":product,"q":quantity,"c":cents when put},...], "deleted" or "gone"; the same bytes as in the mirror';
-- so far carts were deleted with their accounts only
UPDATE cart SET deleted = 2, doc = '"gone"', updated_at = updated_at WHERE deleted = 1;
ALTER TABLE cart_op
	ADD COLUMN IF NOT EXISTS deleted TINYINT UNSIGNED NOT NULL DEFAULT 0
		COMMENT 'cart.deleted of that version' AFTER doc;
INSERT IGNORE INTO schema_migration (number, name) VALUES (105, 'cart_states');
