/* payments_db.c - the statements of halle-payments that concern payments. */
#include "compat.h"

#include "payments_db.h"

enum { ADD, FIND, LOCK, LOCK_NUMBER, SHOW, BEGIN, SETTLE, UNKNOWN, DUE, POSTPONE, LIST_ALL,
       LIST_OWNER, LIST_ORDER, LIST_BOTH, AUDIT };

#define COLUMNS                                                                          \
	"SELECT id, number, order_id, user_id, amount_cents, currency, state, reason, "  \
	"refusal_lines, card_brand, card_last4, fingerprint, refunded_cents, "           \
	"refunding_cents, created_at, updated_at FROM payment "
#define OUT "buuuusssss" "sbuutt"
#define MS "INTERVAL ? * 1000 MICROSECOND"
#define NEWEST " number < ? ORDER BY number DESC LIMIT ?"

static const struct db_stmt sql[] = {
	[ADD] = { "payment_add",
		  "INSERT INTO payment (id, order_id, user_id, card_brand, card_last4, "
		  "fingerprint, due_at) VALUES (?, ?, ?, ?, ?, ?, NOW(6) + " MS ")",
		  "buussbi", "" },
	[FIND] = { "payment", COLUMNS "WHERE id = ?", "b", OUT },
	[LOCK] = { "payment_lock", COLUMNS "WHERE id = ? FOR UPDATE", "b", OUT },
	[LOCK_NUMBER] = { "payment_lock_number", COLUMNS "WHERE number = ? FOR UPDATE", "u",
			  OUT },
	[SHOW] = { "payment_show", COLUMNS "WHERE number = ? AND (? = 0 OR user_id = ?)",
		   "uuu", OUT },
	[BEGIN] = { "payment_begin",
		    "UPDATE payment SET amount_cents = ?, currency = ?, due_at = NOW(6) + " MS
		    " WHERE id = ? AND state = 'initiated'",
		    "usib", "" },
	[SETTLE] = { "payment_settle",
		     "UPDATE payment SET state = ?, reason = ?, refusal_lines = ?, "
		     "bank_reference = ?, due_at = NULL "
		     "WHERE id = ? AND state IN ('initiated', 'unknown')",
		     "ssssb", "" },
	[UNKNOWN] = { "payment_unknown",
		      "UPDATE payment SET state = 'unknown', due_at = NOW(6) + " MS
		      " WHERE id = ? AND state = 'initiated'",
		      "ib", "" },
	[DUE] = { "payment_due",
		  "SELECT id, attempts FROM payment WHERE due_at <= NOW(6) ORDER BY due_at "
		  "LIMIT 20 FOR UPDATE SKIP LOCKED",
		  "", "bu" },
	[POSTPONE] = { "payment_postpone",
		       "UPDATE payment SET due_at = NOW(6) + " MS ", attempts = attempts + 1 "
		       "WHERE id = ? AND state IN ('initiated', 'unknown')",
		       "ib", "" },
	[LIST_ALL] = { "payment_list", COLUMNS "WHERE" NEWEST, "uu", OUT },
	[LIST_OWNER] = { "payment_list_owner", COLUMNS "WHERE user_id = ? AND" NEWEST, "uuu",
			 OUT },
	[LIST_ORDER] = { "payment_list_order", COLUMNS "WHERE order_id = ? AND" NEWEST, "uuu",
			 OUT },
	[LIST_BOTH] = { "payment_list_both",
			COLUMNS "WHERE order_id = ? AND user_id = ? AND" NEWEST, "uuuu", OUT },
	[AUDIT] = { "payment_audit", COLUMNS "WHERE number > ? ORDER BY number LIMIT ?", "uu",
		    OUT },
};

static const char *const state_names[] = {
	[PAYMENT_INITIATED] = "initiated", [PAYMENT_UNKNOWN] = "unknown",
	[PAYMENT_CAPTURED] = "captured",   [PAYMENT_DECLINED] = "declined",
	[PAYMENT_FAILED] = "failed",
};

const char *payment_state_name(enum payment_state state)
{
	return state_names[state];
}

static enum payment_state parse_state(const char *name)
{
	enum payment_state s = PAYMENT_INITIATED;

	while (s < PAYMENT_FAILED && strcmp(state_names[s], name) != 0)
		s++;
	return s;
}

