/* payments_db_refund.c - the statements of halle-payments that concern refunds. */
#include "compat.h"

#include "payments_db_refund.h"

enum { HOLD, UNHOLD, ADD, FIND, SETTLE, UNKNOWN, DUE, POSTPONE, OF };

#define COLUMNS                                                                          \
	"SELECT id, payment_id, number, amount_cents, whole, state, user_id, created_at " \
	"FROM refund "
#define OUT "bbuuusut"
#define MS "INTERVAL ? * 1000 MICROSECOND"

static const struct db_stmt sql[] = {
	[HOLD] = { "refund_hold",
		   "UPDATE payment SET refunding_cents = refunding_cents + ? WHERE id = ? AND "
		   "(state = 'captured' OR reason = 'DUPLICATE') AND "
		   "amount_cents - refunded_cents - refunding_cents >= ?",
		   "ubu", "" },
	[UNHOLD] = { "refund_unhold",
		     "UPDATE payment SET refunding_cents = refunding_cents - ?, "
		     "refunded_cents = refunded_cents + ? WHERE id = ?",
		     "uub", "" },
	[ADD] = { "refund_add",
		  "INSERT INTO refund (id, payment_id, amount_cents, whole, user_id, due_at) "
		  "VALUES (?, ?, ?, ?, NULLIF(?, 0), NOW(6) + " MS ")",
		  "bbuuui", "" },
	[FIND] = { "refund", COLUMNS "WHERE id = ?", "b", OUT },
	[SETTLE] = { "refund_settle",
		     "UPDATE refund SET state = ?, due_at = NULL "
		     "WHERE id = ? AND state IN ('initiated', 'unknown')",
		     "sb", "" },
	[UNKNOWN] = { "refund_unknown",
		      "UPDATE refund SET state = 'unknown', due_at = NOW(6) + " MS
		      " WHERE id = ? AND state = 'initiated'",
		      "ib", "" },
	[DUE] = { "refund_due",
		  "SELECT id, attempts FROM refund WHERE due_at <= NOW(6) ORDER BY due_at "
		  "LIMIT 20 FOR UPDATE SKIP LOCKED",
		  "", "bu" },
	[POSTPONE] = { "refund_postpone",
		       "UPDATE refund SET due_at = NOW(6) + " MS ", attempts = attempts + 1 "
		       "WHERE id = ? AND state IN ('initiated', 'unknown')",
		       "ib", "" },
	[OF] = { "refunds_of", COLUMNS "WHERE payment_id = ? ORDER BY number LIMIT 1000", "b",
		 OUT },
};

enum db_status refunds_db_hold(struct db *db, const unsigned char payment_id[PAYMENT_ID],
			       uint64_t amount_cents)
{
	return db_changed(db, db_exec(db, &sql[HOLD], db_u(amount_cents),
				      db_b(payment_id, PAYMENT_ID), db_u(amount_cents)));
}

enum db_status refunds_db_unhold(struct db *db, const unsigned char payment_id[PAYMENT_ID],
				 uint64_t amount_cents, bool refunded)
{
	return db_exec(db, &sql[UNHOLD], db_u(amount_cents), db_u(refunded ? amount_cents : 0),
		       db_b(payment_id, PAYMENT_ID));
}

static void take(const struct db_val *row, struct refund *out)
{
	*out = (struct refund){ .number = row[2].u, .amount_cents = row[3].u,
				.whole = row[4].u != 0, .state = row[5].s,
				.user_id = row[6].null ? 0 : row[6].u,
				.created_us = row[7].i };
	memcpy(out->id, row[0].s, PAYMENT_ID);
	memcpy(out->payment_id, row[1].s, PAYMENT_ID);
}

enum db_status refunds_db_add(struct db *db, const struct refund *r, int64_t due_ms)
{
	return db_exec(db, &sql[ADD], db_b(r->id, PAYMENT_ID), db_b(r->payment_id, PAYMENT_ID),
		       db_u(r->amount_cents), db_u(r->whole), db_u(r->user_id), db_i(due_ms));
}

enum db_status refunds_db_find(struct db *db, const unsigned char id[PAYMENT_ID],
			       struct refund *out)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[FIND], &row, db_b(id, PAYMENT_ID));

	if (st == DB_OK)
		take(row, out);
	return st;
}

enum db_status refunds_db_settle(struct db *db, const unsigned char id[PAYMENT_ID],
				 const char *state)
{
	return db_changed(db, db_exec(db, &sql[SETTLE], db_s(state), db_b(id, PAYMENT_ID)));
}

enum db_status refunds_db_unknown(struct db *db, const unsigned char id[PAYMENT_ID],
				  int64_t due_ms)
{
	return db_exec(db, &sql[UNKNOWN], db_i(due_ms), db_b(id, PAYMENT_ID));
}

enum db_status refunds_db_due(struct db *db)
{
	return db_open(db, &sql[DUE]);
}

enum db_status refunds_db_due_next(struct db *db, unsigned char id_r[PAYMENT_ID],
				   uint64_t *attempts_r)
{
	return payments_db_due_next(db, id_r, attempts_r);
}

enum db_status refunds_db_postpone(struct db *db, const unsigned char id[PAYMENT_ID],
				   int64_t due_ms)
{
	return db_changed(db, db_exec(db, &sql[POSTPONE], db_i(due_ms), db_b(id, PAYMENT_ID)));
}

enum db_status refunds_db_of(struct db *db, const unsigned char payment_id[PAYMENT_ID])
{
	return db_open(db, &sql[OF], db_b(payment_id, PAYMENT_ID));
}

enum db_status refunds_db_of_next(struct db *db, struct refund *out)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK)
		take(row, out);
	return st;
}
