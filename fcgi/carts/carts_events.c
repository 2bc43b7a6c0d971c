/* carts_events.c - news of accounts: a new one gets a cart, a deleted one loses it. */
#include "compat.h"

#include "carts_db.h"
#include "carts_write.h"
#include "event.h"

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

static const struct kind {
	const char *sender, *type, *action;
	bool deletes;
} kinds[] = {
	{ "auth", "user.created", "CREATE", false },
	{ "users", "user.deleted", "DELETE", true },
};

static int act(struct req *req, const struct kind *kind, const struct event *event)
{
	struct change c = { .path = "/internal/carts/events", .action = kind->action,
			    .status = 204, .event_id = event->id, .deletes = kind->deletes,
			    .apply = apply_nothing };
	struct news in;

	if (event_data(req, event, fields, &in, sizeof(in)) < 0)
		return -1;
	c.user = in.user_id;
	return carts_write(req, &c);
}

/* The cart itself remembers which events came: what they ask for is there already then. */
int carts_event(struct req *req)
{
	const char *sender = req->who.username;
	struct event event;

	if (strcmp(sender, "users") != 0)
		sender = "auth";
	if (event_read(req, sender, &event) < 0)
		return -1;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (strcmp(kinds[i].sender, sender) == 0 &&
		    strcmp(kinds[i].type, event.type) == 0)
			return act(req, &kinds[i], &event);
	}
	return event_unknown(req);
}
