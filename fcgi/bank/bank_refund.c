/* bank_refund.c - refunds: never more than is left of the charge, one outcome per key. */
#include "compat.h"

#include "bank.h"
#include "bank_db.h"
#include "crash.h"
#include "money.h"
#include "rnd.h"

struct refund_in {
	const char *key, *charge_key;
	uint64_t amount_cents;
};

static const struct field fields[] = {
	FIELD_STR(struct refund_in, key, 36, 36, .required = true, .check = uuid_is),
	FIELD_STR(struct refund_in, charge_key, 36, 36, .required = true,
		  .check = uuid_is),
	FIELD_U64(struct refund_in, amount_cents, 1, MONEY_MAX, .required = true),
	{ 0 }
};

/* The row is first, so that two calls with one key wait for each other there. */
static enum db_status record(struct db *db, void *arg)
{
	struct bank_refund *r = arg;
	enum db_status st;

	r->outcome = "refunded";
	st = bank_db_refund_add(db, r);
	if (st != DB_OK)
		return st;
	st = bank_db_charge_refund(db, r->charge_key, r->amount_cents);
	if (st != DB_NONE)
		return st;
	r->outcome = "refused";
	return bank_db_refund_refuse(db, r->key);
}

static int settle(struct req *req, struct bank_refund *r)
{
	struct bank_refund wanted = *r;
	enum db_status st = db_tx(req->db, record, r);

	if (st == DB_CONFLICT)
		st = bank_db_refund(req->db, wanted.key, r);
	if (st != DB_OK)
		return resp_db(req, st == DB_NONE ? DB_FAIL : st);
	if (r->amount_cents != wanted.amount_cents ||
	    memcmp(r->charge_key, wanted.charge_key, sizeof(r->charge_key)) != 0)
		return resp_error(req, ERR_IDEMPOTENCY_KEY_REUSED);
	return 0;
}

static int answer(struct req *req, const struct bank_refund *r)
{
	struct jw *w = resp_data(req, 200);
	char key[UUID_TEXT];

	jw_obj(w);
	jw_kstr(w, "key", uuid_text(r->key, key));
	jw_kstr(w, "status", r->outcome);
	jw_ku64(w, "amount_cents", r->amount_cents);
	jw_end_obj(w);
	return resp_done(req);
}

int bank_refund(struct req *req)
{
	struct bank_refund r = { .outcome = NULL };
	struct refund_in in;
	enum bank_fail fail;

	if (bank_enter(req, &fail) < 0 || req_body(req, fields, &in, sizeof(in), NULL) < 0)
		return -1;
	BUG_ON(uuid_parse(in.key, strlen(in.key), r.key) < 0);
	BUG_ON(uuid_parse(in.charge_key, strlen(in.charge_key), r.charge_key) < 0);
	r.amount_cents = in.amount_cents;
	if (settle(req, &r) < 0)
		return -1;
	if (fail == BANK_FAIL_AFTER || CRASH_POINT("bank_refunded"))
		return resp_error(req, ERR_INTERNAL);
	return strcmp(r.outcome, "refunded") == 0 ? answer(req, &r) :
						    resp_error(req, ERR_REFUND_TOO_LARGE);
}
