-- Run after products or images were loaded by SQL, past the service: completes what the
-- service keeps beside them. Safe to repeat.
INSERT IGNORE INTO product_word (word, product_id)
	SELECT LEFT(t.word, 40), p.id
	FROM product p, JSON_TABLE(
		CONCAT('["', REPLACE(TRIM(p.words), ' ', '","'), '"]'),
		'$[*]' COLUMNS (word VARCHAR(2300) PATH '$')) t
	WHERE p.deleted_at IS NULL AND t.word <> ''
		AND NOT EXISTS (SELECT 1 FROM product_word w WHERE w.product_id = p.id)
	ORDER BY t.word, p.id;
INSERT INTO stock_ledger (product_id, delta, balance, reason)
	SELECT p.id, p.storage_quantity, p.storage_quantity, 'loaded'
	FROM product p
	WHERE p.storage_quantity > 0
		AND NOT EXISTS (SELECT 1 FROM stock_ledger l WHERE l.product_id = p.id);
UPDATE product p JOIN product_image i ON i.product_id = p.id
	SET p.image_hash = i.hash, p.version = p.version + 1
	WHERE NOT p.image_hash <=> i.hash;
