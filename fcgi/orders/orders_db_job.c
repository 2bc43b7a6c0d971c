/* orders_db_job.c - the SQL of the jobs, of a user's end and of the audit. */
#include "compat.h"

#include "orders_db_job.h"

enum sql { EXPIRY, HOLD, OF_USER, HELD, AUDIT };

static const struct db_stmt sql[] = {
	[EXPIRY] = { "due_expiry",
		"SELECT id FROM orders WHERE status = 'pending' AND payment_state = 'none'"
		" AND expires_at <= NOW(6) AND ? = 0 ORDER BY expires_at LIMIT 64", "u", "u" },
	[HOLD] = { "due_hold",
		"SELECT id FROM orders WHERE status = 'pending' AND payment_state = 'started'"
		" AND held_until < NOW(6) + INTERVAL 5 MINUTE AND ? = 0 LIMIT 64", "u", "u" },
	[OF_USER] = { "due_of_user",
		"SELECT id FROM orders WHERE user_id = ? AND status = 'pending'"
		" AND payment_state = 'none' ORDER BY id LIMIT 64", "u", "u" },
	[HELD] = { "order_held",
		"UPDATE orders SET held_until = NOW(6) + INTERVAL ? SECOND"
		" WHERE id = ? AND status = 'pending' AND payment_state = 'started'", "uu", "" },
	[AUDIT] = { "order_audit",
		"SELECT o.id, o.status, o.payment_state, o.reservation_id, o.payment_id,"
		" o.total_cents, CAST(IFNULL(SUM(l.unit_cents * l.quantity), 0) AS SIGNED),"
		" o.refunded_cents, TIMESTAMPDIFF(SECOND, o.updated_at, NOW(6)),"
		" CONCAT('[', IFNULL(GROUP_CONCAT(CONCAT('{\"product_id\":', l.product_id,"
		" ',\"quantity\":', l.quantity, '}') ORDER BY l.line_no), ''), ']'),"
		" CASE WHEN o.status IN ('pending') THEN o.payment_state IN ('none', 'started')"
		" WHEN o.status = 'expired' THEN o.payment_state = 'none'"
		" WHEN o.status = 'cancelled' THEN o.payment_state NOT IN ('started', 'captured')"
		" ELSE o.payment_state NOT IN ('none', 'started') END"
		" FROM (SELECT * FROM orders WHERE id > ? ORDER BY id LIMIT ?) o"
		" LEFT JOIN order_line l ON l.order_id = o.id GROUP BY o.id ORDER BY o.id",
		"uu", "ussxxiiiisu" },
};

enum db_status orders_db_due(struct db *db, enum orders_due due, uint64_t of,
			     uint64_t ids[ORDERS_BATCH], unsigned *count)
{
	static const enum sql stmt[] = { [DUE_EXPIRY] = EXPIRY, [DUE_HOLD] = HOLD,
					 [DUE_OF_USER] = OF_USER };
	const struct db_val *row;
	enum db_status st = db_open(db, &sql[stmt[due]], db_u(of));

	*count = 0;
	while (st == DB_OK && (st = db_next(db, &row)) == DB_OK && *count < ORDERS_BATCH)
		ids[(*count)++] = row[0].u;
	return st == DB_NONE ? DB_OK : st;
}

enum db_status orders_db_held(struct db *db, uint64_t id, uint64_t hold_s)
{
	return db_exec(db, &sql[HELD], db_u(hold_s), db_u(id));
}

enum db_status orders_db_audit(struct db *db, uint64_t after, uint64_t limit)
{
	return db_open(db, &sql[AUDIT], db_u(after), db_u(limit));
}

enum db_status orders_db_audit_next(struct db *db, struct order_audit *a)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK)
		*a = (struct order_audit){
			.id = row[0].u, .status = row[1].s, .payment_state = row[2].s,
			.reservation = row[3].s, .payment = row[4].null ? NULL : row[4].s,
			.total_cents = row[5].i, .lines_cents = row[6].i,
			.refunded_cents = row[7].i, .age_s = row[8].i, .lines = row[9].s,
			.state_fits = row[10].u != 0,
		};
	return st;
}
