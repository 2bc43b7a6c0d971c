/*
 * products_db_audit.h - the SQL by which the books of the stock are checked. Each check is one
 * statement, so it sees one moment. Text in results lives in the pool of db.
 */
#ifndef HALLE_PRODUCTS_DB_AUDIT_H
#define HALLE_PRODUCTS_DB_AUDIT_H

#include "db.h"

/* The last number that a page of at most limit products and limit reservations (both from
 * after on) may go to so that neither is cut; DB_NONE: it reaches the end of both. */
NODISCARD enum db_status audit_page(struct db *db, uint64_t after, uint64_t limit,
				    uint64_t *to_r);

/* Products with ids in (after, to] whose stock is not the sum of their ledger, or of which
 * held reservations keep another number than the ledger says. */
struct wrong_product {
	uint64_t id;
	int64_t stock, ledger_stock;   /* these two should be equal */
	int64_t held, ledger_reserved; /* and these */
};
NODISCARD enum db_status audit_products(struct db *db, uint64_t after, uint64_t to);
NODISCARD enum db_status audit_products_next(struct db *db, struct wrong_product *p_r);

/* Lines of reservations with seq in (after, to] whose ledger does not add up to their state. */
struct wrong_line {
	const char *reservation_id; /* UUID */
	const char *state;
	uint64_t product_id;
};
NODISCARD enum db_status audit_lines(struct db *db, uint64_t after, uint64_t to);
NODISCARD enum db_status audit_lines_next(struct db *db, struct wrong_line *l_r);

/* All lines of reservations with seq in (after, to], those of one after each other. */
struct audit_line {
	const char *reservation_id; /* UUID */
	const char *state;
	uint64_t product_id;
	int64_t quantity;
};
NODISCARD enum db_status audit_rows(struct db *db, uint64_t after, uint64_t to);
NODISCARD enum db_status audit_rows_next(struct db *db, struct audit_line *l_r);

#endif