static void take(const struct db_val *row, struct payment *out)
{
	*out = (struct payment){ .number = row[1].u, .order_id = row[2].u,
				 .user_id = row[3].u, .amount_cents = row[4].u,
				 .begun = !row[4].null, .currency = row[5].s,
				 .state = parse_state(row[6].s), .reason = row[7].s,
				 .refusal_lines = row[8].s, .card_brand = row[9].s,
				 .card_last4 = row[10].s, .refunded_cents = row[12].u,
				 .refunding_cents = row[13].u, .created_us = row[14].i,
				 .updated_us = row[15].i };
	memcpy(out->id, row[0].s, sizeof(out->id));
	memcpy(out->fingerprint, row[11].s, sizeof(out->fingerprint));
}

enum db_status payments_db_add(struct db *db, const struct payment *p, int64_t due_ms)
{
	return db_exec(db, &sql[ADD], db_b(p->id, PAYMENT_ID), db_u(p->order_id),
		       db_u(p->user_id), db_s(p->card_brand), db_s(p->card_last4),
		       db_b(p->fingerprint, PAYMENT_HASH), db_i(due_ms));
}

static enum db_status read_by_id(struct db *db, const struct db_stmt *stmt,
				 const unsigned char id[PAYMENT_ID], struct payment *out)
{
	const struct db_val *row;
	enum db_status st = db_one(db, stmt, &row, db_b(id, PAYMENT_ID));

	if (st == DB_OK)
		take(row, out);
	return st;
}

enum db_status payments_db_find(struct db *db, const unsigned char id[PAYMENT_ID],
				struct payment *out)
{
	return read_by_id(db, &sql[FIND], id, out);
}

enum db_status payments_db_lock(struct db *db, const unsigned char id[PAYMENT_ID],
				struct payment *out)
{
	return read_by_id(db, &sql[LOCK], id, out);
}

enum db_status payments_db_lock_number(struct db *db, uint64_t number, struct payment *out)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[LOCK_NUMBER], &row, db_u(number));

	if (st == DB_OK)
		take(row, out);
	return st;
}

enum db_status payments_db_show(struct db *db, uint64_t number, uint64_t owner,
				struct payment *out)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[SHOW], &row, db_u(number), db_u(owner), db_u(owner));

	if (st == DB_OK)
		take(row, out);
	return st;
}

enum db_status payments_db_begin(struct db *db, const unsigned char id[PAYMENT_ID],
				 uint64_t amount_cents, const char *currency, int64_t due_ms)
{
	return db_changed(db, db_exec(db, &sql[BEGIN], db_u(amount_cents), db_s(currency),
				      db_i(due_ms), db_b(id, PAYMENT_ID)));
}

enum db_status payments_db_settle(struct db *db, const struct settlement *s)
{
	return db_changed(db, db_exec(db, &sql[SETTLE], db_s(state_names[s->state]),
				      db_s(s->reason), db_s(s->refusal_lines),
				      db_s(s->reference), db_b(s->id, PAYMENT_ID)));
}

enum db_status payments_db_unknown(struct db *db, const unsigned char id[PAYMENT_ID],
				   int64_t due_ms)
{
	return db_exec(db, &sql[UNKNOWN], db_i(due_ms), db_b(id, PAYMENT_ID));
}

enum db_status payments_db_due(struct db *db)
{
	return db_open(db, &sql[DUE]);
}

enum db_status payments_db_due_next(struct db *db, unsigned char id_r[PAYMENT_ID],
				    uint64_t *attempts_r)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK) {
		memcpy(id_r, row[0].s, PAYMENT_ID);
		*attempts_r = row[1].u;
	}
	return st;
}

enum db_status payments_db_postpone(struct db *db, const unsigned char id[PAYMENT_ID],
				    int64_t due_ms)
{
	return db_changed(db, db_exec(db, &sql[POSTPONE], db_i(due_ms), db_b(id, PAYMENT_ID)));
}

enum db_status payments_db_list(struct db *db, uint64_t owner, uint64_t order, uint64_t before,
				uint64_t limit)
{
	struct db_val b = db_u(before), n = db_u(limit);

	if (owner && order)
		return db_open(db, &sql[LIST_BOTH], db_u(order), db_u(owner), b, n);
	if (owner)
		return db_open(db, &sql[LIST_OWNER], db_u(owner), b, n);
	if (order)
		return db_open(db, &sql[LIST_ORDER], db_u(order), b, n);
	return db_open(db, &sql[LIST_ALL], b, n);
}

enum db_status payments_db_audit(struct db *db, uint64_t after, uint64_t limit)
{
	return db_open(db, &sql[AUDIT], db_u(after), db_u(limit));
}

enum db_status payments_db_list_next(struct db *db, struct payment *out)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK)
		take(row, out);
	return st;
}
