/*
 * payments_events.c - news from orders, that money must go back, and from the bank, which
 * tells some outcomes twice.
 */
#include "compat.h"

#include "event.h"
#include "log.h"
#include "outbox.h"
#include "payments_settle.h"
#include "rnd.h"

struct news {
	const char *payment_id, *key, *status, *reference, *decline_code;
};

static const struct field refund_fields[] = {
	FIELD_STR(struct news, payment_id, 36, 36, .required = true, .check = uuid_is),
	{ 0 }
};

static const char *const statuses[] = { "approved", "declined", NULL };

static const struct field settled_fields[] = {
	FIELD_STR(struct news, key, 36, 36, .required = true, .check = uuid_is),
	FIELD_STR(struct news, status, 1, 16, .required = true, .choices = statuses),
	FIELD_STR(struct news, reference, 1, 32, .nullable = true),
	FIELD_STR(struct news, decline_code, 1, 32, .nullable = true),
	{ 0 }
};

/* What is left of the payment; the completer asks the bank at once. */
static enum db_status refund_rest(struct req *req, const struct event *event,
				  const unsigned char id[PAYMENT_ID])
{
	struct refund r = { .whole = true };
	struct payment p;
	enum db_status st = payments_db_lock(req->db, id, &p);

	if (st == DB_OK && p.state == PAYMENT_CAPTURED)
		r.amount_cents = p.amount_cents - p.refunded_cents - p.refunding_cents;
	if (st != DB_OK || r.amount_cents == 0) {
		log_info("refund.nothing");
		return st == DB_NONE ? DB_OK : st;
	}
	memcpy(r.id, event->id, PAYMENT_ID);
	memcpy(r.payment_id, id, PAYMENT_ID);
	st = refunds_db_hold(req->db, id, r.amount_cents);
	return st == DB_OK ? refunds_db_add(req->db, &r, 0) : st;
}

static enum db_status take_refund(struct req *req, const struct event *event,
				  const struct news *in)
{
	unsigned char id[PAYMENT_ID];

	BUG_ON(uuid_parse(in->payment_id, strlen(in->payment_id), id) < 0);
	return refund_rest(req, event, id);
}

static enum db_status take_settled(struct req *req, const struct event *event UNUSED,
				   const struct news *in)
{
	unsigned char id[PAYMENT_ID];
	struct settlement s = { .id = id, .state = PAYMENT_CAPTURED,
				.reference = in->reference };

	BUG_ON(uuid_parse(in->key, strlen(in->key), id) < 0);
	if (strcmp(in->status, "declined") == 0) {
		s.state = PAYMENT_DECLINED;
		s.reason = in->decline_code ? in->decline_code : "declined";
	}
	return payments_settle_in_tx(req, &s, false);
}

static const struct kind {
	const char *sender, *type;
	const struct field *fields;
	enum db_status (*take)(struct req *req, const struct event *event,
			       const struct news *in);
} kinds[] = {
	{ "orders", "order.refund", refund_fields, take_refund },
	{ "bank", "charge.settled", settled_fields, take_settled },
};

static int act(struct req *req, const struct kind *kind, const struct event *event)
{
	struct news in;
	enum db_status st;

	if (event_data(req, event, kind->fields, &in, sizeof(in)) < 0)
		return -1;
	st = inbox_enter(req->db, event->id);
	if (st == DB_OK)
		st = kind->take(req, event, &in);
	else if (st == DB_CONFLICT)
		st = DB_OK;
	return st == DB_OK ? resp_empty(req, 204) : resp_db(req, st);
}

int payments_event(struct req *req)
{
	const char *sender = strcmp(req->who.username, "bank") == 0 ? "bank" : "orders";
	struct event event;

	if (event_read(req, sender, &event) < 0)
		return -1;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (strcmp(kinds[i].sender, sender) == 0 &&
		    strcmp(kinds[i].type, event.type) == 0)
			return act(req, &kinds[i], &event);
	}
	return event_unknown(req);
}
