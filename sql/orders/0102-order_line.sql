CREATE TABLE IF NOT EXISTS order_line (
	order_id BIGINT UNSIGNED NOT NULL,
	line_no SMALLINT UNSIGNED NOT NULL COMMENT 'From 1, in order of the products',
	product_id BIGINT UNSIGNED NOT NULL,
	product_name VARCHAR(1000) NOT NULL COMMENT 'As it was when it was ordered',
	unit_cents BIGINT NOT NULL COMMENT 'As it was when it was ordered',
	quantity BIGINT NOT NULL,
	PRIMARY KEY (order_id, line_no),
	CONSTRAINT order_line_quantity CHECK (quantity > 0),
	CONSTRAINT order_line_unit CHECK (unit_cents >= 0),
	CONSTRAINT order_line_order FOREIGN KEY (order_id) REFERENCES orders (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'What was ordered, with names and prices of that moment';
INSERT IGNORE INTO schema_migration (number, name) VALUES (102, 'order_line');
