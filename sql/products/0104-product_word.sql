CREATE TABLE IF NOT EXISTS product_word (
	word VARCHAR(40) NOT NULL COMMENT 'A word of product.words, cut after 40 characters',
	product_id BIGINT UNSIGNED NOT NULL,
	PRIMARY KEY (word, product_id),
	KEY product (product_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Which products hold a word, for words that few products hold; deleted products are not in it';
INSERT IGNORE INTO schema_migration (number, name) VALUES (104, 'product_word');
