CREATE TABLE IF NOT EXISTS product (
	id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
	name VARCHAR(200) NOT NULL,
	description VARCHAR(2000) NOT NULL DEFAULT '',
	price_cents BIGINT NOT NULL COMMENT 'Euro cents',
	storage_quantity BIGINT NOT NULL DEFAULT 0
		COMMENT 'Units on hand; every change has a row in stock_ledger',
	in_stock BOOL AS (storage_quantity > 0) STORED
		COMMENT 'For the filter; indexed, so that a change of stock seldom touches an index',
	version BIGINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'Counts changes; the ETag',
	image_hash BINARY(32) NULL COMMENT 'product_image.hash; NULL: no image',
	created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	deleted_at DATETIME(6) NULL COMMENT 'Not NULL: gone from the shop, kept for old carts and orders',
	words VARCHAR(2300) AS (CONCAT(' ', REGEXP_REPLACE(REGEXP_REPLACE(
			CONCAT(name, ' ', description), '\\p{M}+', ''), '[^\\p{L}\\p{N}]+', ' '))) STORED
		COMMENT 'Letters and digits of name and description, each word after one space; searched',
	PRIMARY KEY (id),
	KEY price (price_cents, name),
	KEY price_desc (price_cents DESC, name),
	KEY name (name),
	KEY created_at (created_at),
	KEY in_stock (in_stock),
	CONSTRAINT product_price CHECK (price_cents BETWEEN 0 AND 99999999999),
	CONSTRAINT product_stock CHECK (storage_quantity >= 0)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'What the shop sells; the keys serve the orders of the list';
INSERT IGNORE INTO schema_migration (number, name) VALUES (101, 'product');
