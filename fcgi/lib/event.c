/* event.c - reading an event that another service delivers. */
#include "compat.h"

#include "event.h"
#include "resp.h"
#include "rnd.h"

static int fault(struct req *req, const char *where, const char *code)
{
	struct faults faults = { .count = 0 };

	fault_add(&faults, where, code, 0, FIELD_TYPE_STR);
	return resp_faults(req, &faults);
}

/* a text as body_member gives it, in quotes */
static int read_uuid(const char *json, unsigned char id[EVENT_ID])
{
	return json && json[0] == '"' ? uuid_parse(json + 1, strlen(json) - 2, id) : -1;
}

static const char *member(struct req *req, const char *name)
{
	return body_member(req->body, req->body_len, name, req->pool);
}

int event_read(struct req *req, const char *sender, struct event *out)
{
	const char *type = member(req, "type");

	if (strcmp(req->who.username, sender) != 0)
		return resp_error(req, ERR_FORBIDDEN);
	if (read_uuid(member(req, "event_id"), out->id) < 0)
		return fault(req, "#/event_id", "format");
	if (!type || type[0] != '"')
		return fault(req, "#/type", "required");
	out->type = pool_dup(req->pool, type + 1, strlen(type) - 2);
	out->data = member(req, "data");
	return out->data ? 0 : fault(req, "#/data", "required");
}

int event_data(struct req *req, const struct event *event, const struct field *table, void *dst,
	       size_t size)
{
	struct body_report report;

	if (body_parse_known(event->data, strlen(event->data), table, dst, size, req->pool,
			     &report) != BODY_OK)
		return fault(req, "#/data", "format");
	return 0;
}

int event_unknown(struct req *req)
{
	return fault(req, "#/type", "choice");
}
