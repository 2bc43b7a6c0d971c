/*
 * payments_refund.c - POST /payments/{id}/refund: what is to go back is held and written
 * first, then the bank is asked; the completer ends what breaks off in between.
 */
#include "compat.h"

#include "clock.h"
#include "crash.h"
#include "money.h"
#include "payments_settle.h"
#include "rnd.h"

#define UNKNOWN_MS 500

struct refund_in {
	int64_t amount;
};

static const struct field fields[] = {
	FIELD_MONEY(struct refund_in, amount, 1, MONEY_MAX),
	{ 0 }
};

struct refunding {
	struct req *req;
	struct refund refund;
	struct payment payment;
	bool known; /* the key was used before */
};

/* -- answering -- */

static int answer_refund(struct req *req, const struct refund *r, const struct payment *p)
{
	bool done = strcmp(r->state, "done") == 0;
	struct jw *w = resp_data(req, done ? 201 : 202);
	char time[CLOCK_TEXT];

	jw_obj(w);
	jw_ku64(w, "id", r->number);
	jw_ku64(w, "payment_id", p->number);
	jw_kmoney(w, "amount", (int64_t)r->amount_cents);
	jw_kstr(w, "currency", p->currency);
	jw_kstr(w, "status", done ? "done" : "unknown");
	jw_kmoney(w, "refunded", (int64_t)p->refunded_cents);
	jw_kstr(w, "date_creation", clock_rfc3339(r->created_us, false, time));
	jw_end_obj(w);
	resp_done(req);
	resp_header(req, "Location", "/payments/%" PRIu64, p->number);
	return 0;
}

static int too_large(struct req *req, const struct payment *p)
{
	struct jw *w = resp_problem(req, ERR_REFUND_TOO_LARGE);

	jw_kmoney(w, "refundable",
		  (int64_t)(p->amount_cents - p->refunded_cents - p->refunding_cents));
	return resp_problem_done(req);
}

/* From the rows, as they are now. */
static int answer(struct refunding *f)
{
	struct req *req = f->req;
	struct payment p;
	struct refund r;
	enum db_status st = refunds_db_find(req->db, f->refund.id, &r);

	if (st == DB_OK)
		st = payments_db_find(req->db, r.payment_id, &p);
	if (st != DB_OK)
		return resp_db(req, st == DB_NONE ? DB_FAIL : st);
	if (p.number != req->arg[0] || r.whole != f->refund.whole ||
	    (!r.whole && r.amount_cents != f->refund.amount_cents))
		return resp_error(req, ERR_IDEMPOTENCY_KEY_REUSED);
	if (strcmp(r.state, "refused") == 0)
		too_large(req, &p);
	else
		answer_refund(req, &r, &p);
	if (f->known)
		resp_replayed(req);
	return req->failed ? -1 : 0;
}

/* -- acting -- */

static int check(struct refunding *f)
{
	const struct payment *p = &f->payment;
	uint64_t left;

	if (p->state != PAYMENT_CAPTURED)
		return resp_error(f->req, ERR_PAYMENT_NOT_CAPTURED);
	left = p->amount_cents - p->refunded_cents - p->refunding_cents;
	if (f->refund.whole)
		f->refund.amount_cents = left;
	if (left == 0 || f->refund.amount_cents > left)
		return too_large(f->req, p);
	return 0;
}

/* DB_NONE: an error was answered. */
static enum db_status hold(struct db *db, void *arg)
{
	struct refunding *f = arg;
	struct refund before;
	enum db_status st = payments_db_lock_number(db, f->req->arg[0], &f->payment);

	if (st == DB_NONE)
		resp_error(f->req, ERR_PAYMENT_NOT_FOUND);
	if (st != DB_OK)
		return st;
	/* before the rest is looked at: a repetition finds nothing left */
	st = refunds_db_find(db, f->refund.id, &before);
	if (st != DB_NONE)
		return st == DB_OK ? DB_CONFLICT : st;
	if (check(f) < 0)
		return DB_NONE;
	memcpy(f->refund.payment_id, f->payment.id, PAYMENT_ID);
	st = refunds_db_hold(db, f->payment.id, f->refund.amount_cents);
	if (st == DB_NONE)
		too_large(f->req, &f->payment);
	return st == DB_OK ? refunds_db_add(db, &f->refund, DUE_MS) : st;
}

static int ask_bank(struct refunding *f)
{
	struct bank_answer said;
	enum db_status st;

	if (CRASH_POINT("refund_added"))
		return resp_error(f->req, ERR_OUTCOME_UNKNOWN);
	bank_call_refund(f->req, &f->refund, &said);
	if (CRASH_POINT("refund_asked"))
		return resp_error(f->req, ERR_OUTCOME_UNKNOWN);
	if (said.outcome == BANK_UNKNOWN || said.outcome == BANK_CLOSED)
		st = refunds_db_unknown(f->req->db, f->refund.id, UNKNOWN_MS);
	else
		st = refunds_settle_by(f->req, f->refund.id, &said);
	if (st != DB_OK)
		return resp_error(f->req, ERR_OUTCOME_UNKNOWN);
	svc_deliver(f->req);
	return answer(f);
}

static int refund(struct refunding *f)
{
	enum db_status st = db_tx(f->req->db, hold, f);

	if (st == DB_CONFLICT) {
		f->known = true;
		return answer(f);
	}
	if (st == DB_NONE)
		return -1;
	return st == DB_OK ? ask_bank(f) : resp_db(f->req, st);
}

int payments_refund(struct req *req)
{
	struct refunding f = { .req = req, .refund = { .user_id = req->who.user_id } };
	struct refund before;
	struct refund_in in;
	uint64_t present;
	int rc;

	if (req_body(req, fields, &in, sizeof(in), &present) < 0)
		return -1;
	f.refund.whole = present == 0;
	f.refund.amount_cents = (uint64_t)in.amount;
	payments_id(req, "refund", f.refund.id);
	/* a key that is known needs no bank */
	f.known = refunds_db_find(req->db, f.refund.id, &before) == DB_OK;
	if (f.known)
		return answer(&f);
	if (payments_enter(req) < 0)
		return -1;
	rc = refund(&f);
	payments_leave(req);
	return rc;
}
