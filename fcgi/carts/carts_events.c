/*
 * carts_events.c - news of accounts: a new one gets a cart, a deleted one loses it. News of
 * orders: what is ordered leaves the cart.
 */
#include "compat.h"

#include "carts_orders.h"
#include "carts_write.h"
#include "clock.h"
#include "event.h"
#include "rnd.h"

struct news {
	uint64_t user_id;
};

static const struct field fields[] = {
	FIELD_U64(struct news, user_id, 1, INT64_MAX, .required = true),
	{ 0 }
};

_Static_assert(EVENT_ID == OP_ID, "an event's id names the operation that it makes");

/* A new cart and a deleted one hold nothing. */
static int apply_nothing(struct req *req UNUSED, const struct change *c UNUSED, struct doc *doc)
{
	doc->count = 0;
	return 0;
}

/* A cart that is or was there is not made again, however late the news of its user comes. */
static bool was_made(const struct change *c UNUSED, const struct cart_row *base)
{
	return base->version > 0;
}

static bool is_gone(const struct change *c UNUSED, const struct cart_row *base)
{
	return base->deleted == CART_GONE;
}

static const struct kind {
	const char *sender, *type, *action;
	enum cart_end deleted;
	bool (*settled)(const struct change *change, const struct cart_row *base);
} kinds[] = {
	{ "auth", "user.created", "CREATE", CART_THERE, was_made },
	{ "users", "user.deleted", "DELETE", CART_GONE, is_gone },
};

/* What comes so late may be of an account that is deleted since, and whose cart is forgotten
 * by now; were it not, its owner's first write would make the cart. */
static bool is_too_late(const struct kind *kind, const struct event *event)
{
	const int64_t day_ms = 86400000, made = uuid7_ms(event->id);

	return kind->deleted == CART_THERE && made >= 0 &&
	       clock_wall_us() / 1000 - made > (CART_GONE_DAYS - 1) * day_ms;
}

static int act(struct req *req, const struct kind *kind, const struct event *event)
{
	struct change c = { .path = kind->type, .action = kind->action, .status = 204,
			    .event_id = event->id, .deleted = kind->deleted,
			    .settled = kind->settled, .apply = apply_nothing };
	struct news in;

	if (event_data(req, event, fields, &in, sizeof(in)) < 0)
		return -1;
	if (is_too_late(kind, event))
		return resp_empty(req, 204);
	c.user = in.user_id;
	return carts_write(req, &c);
}

/* Of those who may send; another one's events are refused as not auth's. */
static const char *sender_of(const struct req *req)
{
	static const char *const senders[] = { "users", "orders" };

	for (size_t i = 0; i < COUNT(senders); i++) {
		if (strcmp(senders[i], req->who.username) == 0)
			return senders[i];
	}
	return "auth";
}

/* The cart itself remembers which events came: what they ask for is there already then. */
int carts_event(struct req *req)
{
	const char *sender = sender_of(req);
	struct event event;

	if (event_read(req, sender, &event) < 0)
		return -1;
	if (strcmp(sender, "orders") == 0 && strcmp(event.type, "order.created") == 0)
		return carts_ordered(req, &event);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (strcmp(kinds[i].sender, sender) == 0 &&
		    strcmp(kinds[i].type, event.type) == 0)
			return act(req, &kinds[i], &event);
	}
	return event_unknown(req);
}
