/*
 * products_db_reservation.c - the statements of reservations. However many lines there are,
 * the round trips are the same.
 *
 * STRAIGHT_JOIN and FORCE INDEX keep the server to one way of reading: row by row in the
 * order of the lines, which is that of the product ids. So it locks them in that order and
 * no others.
 */
#include "compat.h"

#include "log.h"
#include "products_db_reservation.h"

enum {
	LOCK,
	LOCK_DUE,
	DUE,
	LINES,
	PRODUCTS_LOCK,
	MAKE,
	HOLD,
	SET,
	LINES_DELETE,
	LINES_PUT,
	STOCK_MOVE,
	LEDGER_MOVE
};

static const struct db_stmt sql[] = {
	[LOCK] = { "reservation_lock",
		"SELECT state FROM reservation WHERE id = ? FOR UPDATE", "b", "s" },
	[LOCK_DUE] = { "reservation_lock_due",
		"SELECT 1 FROM reservation WHERE id = ? AND state = 'held'"
		" AND expires_at <= NOW(6) FOR UPDATE SKIP LOCKED", "b", "i" },
	[DUE] = { "reservation_due",
		"SELECT id FROM reservation WHERE state = 'held' AND expires_at <= NOW(6)"
		" ORDER BY expires_at LIMIT ?", "u", "b" },
	[LINES] = { "reservation_lines",
		"SELECT l.product_id, l.quantity, p.name, p.price_cents, p.storage_quantity,"
		" p.deleted_at IS NULL FROM reservation_line l"
		" JOIN product p ON p.id = l.product_id WHERE l.reservation_id = ?"
		" ORDER BY l.product_id", "b", "uisiii" },
	[PRODUCTS_LOCK] = { "products_lock_lines",
		"SELECT p.id, p.name, p.price_cents, p.storage_quantity,"
		" p.deleted_at IS NULL FROM JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) j"
		" STRAIGHT_JOIN product p FORCE INDEX (PRIMARY) ON p.id = j.id FOR UPDATE",
		"s", "usiii" },
	[MAKE] = { "reservation_make",
		"INSERT INTO reservation (id, state, expires_at)"
		" VALUES (?, 'held', NOW(6) + INTERVAL ? SECOND)"
		" ON DUPLICATE KEY UPDATE id = id", "bu", "" },
	[HOLD] = { "reservation_hold",
		"UPDATE reservation SET changed_at = NOW(6), expires_at ="
		" GREATEST(IF(state = 'held', expires_at, NOW(6)), NOW(6) + INTERVAL ? SECOND),"
		" state = 'held' WHERE id = ?", "ub", "" },
	[SET] = { "reservation_set",
		"UPDATE reservation SET state = ?, changed_at = NOW(6) WHERE id = ?",
		"sb", "" },
	[LINES_DELETE] = { "reservation_lines_delete",
		"DELETE FROM reservation_line WHERE reservation_id = ?", "b", "" },
	[LINES_PUT] = { "reservation_lines_put",
		"INSERT INTO reservation_line (reservation_id, product_id, quantity)"
		" VALUES (?, ?, ?)", "bui", "" },
	/* the guard is a second line: the caller has compared under the lock */
	[STOCK_MOVE] = { "stock_move",
		"UPDATE product SET storage_quantity = storage_quantity + ?,"
		" version = version + 1, updated_at = NOW(6)"
		" WHERE id = ? AND storage_quantity + ? >= 0", "iui", "" },
	[LEDGER_MOVE] = { "ledger_move",
		"INSERT INTO stock_ledger (product_id, delta, reserved_delta, balance, reason,"
		" reservation_id) VALUES (?, ?, ?, ?, ?, ?)", "uiiisb", "" },
};

static const char *const names[] = {
	[RESERVATION_HELD] = "held",
	[RESERVATION_COMMITTED] = "committed",
	[RESERVATION_RELEASED] = "released",
	[RESERVATION_EXPIRED] = "expired",
};

const char *reservation_state_name(enum reservation_state state)
{
	return names[state];
}

/* -- the reservation ----------------------------------------------------------------- */

enum db_status reservation_lock(struct db *db, const unsigned char *id,
				enum reservation_state *state_r)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[LOCK], &row, db_b(id, RESERVATION_ID));

	if (st != DB_OK)
		return st;
	for (unsigned i = 0; i < COUNT(names); i++) {
		if (strcmp(names[i], row[0].s) == 0) {
			*state_r = i;
			return DB_OK;
		}
	}
	return DB_FAIL;
}

enum db_status reservation_lock_due(struct db *db, const unsigned char *id)
{
	const struct db_val *row;

	return db_one(db, &sql[LOCK_DUE], &row, db_b(id, RESERVATION_ID));
}

enum db_status reservation_due(struct db *db,
			       unsigned char ids_r[RESERVATION_BATCH][RESERVATION_ID],
			       unsigned *count_r)
{
	const struct db_val *row;
	enum db_status st = db_open(db, &sql[DUE], db_u(RESERVATION_BATCH));

	*count_r = 0;
	while (st == DB_OK && (st = db_next(db, &row)) == DB_OK) {
		BUG_ON(*count_r == RESERVATION_BATCH || row[0].len != RESERVATION_ID);
		memcpy(ids_r[(*count_r)++], row[0].s, RESERVATION_ID);
	}
	return st == DB_NONE ? DB_OK : st;
}

enum db_status reservation_make(struct db *db, const unsigned char *id, uint64_t hold_s)
{
	enum db_status st = db_exec(db, &sql[MAKE], db_b(id, RESERVATION_ID), db_u(hold_s));

	return db_changed(db, st);
}

