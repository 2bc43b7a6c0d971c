/* orders_db.c - the SQL of orders. */
#include "compat.h"

#include "orders_db.h"

#define COLUMNS                                                                          \
	"o.id, o.user_id, o.user_name, o.status, o.version, o.total_cents,"              \
	" o.reservation_id, IFNULL(o.cart_version, 0), o.payment_id, o.payment_state,"   \
	" o.refunded_cents, o.expires_at <= NOW(6), o.expires_at, o.created_at,"         \
	" o.updated_at, l.product_id, l.product_name, l.unit_cents, l.quantity"
#define OUT "uussuibubsiutttusii"
#define ONE                                                                              \
	"SELECT " COLUMNS " FROM orders o JOIN order_line l ON l.order_id = o.id"        \
	" WHERE o.id = ? AND (o.user_id = ? OR ? = 0) ORDER BY l.line_no"
#define PAGE(where)                                                                      \
	"SELECT " COLUMNS " FROM (SELECT * FROM orders WHERE id < ?" where               \
	" ORDER BY id DESC LIMIT ?) o JOIN order_line l ON l.order_id = o.id"            \
	" ORDER BY o.id DESC, l.line_no"
#define INSTANT "TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? MICROSECOND"
#define CHANGED "version = version + 1, updated_at = NOW(6)"

enum sql {
	GET, LOCK, LIST, LIST_STATUS, LIST_USER, LIST_USER_STATUS, EVENTS,
	USER_LOCK, USER_DELETE, STANDING, MADE, INSERT, LINES, LINES_DELETE, REPLACE,
	STATUS, EVENT, FIRST_EVENT, START, PAYMENT, HEARD, HEAR, FORGET
};

