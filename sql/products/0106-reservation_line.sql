CREATE TABLE IF NOT EXISTS reservation_line (
	reservation_id BINARY(16) NOT NULL,
	product_id BIGINT UNSIGNED NOT NULL,
	quantity INT NOT NULL COMMENT 'Units; a product asked for twice has one line',
	PRIMARY KEY (reservation_id, product_id),
	KEY product (product_id),
	CONSTRAINT reservation_line_quantity CHECK (quantity > 0),
	CONSTRAINT reservation_line_reservation FOREIGN KEY (reservation_id) REFERENCES reservation (id),
	CONSTRAINT reservation_line_product FOREIGN KEY (product_id) REFERENCES product (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'What a reservation is about; replaced only when one that holds nothing is held anew';
INSERT IGNORE INTO schema_migration (number, name) VALUES (106, 'reservation_line');
