-- What reservations do to the stock, and to what is reserved of it.
ALTER TABLE stock_ledger
	ADD COLUMN IF NOT EXISTS reserved_delta BIGINT NOT NULL DEFAULT 0
		COMMENT 'Change of the units that held reservations keep' AFTER delta,
	ADD COLUMN IF NOT EXISTS reservation_id BINARY(16) NULL
		COMMENT 'Whose doing it is; NULL: no reservation''s' AFTER user_id,
	MODIFY user_id BIGINT UNSIGNED NULL COMMENT 'Who did it; NULL: a reservation, or loaded without the service',
	DROP CONSTRAINT IF EXISTS stock_ledger_delta,
	DROP CONSTRAINT IF EXISTS stock_ledger_moves,
	DROP FOREIGN KEY IF EXISTS stock_ledger_reservation;
ALTER TABLE stock_ledger
	ADD CONSTRAINT stock_ledger_moves CHECK (delta <> 0 OR reserved_delta <> 0),
	ADD CONSTRAINT stock_ledger_reservation FOREIGN KEY (reservation_id) REFERENCES reservation (id),
	COMMENT = 'Every change of stock, written with the change: sum(delta) is product.storage_quantity, sum(reserved_delta) what held reservations keep';
ALTER TABLE product
	MODIFY storage_quantity BIGINT NOT NULL DEFAULT 0
		COMMENT 'Units that can still be bought, reserved ones are not in it; every change has a row in stock_ledger';
INSERT IGNORE INTO schema_migration (number, name) VALUES (107, 'stock_ledger_reserved');
