CREATE TABLE IF NOT EXISTS stock_ledger (
	id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
	product_id BIGINT UNSIGNED NOT NULL,
	delta BIGINT NOT NULL,
	balance BIGINT NOT NULL COMMENT 'product.storage_quantity after this change',
	reason VARCHAR(200) NOT NULL,
	user_id BIGINT UNSIGNED NULL COMMENT 'Who did it; NULL: loaded without the service',
	created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	PRIMARY KEY (id),
	KEY product (product_id, id),
	CONSTRAINT stock_ledger_delta CHECK (delta <> 0),
	CONSTRAINT stock_ledger_balance CHECK (balance >= 0),
	CONSTRAINT stock_ledger_product FOREIGN KEY (product_id) REFERENCES product (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Every change of stock, written with the change; the deltas add up to the stock';
INSERT IGNORE INTO schema_migration (number, name) VALUES (103, 'stock_ledger');
