/* carts_events.c - what auth tells of accounts: a new one gets a cart. */
#include "compat.h"

#include "carts_db.h"
#include "carts_write.h"
#include "event.h"

struct created {
	uint64_t user_id;
};

static const struct field created_fields[] = {
	FIELD_U64(struct created, user_id, 1, INT64_MAX, .required = true),
	{ 0 }
};

_Static_assert(EVENT_ID == OP_ID, "an event's id names the operation that it makes");

static int apply_create(struct req *req UNUSED, const struct change *c UNUSED, struct doc *doc)
{
	doc->count = 0;
	return 0;
}

/* The cart itself remembers that the event came: making one that exists changes nothing. */
int carts_event(struct req *req)
{
	struct event event;
	struct created in;
	struct change c = { .path = "/internal/carts/events", .action = "CREATE",
			    .status = 204, .event_id = event.id, .apply = apply_create };

	if (event_read(req, "auth", &event) < 0)
		return -1;
	if (strcmp(event.type, "user.created") != 0)
		return event_unknown(req);
	if (event_data(req, &event, created_fields, &in, sizeof(in)) < 0)
		return -1;
	c.user = in.user_id;
	return carts_write(req, &c);
}
