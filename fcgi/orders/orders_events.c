/* orders_events.c - what payments, products and users tell. */
#include "compat.h"

#include "crash.h"
#include "event.h"
#include "log.h"
#include "money.h"
#include "orders.h"
#include "orders_db_job.h"
#include "outbox.h"
#include "rnd.h"

struct news {
	const char *payment_id, *reservation_id, *reason;
	uint64_t order_id, user_id;
	int64_t amount_cents, refunded_cents;
	unsigned char id[UUID_BYTES]; /* of the payment or the reservation */
};

#define PAYMENT                                                                          \
	FIELD_STR(struct news, payment_id, 36, 36, .required = true, .check = uuid_is),  \
	FIELD_U64(struct news, order_id, 1, INT64_MAX, .required = true)

static const struct field captured_fields[] = {
	PAYMENT,
	FIELD_I64(struct news, amount_cents, 0, MONEY_MAX, .required = true),
	{ 0 }
};

static const struct field failed_fields[] = {
	PAYMENT,
	FIELD_STR(struct news, reason, 0, 200),
	{ 0 }
};

static const struct field refunded_fields[] = {
	PAYMENT,
	FIELD_I64(struct news, refunded_cents, 0, MONEY_MAX, .required = true),
	{ 0 }
};

static const struct field lost_fields[] = {
	FIELD_STR(struct news, reservation_id, 36, 36, .required = true, .check = uuid_is),
	FIELD_U64(struct news, order_id, 1, INT64_MAX, .required = true),
	{ 0 }
};

static const struct field user_fields[] = {
	FIELD_U64(struct news, user_id, 1, INT64_MAX, .required = true),
	{ 0 }
};

static bool is_of(const struct order *o, const struct news *in)
{
	return o->has_payment && memcmp(o->payment, in->id, UUID_BYTES) == 0;
}

/* -- captured ------------------------------------------------------------------------ */

/* Money is never kept for nothing: it goes back whole. */
static enum db_status send_back(struct req *req, const struct order *o, const struct news *in)
{
	enum db_status st = order_tell_refund(req->db, req, in->order_id, in->id);

	log_error("payment.unwanted", LOG_INT("order", in->order_id),
		  LOG_INT("cents", in->amount_cents));
	if (st != DB_OK || !o)
		return st;
	if (is_of(o, in) && order_payment_is(o, "started"))
		st = orders_db_payment(req->db, o, "none", 0);
	if (st == DB_OK)
		st = orders_db_event(req->db, o->id, "payment.unwanted", in->payment_id, 0);
	return st;
}

static enum db_status settle(struct req *req, const struct order *o)
{
	enum db_status st = orders_db_payment(req->db, o, "captured", 0);

	if (st == DB_OK)
		st = orders_db_event(req->db, o->id, "payment.captured", NULL, 0);
	if (st == DB_OK)
		st = order_step(req->db, o, "paid", 0);
	if (st == DB_OK && CRASH_POINT("captured_paid"))
		st = DB_DOWN;
	return st == DB_OK ? order_tell_stock(req->db, req, o, "reservation.commit") : st;
}

static enum db_status captured(struct req *req, const struct news *in)
{
	struct order o;
	enum db_status st = orders_db_lock(req->db, in->order_id, 0, &o);
	const struct order *known = st == DB_OK ? &o : NULL;

	if (st != DB_OK && st != DB_NONE)
		return st;
	/* told once more under another event's id */
	if (known && is_of(&o, in) && !order_payment_is(&o, "started"))
		return DB_OK;
	st = orders_db_hear(req->db, in->id, in->order_id, "captured", in->amount_cents);
	if (st != DB_OK)
		return st;
	if (known && is_of(&o, in) && order_is(&o, "pending") &&
	    in->amount_cents == o.total_cents)
		return settle(req, &o);
	return send_back(req, known, in);
}

/* -- failed and refunded ------------------------------------------------------------- */

static enum db_status failed(struct req *req, const struct news *in)
{
	const char *heard = "failed";
	struct order o;
	enum db_status st = orders_db_lock(req->db, in->order_id, 0, &o), known;

	if (st != DB_OK && st != DB_NONE)
		return st;
	known = orders_db_heard(req->db, in->id, &heard);
	if (known != DB_OK && known != DB_NONE)
		return known;
	/* what was captured has not failed */
	if (known == DB_OK && strcmp(heard, "started") != 0)
		return DB_OK;
	known = orders_db_hear(req->db, in->id, in->order_id, "failed", 0);
	if (known != DB_OK || st == DB_NONE || !is_of(&o, in) ||
	    !order_payment_is(&o, "started"))
		return known;
	st = orders_db_payment(req->db, &o, "none", 0);
	return st == DB_OK ? orders_db_event(req->db, o.id, "payment.failed", in->reason, 0) :
			     st;
}

