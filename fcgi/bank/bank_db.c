/* bank_db.c - the statements of halle-bank. */
#include "compat.h"

#include "bank_db.h"

enum { CHARGE, CHARGE_ADD, CHARGE_REFUND, REFUND, REFUND_ADD, REFUND_REFUSE, BEHAVIOUR,
       BEHAVIOUR_SET, AUDIT };

#define CHARGE_COLUMNS                                                                   \
	"c.charge_key, c.number, c.amount_cents, c.refunded_cents, c.currency, c.outcome, " \
	"c.decline_code, c.reference, c.card_brand, c.card_last4"
#define CHARGE_OUT "buuussssss"
#define CHARGE_COUNT 10

static const struct db_stmt sql[] = {
	[CHARGE] = { "charge",
		     "SELECT " CHARGE_COLUMNS " FROM charge c WHERE c.charge_key = ?", "b",
		     CHARGE_OUT },
	[CHARGE_ADD] = { "charge_add",
			 "INSERT INTO charge (charge_key, amount_cents, currency, outcome, "
			 "decline_code, reference, card_brand, card_last4) "
			 "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			 "busss" "sss", "" },
	[CHARGE_REFUND] = { "charge_refund",
			    "UPDATE charge SET refunded_cents = refunded_cents + ? "
			    "WHERE charge_key = ? AND outcome = 'approved' AND "
			    "amount_cents - refunded_cents >= ?",
			    "ubu", "" },
	[REFUND] = { "refund",
		     "SELECT charge_key, amount_cents, outcome FROM bank_refund "
		     "WHERE refund_key = ?",
		     "b", "bus" },
	[REFUND_ADD] = { "refund_add",
			 "INSERT INTO bank_refund (refund_key, charge_key, amount_cents, "
			 "outcome) VALUES (?, ?, ?, ?)",
			 "bbus", "" },
	[REFUND_REFUSE] = { "refund_refuse",
			    "UPDATE bank_refund SET outcome = 'refused' WHERE refund_key = ?",
			    "b", "" },
	[BEHAVIOUR] = { "behaviour",
			"SELECT failure_rate, latency_ms, down FROM behaviour WHERE id = 1", "",
			"uuu" },
	[BEHAVIOUR_SET] = { "behaviour_set",
			    "UPDATE behaviour SET failure_rate = ?, latency_ms = ?, down = ? "
			    "WHERE id = 1",
			    "uuu", "" },
	[AUDIT] = { "charge_audit",
		    "SELECT " CHARGE_COLUMNS ", (SELECT CAST(COALESCE(SUM(r.amount_cents), 0) "
		    "AS UNSIGNED) FROM bank_refund r WHERE r.charge_key = c.charge_key AND "
		    "r.outcome = 'refunded') FROM charge c WHERE c.number > ? "
		    "ORDER BY c.number LIMIT ?",
		    "uu", CHARGE_OUT "u" },
};

static void take_charge(const struct db_val *row, struct charge *out)
{
	*out = (struct charge){ .number = row[1].u, .amount_cents = row[2].u,
				.refunded_cents = row[3].u, .currency = row[4].s,
				.outcome = row[5].s, .decline_code = row[6].s,
				.reference = row[7].s, .card_brand = row[8].s,
				.card_last4 = row[9].s };
	memcpy(out->key, row[0].s, sizeof(out->key));
}

enum db_status bank_db_charge(struct db *db, const unsigned char key[16], struct charge *out)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[CHARGE], &row, db_b(key, 16));

	if (st == DB_OK)
		take_charge(row, out);
	return st;
}

enum db_status bank_db_charge_add(struct db *db, const struct charge *c)
{
	return db_exec(db, &sql[CHARGE_ADD], db_b(c->key, 16), db_u(c->amount_cents),
		       db_s(c->currency), db_s(c->outcome), db_s(c->decline_code),
		       db_s(c->reference), db_s(c->card_brand), db_s(c->card_last4));
}

enum db_status bank_db_charge_refund(struct db *db, const unsigned char key[16],
				     uint64_t amount_cents)
{
	return db_changed(db, db_exec(db, &sql[CHARGE_REFUND], db_u(amount_cents),
				      db_b(key, 16), db_u(amount_cents)));
}

enum db_status bank_db_refund(struct db *db, const unsigned char key[16],
			      struct bank_refund *out)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[REFUND], &row, db_b(key, 16));

	if (st != DB_OK)
		return st;
	*out = (struct bank_refund){ .amount_cents = row[1].u, .outcome = row[2].s };
	memcpy(out->key, key, 16);
	memcpy(out->charge_key, row[0].s, 16);
	return DB_OK;
}

enum db_status bank_db_refund_add(struct db *db, const struct bank_refund *r)
{
	return db_exec(db, &sql[REFUND_ADD], db_b(r->key, 16),
		       db_b(r->charge_key, 16), db_u(r->amount_cents), db_s(r->outcome));
}

enum db_status bank_db_refund_refuse(struct db *db, const unsigned char key[16])
{
	return db_exec(db, &sql[REFUND_REFUSE], db_b(key, 16));
}

enum db_status bank_db_behaviour(struct db *db, struct behaviour *out)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[BEHAVIOUR], &row);

	if (st == DB_OK)
		*out = (struct behaviour){ .failure_rate = row[0].u, .latency_ms = row[1].u,
					   .down = row[2].u != 0 };
	return st;
}

enum db_status bank_db_behaviour_set(struct db *db, const struct behaviour *b)
{
	return db_exec(db, &sql[BEHAVIOUR_SET], db_u(b->failure_rate), db_u(b->latency_ms),
		       db_u(b->down));
}

enum db_status bank_db_audit(struct db *db, uint64_t after, uint64_t limit)
{
	return db_open(db, &sql[AUDIT], db_u(after), db_u(limit));
}

enum db_status bank_db_audit_next(struct db *db, struct charge *out, uint64_t *sum_r)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK) {
		take_charge(row, out);
		*sum_r = row[CHARGE_COUNT].u;
	}
	return st;
}