static const struct db_stmt sql[] = {
	[GET] = { "order_get", ONE, "uuu", OUT },
	[LOCK] = { "order_lock", ONE " FOR UPDATE", "uuu", OUT },
	[LIST] = { "order_list", PAGE(""), "uu", OUT },
	[LIST_STATUS] = { "order_list_status", PAGE(" AND status = ?"), "usu", OUT },
	[LIST_USER] = { "order_list_user", PAGE(" AND user_id = ?"), "uuu", OUT },
	[LIST_USER_STATUS] = { "order_list_user_status",
		PAGE(" AND user_id = ? AND status = ?"), "uusu", OUT },
	[EVENTS] = { "order_events",
		"SELECT type, detail, IFNULL(actor, 0), created_at FROM order_event"
		" WHERE order_id = ? ORDER BY id", "u", "ssut" },
	[USER_LOCK] = { "user_lock",
		"INSERT INTO order_user (user_id, changes) VALUES (?, LAST_INSERT_ID(1))"
		" ON DUPLICATE KEY UPDATE changes = LAST_INSERT_ID(changes + 1)", "u", "" },
	[USER_DELETE] = { "user_delete",
		"INSERT INTO order_user (user_id, deleted, changes) VALUES (?, 1, 1)"
		" ON DUPLICATE KEY UPDATE deleted = 1, changes = changes + 1", "u", "" },
	[STANDING] = { "order_standing",
		"SELECT COUNT(o.id), NOW(6), COALESCE(MAX(u.deleted), 0),"
		" COALESCE(MAX(u.changes), 0) FROM order_user u"
		" LEFT JOIN orders o FORCE INDEX (user)"
		" ON o.user_id = u.user_id AND o.status = 'pending' WHERE u.user_id = ?",
		"u", "utuu" },
	[MADE] = { "order_made",
		"SELECT id FROM orders WHERE reservation_id = ? AND user_id = ? UNION"
		" SELECT id FROM orders WHERE user_id = ? AND cart_version = ? LIMIT 1",
		"buuu", "u" },
	[INSERT] = { "order_insert",
		"INSERT INTO orders (user_id, user_name, total_cents, reservation_id,"
		" cart_version, expires_at, held_until, created_at, updated_at)"
		" VALUES (?, ?, ?, ?, NULLIF(?, 0), " INSTANT ", " INSTANT ", " INSTANT ","
		" " INSTANT ")", "usibuiiii", "" },
	[LINES] = { "order_lines_insert",
		"INSERT INTO order_line (order_id, line_no, product_id, product_name,"
		" unit_cents, quantity) VALUES (?, ?, ?, ?, ?, ?)", "uuusii", "" },
	[LINES_DELETE] = { "order_lines_delete",
		"DELETE FROM order_line WHERE order_id = ?", "u", "" },
	[REPLACE] = { "order_replace",
		"UPDATE orders SET total_cents = ?, reservation_id = ?,"
		" expires_at = NOW(6) + INTERVAL ? SECOND,"
		" held_until = NOW(6) + INTERVAL ? SECOND, " CHANGED
		" WHERE id = ? AND version = ? AND status = 'pending'"
		" AND payment_state = 'none' AND expires_at > NOW(6)",
		"ibuuuu", "" },
	[STATUS] = { "order_status",
		"UPDATE orders SET status = ?, " CHANGED " WHERE id = ? AND status = ?",
		"sus", "" },
	[EVENT] = { "order_event",
		"INSERT INTO order_event (order_id, type, detail, actor)"
		" VALUES (?, ?, ?, NULLIF(?, 0))", "ussu", "" },
	[FIRST_EVENT] = { "order_first_event",
		"INSERT INTO order_event (order_id, type, detail, actor, created_at)"
		" VALUES (?, 'status', 'pending', ?, " INSTANT ")", "uui", "" },
	[START] = { "order_start",
		"UPDATE orders SET payment_id = ?, payment_state = 'started',"
		" held_until = NOW(6) + INTERVAL ? SECOND, " CHANGED
		" WHERE id = ? AND version = ? AND status = 'pending'"
		" AND payment_state = 'none' AND expires_at > NOW(6)", "buuu", "" },
	[PAYMENT] = { "order_payment",
		"UPDATE orders SET payment_id = IF(? = 'none', NULL, payment_id),"
		" payment_state = ?, refunded_cents = ?, " CHANGED
		" WHERE id = ? AND payment_id = ? AND payment_state = ?", "ssiubs", "" },
	[HEARD] = { "payment_heard",
		"SELECT state FROM order_payment WHERE payment_id = ?", "b", "s" },
	[HEAR] = { "payment_hear",
		"INSERT INTO order_payment (payment_id, order_id, state, amount_cents)"
		" VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE state = VALUES(state)",
		"busi", "" },
	[FORGET] = { "order_forget_name",
		"UPDATE orders SET user_name = NULL WHERE user_id = ?", "u", "" },
};

/* -- reading ------------------------------------------------------------------------- */

static void take_id(const struct db_val *v, unsigned char id[UUID_BYTES])
{
	if (!v->null && v->len == UUID_BYTES)
		memcpy(id, v->s, UUID_BYTES);
}

static void take_head(const struct db_val *row, struct order *o)
{
	*o = (struct order){
		.id = row[0].u, .user_id = row[1].u, .user_name = row[2].s,
		.status = row[3].s, .version = row[4].u, .total_cents = row[5].i,
		.cart_version = row[7].u, .has_payment = !row[8].null,
		.payment_state = row[9].s, .refunded_cents = row[10].i,
		.overdue = row[11].u != 0, .expires_us = row[12].i,
		.created_us = row[13].i, .updated_us = row[14].i,
	};
	take_id(&row[6], o->reservation);
	take_id(&row[8], o->payment);
}

/* A line beyond ORDER_LINES_MAX cannot have been written. */
static void take_line(const struct db_val *row, struct order *o)
{
	if (o->count < ORDER_LINES_MAX)
		o->line[o->count++] = (struct order_line){ .product_id = row[15].u,
							   .name = row[16].s,
							   .unit_cents = row[17].i,
							   .quantity = row[18].i };
}