static const char *refund_state(const struct order *o, int64_t cents)
{
	if (cents >= o->total_cents)
		return "refunded";
	return order_payment_is(o, "refunding") ? "refunding" : "partially_refunded";
}

/* Sums may overtake each other: only a larger one is news. */
static enum db_status refunded(struct req *req, const struct news *in)
{
	struct order o;
	enum db_status st = orders_db_lock(req->db, in->order_id, 0, &o);
	int64_t cents;

	if (st != DB_OK)
		return st == DB_NONE ? DB_OK : st;
	if (!is_of(&o, in))
		return orders_db_hear(req->db, in->id, o.id, "refunded", 0);
	cents = in->refunded_cents < o.total_cents ? in->refunded_cents : o.total_cents;
	if (cents <= o.refunded_cents)
		return DB_OK;
	st = orders_db_payment(req->db, &o, refund_state(&o, cents), cents);
	return st == DB_OK ? orders_db_event(req->db, o.id, "payment.refunded", NULL, 0) : st;
}

/* -- products and users -------------------------------------------------------------- */

static enum db_status lost(struct req *req, const struct news *in)
{
	struct order o;
	enum db_status st = orders_db_lock(req->db, in->order_id, 0, &o);

	if (st != DB_OK)
		return st == DB_NONE ? DB_OK : st;
	if (memcmp(o.reservation, in->id, UUID_BYTES) != 0 ||
	    (!order_is(&o, "paid") && !order_is(&o, "preparing")))
		return DB_OK;
	log_error("order.lost", LOG_INT("order", o.id));
	return order_end(req->db, req, &o, "cancelled", 0);
}

static enum db_status cancel_open(struct req *req, uint64_t user_id, unsigned *count)
{
	uint64_t ids[ORDERS_BATCH];
	struct order o;
	enum db_status st = orders_db_due(req->db, DUE_OF_USER, user_id, ids, count);

	for (unsigned i = 0; st == DB_OK && i < *count; i++) {
		st = orders_db_lock(req->db, ids[i], user_id, &o);
		if (st == DB_OK && order_is(&o, "pending") && order_payment_is(&o, "none"))
			st = order_end(req->db, req, &o, "cancelled", 0);
	}
	return st;
}

static enum db_status forget(struct req *req, const struct news *in)
{
	enum db_status st = orders_db_delete_user(req->db, in->user_id);
	unsigned count = ORDERS_BATCH;

	while (st == DB_OK && count == ORDERS_BATCH)
		st = cancel_open(req, in->user_id, &count);
	return st == DB_OK ? orders_db_forget_name(req->db, in->user_id) : st;
}

/* -- the route ----------------------------------------------------------------------- */

static const struct kind {
	const char *sender, *type;
	const struct field *fields;
	enum db_status (*act)(struct req *req, const struct news *in);
} kinds[] = {
	{ "payments", "payment.captured", captured_fields, captured },
	{ "payments", "payment.failed", failed_fields, failed },
	{ "payments", "payment.refunded", refunded_fields, refunded },
	{ "products", "reservation.lost", lost_fields, lost },
	{ "users", "user.deleted", user_fields, forget },
};

static int act(struct req *req, const struct kind *kind, const struct event *event)
{
	struct news in;
	const char *id;
	enum db_status st;

	if (event_data(req, event, kind->fields, &in, sizeof(in)) < 0)
		return -1;
	id = in.payment_id ? in.payment_id : in.reservation_id;
	BUG_ON(id && uuid_parse(id, strlen(id), in.id) < 0);
	st = inbox_enter(req->db, event->id);
	if (st == DB_CONFLICT)
		return resp_empty(req, 204);
	if (st == DB_OK)
		st = kind->act(req, &in);
	if (st == DB_OK && CRASH_POINT("event_settled"))
		st = DB_DOWN;
	/* what was locked cannot have changed: DB_NONE is our bug */
	return st == DB_OK ? resp_empty(req, 204) : resp_db(req, st == DB_NONE ? DB_FAIL : st);
}

int orders_event(struct req *req)
{
	const char *sender = req->who.username;
	struct event event;

	if (strcmp(sender, "products") != 0 && strcmp(sender, "users") != 0)
		sender = "payments";
	if (event_read(req, sender, &event) < 0)
		return -1;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (strcmp(kinds[i].sender, sender) == 0 &&
		    strcmp(kinds[i].type, event.type) == 0)
			return act(req, &kinds[i], &event);
	}
	return event_unknown(req);
}
