/*
 * bank_charge.c - charges: one outcome per key for ever, whatever becomes of the answer.
 */
#include "compat.h"

#include "bank.h"
#include "bank_cards.h"
#include "bank_db.h"
#include "crash.h"
#include "money.h"
#include "outbox.h"
#include "rnd.h"

#define SLOW_MS 300
#define LATE_MS 3000
#define LAST4	4

struct charge_in {
	const char *key, *currency;
	uint64_t amount_cents;
};

static const struct field fields[] = {
	FIELD_STR(struct charge_in, key, 36, 36, .required = true, .check = uuid_is),
	FIELD_STR(struct charge_in, currency, 3, 3, .required = true),
	FIELD_U64(struct charge_in, amount_cents, 1, MONEY_MAX, .required = true),
	{ 0 }
};

struct card_in {
	const char *number, *cvc, *brand;
	uint64_t exp_month, exp_year;
};

static const struct field card_fields[] = {
	FIELD_STR(struct card_in, number, 12, 19, .required = true),
	FIELD_STR(struct card_in, brand, 1, 16, .required = true),
	FIELD_U64(struct card_in, exp_month, 1, 12, .required = true),
	FIELD_U64(struct card_in, exp_year, 1, 9999, .required = true),
	FIELD_STR(struct card_in, cvc, 3, 4, .required = true),
	{ 0 }
};

struct job {
	struct req *req;
	struct charge charge; /* to be recorded; then as it is recorded */
	const struct card_rule *rule;
	bool fresh; /* this call recorded it */
};

static int malformed(struct req *req)
{
	return resp_error(req, ERR_VALIDATION_FAILED);
}

/* Numbers and CVC end here; what remains is what the ledger may hold. */
static int read_card(struct req *req, struct job *job)
{
	const char *text = body_member(req->body, req->body_len, "card", req->pool);
	struct body_report report;
	struct card_in in;
	size_t len;

	if (!text)
		return malformed(req);
	if (body_parse_known(text, strlen(text), card_fields, &in, sizeof(in), req->pool,
			     &report) == BODY_OK) {
		len = strlen(in.number);
		job->rule = bank_card(in.number);
		job->charge.card_last4 = pool_strdup(req->pool, in.number + len - LAST4);
		job->charge.card_brand = in.brand;
	}
	if (in.number)
		xwipe(in.number, strlen(in.number));
	if (in.cvc)
		xwipe(in.cvc, strlen(in.cvc));
	xwipe(text, strlen(text));
	return job->rule ? 0 : malformed(req);
}

static const char *new_reference(struct pool *pool)
{
	unsigned char bytes[8];
	char *text = pool_alloc(pool, 2 * sizeof(bytes) + 1);

	rnd_bytes(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), text);
	return text;
}

static int read_charge(struct req *req, struct job *job)
{
	struct body_report report;
	struct charge_in in;

	if (body_parse_known(req->body, req->body_len, fields, &in, sizeof(in), req->pool,
			     &report) != BODY_OK)
		return malformed(req);
	if (read_card(req, job) < 0)
		return -1;
	BUG_ON(uuid_parse(in.key, strlen(in.key), job->charge.key) < 0);
	job->charge.amount_cents = in.amount_cents;
	job->charge.currency = in.currency;
	job->charge.decline_code = job->rule->decline_code;
	job->charge.outcome = job->rule->decline_code ? "declined" : "approved";
	if (!job->rule->decline_code)
		job->charge.reference = new_reference(req->pool);
	return 0;
}

/* -- the ledger -- */

static void charge_json(struct jw *w, const struct charge *c)
{
	char key[UUID_TEXT];

	jw_obj(w);
	jw_kstr(w, "key", uuid_text(c->key, key));
	jw_kstr(w, "status", c->outcome);
	jw_ku64(w, "amount_cents", c->amount_cents);
	jw_kstr(w, "reference", c->reference);
	jw_kstr(w, "decline_code", c->decline_code);
	jw_end_obj(w);
}

static enum db_status tell_again(struct req *req, const struct charge *c)
{
	enum db_status st;
	struct sbuf text;
	struct jw w;

	sbuf_init(&text, 512);
	jw_init(&w, &text);
	charge_json(&w, c);
	st = outbox_put(req->db, "payments", "charge.settled", sbuf_str(&text), text.len,
			req->event[0]);
	sbuf_free(&text);
	if (st == DB_OK)
		req->events = 1;
	return st;
}

