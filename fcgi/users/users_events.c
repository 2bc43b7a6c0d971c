/* users_events.c - what auth tells of accounts. */
#include "compat.h"

#include "outbox.h"
#include "users.h"
#include "users_db.h"

struct created {
	uint64_t user_id;
	const char *username, *email, *role;
};

static const char *const roles[] = { "customer", "admin", NULL };

static const struct field created_fields[] = {
	FIELD_U64(struct created, user_id, 1, INT64_MAX, .required = true),
	FIELD_STR(struct created, username, 1, 64, .required = true),
	FIELD_STR(struct created, email, 1, 254, .required = true),
	FIELD_STR(struct created, role, 1, 16, .required = true, .choices = roles),
	{ 0 },
};

static int fault(struct req *req, const char *where, const char *code)
{
	struct faults faults = { .count = 0 };

	fault_add(&faults, where, code, 0, FIELD_TYPE_STR);
	return resp_faults(req, &faults);
}

/* "\"8-4-4-4-12\"" as body_member gives it */
static int read_uuid(const char *json, unsigned char id[16])
{
	char digits[33];
	size_t n = 0;

	if (!json || strlen(json) != UUID_TEXT + 1)
		return -1;
	for (size_t i = 1; i < UUID_TEXT; i++) {
		if (json[i] != '-' && n < 32)
			digits[n++] = json[i];
	}
	return hex_decode(digits, n, id, 16);
}

static int make_profile(struct req *req, const char *data)
{
	struct body_report report;
	struct created in;
	enum db_status st;

	if (body_parse_known(data, strlen(data), created_fields, &in, sizeof(in),
			     req->pool, &report) != BODY_OK)
		return fault(req, "#/data", "format");
	st = users_db_profile_add(req->db, in.user_id, in.username, in.email, in.role);
	return st == DB_OK ? resp_empty(req, 204) : resp_db(req, st);
}

int users_event(struct req *req)
{
	const char *id_text =
		body_member(req->body, req->body_len, "event_id", req->pool);
	const char *type = body_member(req->body, req->body_len, "type", req->pool);
	const char *data = body_member(req->body, req->body_len, "data", req->pool);
	unsigned char id[16];
	enum db_status st;

	if (strcmp(req->who.username, "auth") != 0)
		return resp_error(req, ERR_FORBIDDEN);
	if (read_uuid(id_text, id) < 0)
		return fault(req, "#/event_id", "format");
	if (!type || strcmp(type, "\"user.created\"") != 0)
		return fault(req, "#/type", "choice");
	if (!data)
		return fault(req, "#/data", "required");
	st = inbox_enter(req->db, id);
	if (st == DB_CONFLICT)
		return resp_empty(req, 204);
	return st == DB_OK ? make_profile(req, data) : resp_db(req, st);
}
