/* payments_settle.c - the outcome of a payment or refund, and its event to orders. */
#include "compat.h"

#include "log.h"
#include "outbox.h"
#include "payments_settle.h"
#include "rnd.h"

#define EVENT_MAX 512

struct settling {
	struct req *req;
	const struct settlement *what;
	bool silent;
};

/* -- events to orders -- */

static void begin_event(struct jw *w, struct sbuf *data, const struct payment *p)
{
	char text[UUID_TEXT];

	sbuf_init(data, EVENT_MAX);
	jw_init(w, data);
	jw_obj(w);
	jw_kstr(w, "payment_id", uuid_text(p->id, text));
	jw_ku64(w, "order_id", p->order_id);
}

static enum db_status put_event(struct req *req, const char *type, struct jw *w,
				struct sbuf *data)
{
	enum db_status st;

	BUG_ON(req->events == REQ_EVENTS);
	jw_end_obj(w);
	st = outbox_put(req->db, "orders", type, sbuf_str(data), data->len,
			req->event[req->events]);
	if (st == DB_OK)
		req->events++;
	sbuf_free(data);
	return st;
}

static enum db_status tell_outcome(struct req *req, const struct payment *p)
{
	struct sbuf data;
	struct jw w;

	begin_event(&w, &data, p);
	if (p->state == PAYMENT_CAPTURED) {
		jw_ku64(&w, "amount_cents", p->amount_cents);
		return put_event(req, "payment.captured", &w, &data);
	}
	jw_kstr(&w, "reason", p->reason);
	return put_event(req, "payment.failed", &w, &data);
}

static enum db_status tell_refund(struct req *req, const struct payment *p)
{
	struct sbuf data;
	struct jw w;

	begin_event(&w, &data, p);
	jw_ku64(&w, "refunded_cents", p->refunded_cents);
	return put_event(req, "payment.refunded", &w, &data);
}

/* -- payments -- */

enum db_status payments_settle_in_tx(struct req *req, const struct settlement *s, bool silent)
{
	struct payment p;
	enum db_status st = payments_db_settle(req->db, s);

	if (st == DB_NONE)
		return DB_OK;
	if (st == DB_OK)
		st = payments_db_find(req->db, s->id, &p);
	if (st == DB_OK && !silent)
		st = tell_outcome(req, &p);
	return st;
}

static enum db_status settle(struct db *db UNUSED, void *arg)
{
	struct settling *s = arg;

	s->req->events = 0;
	return payments_settle_in_tx(s->req, s->what, s->silent);
}

/* Orders lets one payment of an order begin at a time, so this never happens; if it does, the
 * money goes back. */
static enum db_status give_back(struct db *db, void *arg)
{
	struct settling *s = arg;
	struct settlement failed = { .id = s->what->id, .state = PAYMENT_FAILED,
				     .reason = "DUPLICATE",
				     .reference = s->what->reference };
	struct refund r = { .whole = true };
	struct payment p;
	enum db_status st;

	s->req->events = 0;
	st = payments_db_settle(db, &failed);
	if (st == DB_OK)
		st = payments_db_find(db, failed.id, &p);
	if (st != DB_OK)
		return st == DB_NONE ? DB_OK : st;
	rnd_uuid7(r.id);
	memcpy(r.payment_id, p.id, PAYMENT_ID);
	r.amount_cents = p.amount_cents;
	st = refunds_db_hold(db, p.id, p.amount_cents);
	if (st == DB_OK)
		st = refunds_db_add(db, &r, 0);
	return st == DB_OK ? tell_outcome(s->req, &p) : st;
}

enum db_status payments_settle(struct req *req, const struct settlement *what, bool silent)
{
	struct settling s = { .req = req, .what = what, .silent = silent };
	enum db_status st = db_tx(req->db, settle, &s);

	if (st != DB_CONFLICT || what->state != PAYMENT_CAPTURED)
		return st;
	log_error("payment.duplicate");
	return db_tx(req->db, give_back, &s);
}

enum db_status payments_settle_by(struct req *req, const unsigned char id[PAYMENT_ID],
				  const struct bank_answer *answer)
{
	struct settlement s = { .id = id };

	switch (answer->outcome) {
	case BANK_DONE:
		s.state = PAYMENT_CAPTURED;
		s.reference = answer->reference;
		break;
	case BANK_DECLINED:
		s.state = PAYMENT_DECLINED;
		s.reason = answer->decline_code ? answer->decline_code : "declined";
		break;
	case BANK_VOID:
		s.state = PAYMENT_FAILED;
		s.reason = err_code(ERR_PROVIDER_UNAVAILABLE);
		break;
	case BANK_UNKNOWN:
	case BANK_CLOSED:
		return DB_OK;
	}
	return payments_settle(req, &s, false);
}

/* -- refunds -- */

struct refund_settling {
	struct req *req;
	const unsigned char *id;
	bool done;
};

static enum db_status settle_refund(struct db *db, void *arg)
{
	struct refund_settling *s = arg;
	struct payment p;
	struct refund r;
	enum db_status st;

	s->req->events = 0;
	st = refunds_db_find(db, s->id, &r);
	if (st == DB_OK)
		st = payments_db_lock(db, r.payment_id, &p);
	if (st == DB_OK)
		st = refunds_db_settle(db, s->id, s->done ? "done" : "refused");
	if (st != DB_OK)
		return st == DB_NONE ? DB_OK : st;
	st = refunds_db_unhold(db, p.id, r.amount_cents, s->done);
	if (st != DB_OK || !s->done)
		return st;
	p.refunded_cents += r.amount_cents;
	return tell_refund(s->req, &p);
}

enum db_status refunds_settle_by(struct req *req, const unsigned char id[PAYMENT_ID],
				 const struct bank_answer *answer)
{
	struct refund_settling s = { .req = req, .id = id,
				     .done = answer->outcome == BANK_DONE };

	if (answer->outcome == BANK_UNKNOWN || answer->outcome == BANK_CLOSED)
		return DB_OK;
	return db_tx(req->db, settle_refund, &s);
}
