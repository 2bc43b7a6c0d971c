/* carts_events.c - what auth tells of accounts: a new one gets a cart. */
#include "compat.h"

#include "carts_db.h"
#include "carts_write.h"
#include "rnd.h"

struct created {
	uint64_t user_id;
};

static const struct field created_fields[] = {
	FIELD_U64(struct created, user_id, 1, INT64_MAX, .required = true),
	{ 0 }
};

static int fault(struct req *req, const char *where, const char *code)
{
	struct faults faults = { .count = 0 };

	fault_add(&faults, where, code, 0, FIELD_TYPE_STR);
	return resp_faults(req, &faults);
}

/* "\"8-4-4-4-12\"" as body_member gives it */
static int read_uuid(const char *json, unsigned char id[OP_ID])
{
	char digits[2 * OP_ID + 1];
	const size_t want = sizeof(digits) - 1;
	size_t n = 0;

	if (!json || strlen(json) != UUID_TEXT + 1)
		return -1;
	for (size_t i = 1; i < UUID_TEXT; i++) {
		if (json[i] != '-' && n < want)
			digits[n++] = json[i];
	}
	return hex_decode(digits, n, id, OP_ID);
}

static int apply_create(struct req *req UNUSED, const struct change *c UNUSED, struct doc *doc)
{
	doc->count = 0;
	return 0;
}

static int create(struct req *req, const unsigned char event_id[OP_ID], const char *data)
{
	struct change c = { .path = "/internal/carts/events", .action = "CREATE",
			    .status = 204, .event_id = event_id, .apply = apply_create };
	struct body_report report;
	struct created in;

	if (body_parse_known(data, strlen(data), created_fields, &in, sizeof(in), req->pool,
			     &report) != BODY_OK)
		return fault(req, "#/data", "format");
	c.user = in.user_id;
	return carts_write(req, &c);
}

/* The cart itself remembers that the event came: making one that exists changes nothing. */
int carts_event(struct req *req)
{
	const char *id_text = body_member(req->body, req->body_len, "event_id", req->pool);
	const char *type = body_member(req->body, req->body_len, "type", req->pool);
	const char *data = body_member(req->body, req->body_len, "data", req->pool);
	unsigned char id[OP_ID];

	if (strcmp(req->who.username, "auth") != 0)
		return resp_error(req, ERR_FORBIDDEN);
	if (read_uuid(id_text, id) < 0)
		return fault(req, "#/event_id", "format");
	if (!type || strcmp(type, "\"user.created\"") != 0)
		return fault(req, "#/type", "choice");
	if (!data)
		return fault(req, "#/data", "required");
	return create(req, id, data);
}
