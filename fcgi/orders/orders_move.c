/* orders_move.c - the states of an order. */
#include "compat.h"

#include "orders_move.h"
#include "outbox.h"

const char *const order_statuses[] = { "pending",   "paid",      "preparing", "shipped",
				       "delivered", "cancelled", "expired",   NULL };

/* Where an admin may lead an order; "paid" and "expired" are nobody's word. */
static const struct {
	const char *from;
	const char *to[3];
} moves[] = {
	{ "pending", { "cancelled" } },
	{ "paid", { "preparing", "cancelled" } },
	{ "preparing", { "shipped", "cancelled" } },
	{ "shipped", { "delivered" } },
};

bool order_is(const struct order *o, const char *status)
{
	return strcmp(o->status, status) == 0;
}

bool order_payment_is(const struct order *o, const char *state)
{
	return strcmp(o->payment_state, state) == 0;
}

const char *const *order_allowed(const struct order *o)
{
	static const char *const none[] = { NULL };

	for (size_t i = 0; i < COUNT(moves); i++) {
		if (order_is(o, moves[i].from))
			return moves[i].to;
	}
	return none;
}

bool order_may(const struct order *o, const char *to)
{
	for (const char *const *p = order_allowed(o); *p; p++) {
		if (strcmp(*p, to) == 0)
			return true;
	}
	return false;
}

enum db_status order_tell(struct db *db, struct req *req, const char *service,
			  const char *type, const char *data, size_t len)
{
	bool noted = req && req->events < REQ_EVENTS;
	enum db_status st = outbox_put(db, service, type, data, len,
				       noted ? req->event[req->events] : NULL);

	if (noted && st == DB_OK)
		req->events++;
	return st;
}

static enum db_status tell_id(struct db *db, struct req *req, const char *service,
			      const char *type, const char *name, const unsigned char *id,
			      uint64_t order_id)
{
	char text[UUID_TEXT];
	enum db_status st;
	struct sbuf data;
	struct jw w;

	sbuf_init(&data, 256);
	jw_init(&w, &data);
	jw_obj(&w);
	jw_kstr(&w, name, uuid_text(id, text));
	jw_ku64(&w, "order_id", order_id);
	jw_end_obj(&w);
	st = order_tell(db, req, service, type, sbuf_str(&data), data.len);
	sbuf_free(&data);
	return st;
}

enum db_status order_tell_stock(struct db *db, struct req *req, const struct order *o,
				const char *type)
{
	return tell_id(db, req, "products", type, "reservation_id", o->reservation, o->id);
}

enum db_status order_tell_refund(struct db *db, struct req *req, uint64_t order_id,
				 const unsigned char *payment)
{
	return tell_id(db, req, "payments", "order.refund", "payment_id", payment, order_id);
}

enum db_status order_step(struct db *db, const struct order *o, const char *to, uint64_t actor)
{
	enum db_status st = orders_db_status(db, o, to);

	return st == DB_OK ? orders_db_event(db, o->id, "status", to, actor) : st;
}

/* All of it was given back before: nothing is left to refund. */
static bool owes_money(const struct order *o)
{
	return order_payment_is(o, "captured") || order_payment_is(o, "partially_refunded");
}

enum db_status order_end(struct db *db, struct req *req, const struct order *o, const char *to,
			 uint64_t actor)
{
	enum db_status st = order_step(db, o, to, actor);

	if (st == DB_OK)
		st = order_tell_stock(db, req, o, "reservation.release");
	if (st != DB_OK || !owes_money(o))
		return st;
	st = orders_db_payment(db, o, "refunding", o->refunded_cents);
	return st == DB_OK ? order_tell_refund(db, req, o->id, o->payment) : st;
}