enum db_status reservation_hold(struct db *db, const unsigned char *id, uint64_t hold_s)
{
	return db_exec(db, &sql[HOLD], db_u(hold_s), db_b(id, RESERVATION_ID));
}

enum db_status reservation_set(struct db *db, const unsigned char *id,
			       enum reservation_state state)
{
	return db_exec(db, &sql[SET], db_s(names[state]), db_b(id, RESERVATION_ID));
}

/* -- its lines ----------------------------------------------------------------------- */

enum db_status reservation_lines(struct db *db, const unsigned char *id,
				 struct lines *lines_r)
{
	const struct db_val *row;
	enum db_status st = db_open(db, &sql[LINES], db_b(id, RESERVATION_ID));

	lines_r->count = 0;
	while (st == DB_OK && (st = db_next(db, &row)) == DB_OK) {
		struct line *l = &lines_r->line[lines_r->count];

		lines_add(lines_r, row[0].u, row[1].i);
		l->found = true;
		l->name = row[2].s;
		l->price_cents = row[3].i;
		l->stock = row[4].i;
		l->on_sale = row[5].i != 0;
	}
	return st == DB_NONE ? DB_OK : st;
}

/* [product,…] */
static const char *as_json(const struct lines *lines, struct pool *pool)
{
	const size_t room = 21; /* a comma and a number of 20 digits */
	char *text = pool_alloc(pool, lines->count * room + 3), *p = text;

	*p++ = '[';
	for (unsigned i = 0; i < lines->count; i++)
		p += snprintf(p, room + 1, "%s%" PRIu64, i ? "," : "", lines->line[i].product_id);
	*p++ = ']';
	*p = '\0';
	return text;
}

/* Both are in order of the ids. */
enum db_status products_lock_lines(struct db *db, struct pool *pool, struct lines *lines)
{
	const struct db_val *row;
	enum db_status st = db_open(db, &sql[PRODUCTS_LOCK], db_s(as_json(lines, pool)));
	unsigned i = 0;

	while (st == DB_OK && (st = db_next(db, &row)) == DB_OK) {
		while (i < lines->count && lines->line[i].product_id < row[0].u)
			lines->line[i++].found = false;
		if (i == lines->count || lines->line[i].product_id != row[0].u)
			return DB_FAIL;
		lines->line[i].found = true;
		lines->line[i].name = row[1].s;
		lines->line[i].price_cents = row[2].i;
		lines->line[i].stock = row[3].i;
		lines->line[i++].on_sale = row[4].i != 0;
	}
	while (i < lines->count)
		lines->line[i++].found = false;
	return st == DB_NONE ? DB_OK : st;
}

enum db_status reservation_put_lines(struct db *db, const unsigned char *id,
				     const struct lines *lines, bool replace)
{
	struct db_val args[LINES_MAX * 3], *at = args;
	enum db_status st = DB_OK;

	if (replace)
		st = db_exec(db, &sql[LINES_DELETE], db_b(id, RESERVATION_ID));
	for (unsigned i = 0; i < lines->count; i++) {
		*at++ = db_b(id, RESERVATION_ID);
		*at++ = db_u(lines->line[i].product_id);
		*at++ = db_i(lines->line[i].quantity);
	}
	return st == DB_OK ? db_exec_rows(db, &sql[LINES_PUT], args, lines->count) : st;
}

/* -- the stock ----------------------------------------------------------------------- */

static const struct effect {
	int64_t stock, reserved;
	const char *reason;
} effects[] = {
	[MOVE_RESERVE] = { -1, 1, "reserved" }, [MOVE_RELEASE] = { 1, -1, "released" },
	[MOVE_EXPIRE] = { 1, -1, "expired" },	[MOVE_SELL] = { 0, -1, "sold" },
	[MOVE_TAKE] = { -1, 0, "sold" },	[MOVE_RETURN] = { 1, 0, "returned" },
};

static enum db_status move_stock(struct db *db, const struct lines *lines, int64_t sign)
{
	struct db_val args[LINES_MAX * 3], *at = args;
	enum db_status st;

	for (unsigned i = 0; i < lines->count; i++) {
		*at++ = db_i(sign * lines->line[i].quantity);
		*at++ = db_u(lines->line[i].product_id);
		*at++ = db_i(sign * lines->line[i].quantity);
	}
	st = db_exec_rows(db, &sql[STOCK_MOVE], args, lines->count);
	if (st != DB_OK || db_affected(db) == lines->count)
		return st;
	log_error("stock.guard", LOG_INT("lines", lines->count),
		  LOG_INT("moved", db_affected(db)));
	return DB_FAIL;
}

static enum db_status write_ledger(struct db *db, const unsigned char *id,
				   const struct lines *lines, const struct effect *e)
{
	struct db_val args[LINES_MAX * 6], *at = args;

	for (unsigned i = 0; i < lines->count; i++) {
		const struct line *l = &lines->line[i];

		*at++ = db_u(l->product_id);
		*at++ = db_i(e->stock * l->quantity);
		*at++ = db_i(e->reserved * l->quantity);
		*at++ = db_i(l->stock + e->stock * l->quantity);
		*at++ = db_s(e->reason);
		*at++ = db_b(id, RESERVATION_ID);
	}
	return db_exec_rows(db, &sql[LEDGER_MOVE], args, lines->count);
}

enum db_status reservation_move(struct db *db, const unsigned char *id,
				const struct lines *lines, enum stock_move move)
{
	const struct effect *e = &effects[move];
	enum db_status st = DB_OK;

	if (e->stock)
		st = move_stock(db, lines, e->stock);
	return st == DB_OK ? write_ledger(db, id, lines, e) : st;
}
