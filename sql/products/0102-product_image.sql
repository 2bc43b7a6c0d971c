CREATE TABLE IF NOT EXISTS product_image (
	product_id BIGINT UNSIGNED NOT NULL,
	type VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'Media type',
	bytes MEDIUMBLOB NOT NULL,
	hash BINARY(32) AS (UNHEX(SHA2(bytes, 256))) STORED COMMENT 'Part of the image''s address',
	PRIMARY KEY (product_id),
	CONSTRAINT product_image_type CHECK (type IN ('image/png', 'image/jpeg', 'image/webp')),
	CONSTRAINT product_image_product FOREIGN KEY (product_id) REFERENCES product (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Pictures, at most one of a product';
INSERT IGNORE INTO schema_migration (number, name) VALUES (102, 'product_image');