static enum db_status read_one(struct db *db, const struct db_stmt *stmt, uint64_t id,
			       uint64_t user_id, struct order *o)
{
	const struct db_val *row;
	enum db_status st = db_open(db, stmt, db_u(id), db_u(user_id), db_u(user_id));

	o->id = 0;
	while (st == DB_OK && (st = db_next(db, &row)) == DB_OK) {
		if (!o->id)
			take_head(row, o);
		take_line(row, o);
	}
	return st == DB_NONE && o->id ? DB_OK : st;
}

enum db_status orders_db_get(struct db *db, uint64_t id, uint64_t user_id, struct order *o)
{
	return read_one(db, &sql[GET], id, user_id, o);
}

enum db_status orders_db_lock(struct db *db, uint64_t id, uint64_t user_id, struct order *o)
{
	return read_one(db, &sql[LOCK], id, user_id, o);
}

enum db_status orders_db_list(struct db *db, const struct order_query *q)
{
	struct db_val before = db_u(q->before ? q->before : INT64_MAX);
	struct db_val user = db_u(q->user_id), limit = db_u(q->limit);

	if (q->user_id && q->status)
		return db_open(db, &sql[LIST_USER_STATUS], before, user, db_s(q->status), limit);
	if (q->user_id)
		return db_open(db, &sql[LIST_USER], before, user, limit);
	if (q->status)
		return db_open(db, &sql[LIST_STATUS], before, db_s(q->status), limit);
	return db_open(db, &sql[LIST], before, limit);
}

/* The first row of the next order is kept in walk until it is asked for. */
enum db_status orders_db_list_next(struct db *db, struct order_walk *walk)
{
	struct order *o = walk->order;
	enum db_status st = DB_OK;

	if (!walk->ended && !walk->row)
		st = db_next(db, &walk->row);
	if (walk->ended || st != DB_OK)
		return walk->ended ? DB_NONE : st;
	take_head(walk->row, o);
	do
		take_line(walk->row, o);
	while ((st = db_next(db, &walk->row)) == DB_OK && walk->row[0].u == o->id);
	walk->ended = st == DB_NONE;
	return walk->ended ? DB_OK : st;
}

enum db_status orders_db_events(struct db *db, uint64_t order_id)
{
	return db_open(db, &sql[EVENTS], db_u(order_id));
}

enum db_status orders_db_events_next(struct db *db, struct order_event *e)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK)
		*e = (struct order_event){ row[0].s, row[1].null ? NULL : row[1].s, row[2].u,
					   row[3].i };
	return st;
}

/* -- making -------------------------------------------------------------------------- */

enum db_status orders_db_lock_user(struct db *db, uint64_t user_id, uint64_t *changes_r)
{
	enum db_status st = db_exec(db, &sql[USER_LOCK], db_u(user_id));

	*changes_r = db_insert_id(db);
	return st;
}

enum db_status orders_db_delete_user(struct db *db, uint64_t user_id)
{
	return db_exec(db, &sql[USER_DELETE], db_u(user_id));
}

enum db_status orders_db_standing(struct db *db, uint64_t user_id,
				  struct standing *standing)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[STANDING], &row, db_u(user_id));

	if (st == DB_OK)
		*standing = (struct standing){ row[0].u, row[1].i, row[2].u != 0, row[3].u };
	return st;
}

enum db_status orders_db_made(struct db *db, const struct order *o, uint64_t *id_r)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[MADE], &row, db_b(o->reservation, UUID_BYTES),
				   db_u(o->user_id), db_u(o->user_id), db_u(o->cart_version));

	if (st == DB_OK)
		*id_r = row[0].u;
	return st;
}

static enum db_status put_lines(struct db *db, const struct order *o)
{
	struct db_val args[ORDER_LINES_MAX * 6], *at = args;

