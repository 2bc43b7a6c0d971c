/* users_events.c - what auth tells of accounts. */
#include "compat.h"

#include "event.h"
#include "outbox.h"
#include "users.h"

struct created {
	uint64_t user_id;
	const char *username, *email, *role;
	const char *first_name, *last_name, *phone, *address; /* of imported accounts */
};

static const char *const roles[] = { "customer", "admin", NULL };

static const struct field created_fields[] = {
	FIELD_U64(struct created, user_id, 1, INT64_MAX, .required = true),
	FIELD_STR(struct created, username, 1, 64, .required = true),
	FIELD_STR(struct created, email, 1, 254, .required = true),
	FIELD_STR(struct created, role, 1, 16, .required = true, .choices = roles),
	FIELD_STR(struct created, first_name, 1, NAME_MAX_CHARS),
	FIELD_STR(struct created, last_name, 1, NAME_MAX_CHARS),
	FIELD_STR(struct created, phone, 1, PHONE_MAX_CHARS),
	FIELD_STR(struct created, address, 1, ADDRESS_MAX_CHARS),
	{ 0 },
};

static int make_profile(struct req *req, const struct event *event)
{
	struct profile profile;
	struct created in;
	enum db_status st;

	if (event_data(req, event, created_fields, &in, sizeof(in)) < 0)
		return -1;
	profile = (struct profile){ .id = in.user_id,
				    .username = in.username,
				    .email = in.email,
				    .role = in.role,
				    .first_name = in.first_name,
				    .last_name = in.last_name,
				    .phone = in.phone,
				    .address = in.address };
	st = users_db_profile_add(req->db, &profile);
	return st == DB_OK ? resp_empty(req, 204) : resp_db(req, st);
}

int users_event(struct req *req)
{
	struct event event;
	enum db_status st;

	if (event_read(req, "auth", &event) < 0)
		return -1;
	if (strcmp(event.type, "user.created") != 0)
		return event_unknown(req);
	st = inbox_enter(req->db, event.id);
	if (st == DB_CONFLICT)
		return resp_empty(req, 204);
	return st == DB_OK ? make_profile(req, &event) : resp_db(req, st);
}