static enum db_status record(struct db *db, void *arg)
{
	struct job *job = arg;
	enum db_status st;

	job->req->events = 0;
	st = bank_db_charge_add(db, &job->charge);
	job->fresh = st == DB_OK;
	if (job->fresh && job->rule && job->rule->trouble == CARD_TWICE)
		return tell_again(job->req, &job->charge);
	return st;
}

/* A key that was there keeps its outcome. */
static int settle(struct job *job)
{
	struct req *req = job->req;
	uint64_t amount = job->charge.amount_cents;
	enum db_status st = db_tx(req->db, record, job);

	if (st == DB_CONFLICT)
		st = bank_db_charge(req->db, job->charge.key, &job->charge);
	if (st != DB_OK)
		return resp_db(req, st == DB_NONE ? DB_FAIL : st);
	if (job->rule && strcmp(job->charge.outcome, "void") != 0 &&
	    job->charge.amount_cents != amount)
		return resp_error(req, ERR_IDEMPOTENCY_KEY_REUSED);
	return 0;
}

/* -- answering -- */

static int answer_charge(struct req *req, const struct charge *c)
{
	bool approved = strcmp(c->outcome, "approved") == 0;
	struct jw *w;

	if (approved) {
		charge_json(resp_data(req, 200), c);
		return resp_done(req);
	}
	w = resp_problem(req, ERR_PAYMENT_DECLINED);
	jw_kstr(w, "decline_code", c->decline_code ? c->decline_code : c->outcome);
	return resp_problem_done(req);
}

static int trouble_before(struct req *req, enum card_trouble trouble)
{
	if (trouble == CARD_SLOW && bank_wait(req, SLOW_MS) < 0)
		return -1;
	if (trouble == CARD_LOST && bank_wait(req, LATE_MS) < 0)
		return -1;
	return trouble == CARD_FAILS_BEFORE || trouble == CARD_LOST ?
		       resp_error(req, ERR_INTERNAL) : 0;
}

static int trouble_after(struct req *req, enum card_trouble trouble)
{
	if (trouble == CARD_LATE && bank_wait(req, LATE_MS) < 0)
		return -1;
	return trouble == CARD_FAILS_AFTER ? resp_error(req, ERR_INTERNAL) : 0;
}

static int charge(struct req *req, struct job *job, enum bank_fail fail)
{
	enum card_trouble trouble = job->rule->trouble;

	if (trouble_before(req, trouble) < 0 || settle(job) < 0)
		return -1;
	if (CRASH_POINT("bank_charged"))
		return resp_error(req, ERR_INTERNAL);
	if (job->fresh && trouble_after(req, trouble) < 0)
		return -1;
	if (fail == BANK_FAIL_AFTER)
		return resp_error(req, ERR_INTERNAL);
	answer_charge(req, &job->charge);
	if (req->events > 0)
		svc_deliver(req);
	return req->failed ? -1 : 0;
}

int bank_charge(struct req *req)
{
	struct job job = { .req = req };
	enum bank_fail fail;
	int rc = -1;

	if (bank_enter(req, &fail) == 0 && read_charge(req, &job) == 0 && job.rule) {
		xwipe(req->body, req->body_len);
		rc = CRASH_POINT("bank_charge") ? resp_error(req, ERR_INTERNAL) :
						  charge(req, &job, fail);
	}
	xwipe(req->body, req->body_len);
	return rc;
}

/* -- POST /internal/bank/charges/resolve -- */

struct key_in {
	const char *key;
};

static const struct field key_fields[] = {
	FIELD_STR(struct key_in, key, 36, 36, .required = true, .check = uuid_is),
	{ 0 }
};

int bank_charge_resolve(struct req *req)
{
	struct job job = { .req = req, .charge = { .outcome = "void", .currency = "" } };
	enum bank_fail fail;
	struct key_in in;

	if (bank_enter(req, &fail) < 0 ||
	    req_body(req, key_fields, &in, sizeof(in), NULL) < 0)
		return -1;
	BUG_ON(uuid_parse(in.key, strlen(in.key), job.charge.key) < 0);
	if (settle(&job) < 0)
		return -1;
	if (fail == BANK_FAIL_AFTER || CRASH_POINT("bank_resolved"))
		return resp_error(req, ERR_INTERNAL);
	charge_json(resp_data(req, 200), &job.charge);
	return resp_done(req);
}