	for (unsigned i = 0; i < o->count; i++) {
		const struct order_line *l = &o->line[i];

		*at++ = db_u(o->id);
		*at++ = db_u(i + 1);
		*at++ = db_u(l->product_id);
		*at++ = db_s(l->name);
		*at++ = db_i(l->unit_cents);
		*at++ = db_i(l->quantity);
	}
	return db_exec_rows(db, &sql[LINES], args, o->count);
}

enum db_status orders_db_insert(struct db *db, struct order *o, int64_t now_us,
				uint64_t hold_s)
{
	enum db_status st;

	o->version = 1;
	o->status = "pending";
	o->payment_state = "none";
	o->created_us = o->updated_us = now_us;
	o->expires_us = now_us + (int64_t)hold_s * 1000000;
	st = db_exec(db, &sql[INSERT], db_u(o->user_id), db_s(o->user_name),
		     db_i(o->total_cents), db_b(o->reservation, UUID_BYTES),
		     db_u(o->cart_version), db_i(o->expires_us), db_i(o->expires_us),
		     db_i(now_us), db_i(now_us));
	if (st != DB_OK)
		return st;
	o->id = db_insert_id(db);
	st = put_lines(db, o);
	if (st == DB_OK)
		st = db_exec(db, &sql[FIRST_EVENT], db_u(o->id), db_u(o->user_id),
			     db_i(now_us));
	return st == DB_CONFLICT ? DB_FAIL : st;
}

enum db_status orders_db_replace(struct db *db, const struct order *o, uint64_t hold_s)
{
	enum db_status st;

	st = db_exec(db, &sql[REPLACE], db_i(o->total_cents), db_b(o->reservation, UUID_BYTES),
		     db_u(hold_s), db_u(hold_s), db_u(o->id), db_u(o->version));
	st = db_changed(db, st);
	if (st == DB_OK)
		st = db_exec(db, &sql[LINES_DELETE], db_u(o->id));
	return st == DB_OK ? put_lines(db, o) : st;
}

enum db_status orders_db_status(struct db *db, const struct order *o, const char *to)
{
	enum db_status st;

	st = db_exec(db, &sql[STATUS], db_s(to), db_u(o->id), db_s(o->status));
	return db_changed(db, st);
}

enum db_status orders_db_event(struct db *db, uint64_t order_id, const char *type,
			       const char *detail, uint64_t actor)
{
	return db_exec(db, &sql[EVENT], db_u(order_id), db_s(type), db_s(detail), db_u(actor));
}

/* -- payments ------------------------------------------------------------------------ */

enum db_status orders_db_start(struct db *db, const struct order *o,
			       const unsigned char *payment, uint64_t hold_s)
{
	enum db_status st;

	st = db_exec(db, &sql[START], db_b(payment, UUID_BYTES), db_u(hold_s), db_u(o->id),
		     db_u(o->version));
	return db_changed(db, st);
}

enum db_status orders_db_payment(struct db *db, const struct order *o, const char *state,
				 int64_t refunded_cents)
{
	enum db_status st;

	st = db_exec(db, &sql[PAYMENT], db_s(state), db_s(state), db_i(refunded_cents),
		     db_u(o->id), db_b(o->payment, UUID_BYTES), db_s(o->payment_state));
	return db_changed(db, st);
}

enum db_status orders_db_heard(struct db *db, const unsigned char *payment, const char **state)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[HEARD], &row, db_b(payment, UUID_BYTES));

	if (st == DB_OK)
		*state = row[0].s;
	return st;
}

enum db_status orders_db_hear(struct db *db, const unsigned char *payment, uint64_t order_id,
			      const char *state, int64_t cents)
{
	return db_exec(db, &sql[HEAR], db_b(payment, UUID_BYTES), db_u(order_id), db_s(state),
		       db_i(cents));
}

enum db_status orders_db_forget_name(struct db *db, uint64_t user_id)
{
	return db_exec(db, &sql[FORGET], db_u(user_id));
}
