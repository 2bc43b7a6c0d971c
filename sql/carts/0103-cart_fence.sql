-- Names attempts to write a cart. Not rolled back, so a number is never used twice.
CREATE SEQUENCE IF NOT EXISTS cart_fence START WITH 1 INCREMENT BY 1 CACHE 1000
	COMMENT = 'Numbers of attempts to write a cart; grows for ever';
INSERT IGNORE INTO schema_migration (number, name) VALUES (103, 'cart_fence');
