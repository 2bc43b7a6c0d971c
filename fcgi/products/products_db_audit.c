/* products_db_audit.c - the statements of the audit. */
#include "compat.h"

#include "products_db_audit.h"

enum { PAGE, PRODUCTS, LINES, ROWS };

/* As CAST(… AS UUID) would, which not every server has. */
#define UUID_OF(id)                                                                     \
	"LOWER(CONCAT_WS('-', HEX(SUBSTR(" id ", 1, 4)), HEX(SUBSTR(" id ", 5, 2)),"     \
	" HEX(SUBSTR(" id ", 7, 2)), HEX(SUBSTR(" id ", 9, 2)), HEX(SUBSTR(" id ", 11, 6))))"

#define IN_PAGE(column) " " column " > ? AND " column " <= ?"

/* In this order: beginning with the lines reads all of them for every page. */
#define LINES_IN_PAGE                                                                    \
	" FROM reservation r FORCE INDEX (seq)"                                          \
	" STRAIGHT_JOIN reservation_line n ON n.reservation_id = r.id WHERE" IN_PAGE("r.seq")

/* What the ledger says of a line of a reservation. */
#define MOVED(column)                                                                    \
	"COALESCE((SELECT SUM(" column ") FROM stock_ledger g"                           \
	" FORCE INDEX (stock_ledger_reservation) WHERE g.reservation_id = n.reservation_id" \
	" AND g.product_id = n.product_id), 0)"

static const struct db_stmt sql[] = {
	/* the last of a full page of each; the lower one cuts neither */
	[PAGE] = { "audit_page",
		"SELECT MIN(k.n) FROM ("
		"(SELECT id AS n FROM product WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?)"
		" UNION ALL "
		"(SELECT seq FROM reservation WHERE seq > ? ORDER BY seq LIMIT 1 OFFSET ?)) k",
		"uuuu", "u" },
	/* one pass over each table: joined, the ledger's sums were made anew for every product */
	[PRODUCTS] = { "audit_products",
		"SELECT id, CAST(SUM(storage) AS SIGNED) AS s, CAST(SUM(delta) AS SIGNED) AS d,"
		" CAST(SUM(held) AS SIGNED) AS h, CAST(SUM(reserved) AS SIGNED) AS r FROM ("
		"SELECT id, storage_quantity AS storage, 0 AS delta, 0 AS held, 0 AS reserved"
		" FROM product WHERE" IN_PAGE("id")
		" UNION ALL SELECT product_id, 0, SUM(delta), 0, SUM(reserved_delta)"
		" FROM stock_ledger FORCE INDEX (product) WHERE" IN_PAGE("product_id")
		" GROUP BY product_id"
		" UNION ALL SELECT n.product_id, 0, 0, SUM(n.quantity), 0"
		" FROM reservation_line n FORCE INDEX (product)"
		" STRAIGHT_JOIN reservation r ON r.id = n.reservation_id AND r.state = 'held'"
		" WHERE" IN_PAGE("n.product_id") " GROUP BY n.product_id) k"
		" GROUP BY id HAVING s <> d OR h <> r LIMIT 100",
		"uuuuuu", "uiiii" },
	/* by the reservation: one product may have more rows than there is time for */
	[LINES] = { "audit_lines",
		"SELECT " UUID_OF("r.id") ", r.state, n.product_id" LINES_IN_PAGE
		" AND (" MOVED("g.delta") " <> IF(r.state IN ('held', 'committed'), -n.quantity, 0)"
		" OR " MOVED("g.reserved_delta") " <> IF(r.state = 'held', n.quantity, 0)) LIMIT 100",
		"uu", "ssu" },
	[ROWS] = { "audit_rows",
		"SELECT " UUID_OF("r.id") ", r.state, n.product_id, n.quantity" LINES_IN_PAGE
		" ORDER BY r.seq, n.product_id", "uu", "ssui" },
};

enum db_status audit_page(struct db *db, uint64_t after, uint64_t limit, uint64_t *to_r)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[PAGE], &row, db_u(after), db_u(limit - 1),
				   db_u(after), db_u(limit - 1));

	if (st != DB_OK)
		return st == DB_NONE ? DB_FAIL : st;
	*to_r = row[0].u;
	return row[0].null ? DB_NONE : DB_OK;
}

enum db_status audit_products(struct db *db, uint64_t after, uint64_t to)
{
	return db_open(db, &sql[PRODUCTS], db_u(after), db_u(to), db_u(after), db_u(to),
		       db_u(after), db_u(to));
}

enum db_status audit_products_next(struct db *db, struct wrong_product *p)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK)
		*p = (struct wrong_product){ row[0].u, row[1].i, row[2].i, row[3].i,
					     row[4].i };
	return st;
}

enum db_status audit_lines(struct db *db, uint64_t after, uint64_t to)
{
	return db_open(db, &sql[LINES], db_u(after), db_u(to));
}

enum db_status audit_lines_next(struct db *db, struct wrong_line *l)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK)
		*l = (struct wrong_line){ row[0].s, row[1].s, row[2].u };
	return st;
}

enum db_status audit_rows(struct db *db, uint64_t after, uint64_t to)
{
	return db_open(db, &sql[ROWS], db_u(after), db_u(to));
}

enum db_status audit_rows_next(struct db *db, struct audit_line *l)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK)
		*l = (struct audit_line){ row[0].s, row[1].s, row[2].u, row[3].i };
	return st;
}
