/* users_profile.c - reading and changing profiles. */
#include "compat.h"

#include "clock.h"
#include "users.h"

/* What the owner may change. */
struct edit {
	const char *first_name, *last_name, *phone, *address;
};

enum { FIRST_NAME, LAST_NAME, PHONE, ADDRESS };

static const struct field fields[] = {
	[FIRST_NAME] = FIELD_STR(struct edit, first_name, 1, NAME_MAX_CHARS,
				 .nullable = true, .check = text_is_line),
	[LAST_NAME] = FIELD_STR(struct edit, last_name, 1, NAME_MAX_CHARS,
				.nullable = true, .check = text_is_line),
	[PHONE] = FIELD_STR(struct edit, phone, 1, PHONE_MAX_CHARS, .nullable = true,
			    .check = text_is_line),
	[ADDRESS] =
		FIELD_STR(struct edit, address, 1, ADDRESS_MAX_CHARS, .nullable = true),
	{ 0 },
};

#define ALL_FIELDS (~UINT64_C(0))

static void write_time(struct jw *w, const char *name, int64_t wall_us)
{
	char text[CLOCK_TEXT];

	jw_kstr(w, name, clock_rfc3339(wall_us, false, text));
}

void users_json(struct jw *w, const struct profile *p)
{
	jw_obj(w);
	jw_ku64(w, "id", p->id);
	jw_kstr(w, "username", p->username);
	jw_kstr(w, "email", p->email);
	jw_kstr(w, "first_name", p->first_name);
	jw_kstr(w, "last_name", p->last_name);
	jw_kstr(w, "phone", p->phone);
	jw_kstr(w, "address", p->address);
	jw_kstr(w, "role", p->role);
	write_time(w, "date_creation", p->created_us);
	write_time(w, "date_update", p->updated_us);
	jw_end_obj(w);
}

int users_answer(struct req *req, int status, const struct profile *p)
{
	resp_etag_version(req, p->version);
	if (req->method == M_GET && resp_not_modified(req))
		return 0;
	users_json(resp_data(req, status), p);
	return resp_done(req);
}

int users_db_error(struct req *req, enum db_status st)
{
	return st == DB_NONE ? resp_error(req, ERR_USER_NOT_FOUND) : resp_db(req, st);
}

static int show(struct req *req, uint64_t id)
{
	struct profile p;
	enum db_status st = users_db_profile(req->db, id, &p);

	return st == DB_OK ? users_answer(req, 200, &p) : users_db_error(req, st);
}

static int refuse_stale(struct req *req, const struct profile *current)
{
	struct jw *w = resp_problem(req, ERR_PRECONDITION_FAILED);

	jw_key(w, "current");
	users_json(w, current);
	return resp_problem_done(req);
}

int users_lock(struct req *req, uint64_t id, struct profile *p)
{
	enum db_status st = users_db_profile_lock(req->db, id, p);

	if (st != DB_OK)
		return users_db_error(req, st);
	resp_etag_version(req, p->version);
	return resp_if_match(req) ? 0 : refuse_stale(req, p);
}

/* Fields whose bit is not in present stay. */
static void apply(struct profile *p, const struct edit *e, uint64_t present)
{
	if (present & (1u << FIRST_NAME))
		p->first_name = e->first_name;
	if (present & (1u << LAST_NAME))
		p->last_name = e->last_name;
	if (present & (1u << PHONE))
		p->phone = e->phone;
	if (present & (1u << ADDRESS))
		p->address = e->address;
}

/* replaced: the fields to change besides those that the body has. */
static int change(struct req *req, uint64_t id, uint64_t replaced)
{
	enum db_status st;
	struct profile p;
	uint64_t present;
	struct edit e;

	if (req_body(req, fields, &e, sizeof(e), &present) < 0 ||
	    users_lock(req, id, &p) < 0)
		return -1;
	apply(&p, &e, present | replaced);
	st = users_db_profile_update(req->db, &p);
	return st == DB_OK ? show(req, id) : resp_db(req, st);
}

int users_own_show(struct req *req)
{
	return show(req, req->who.user_id);
}

int users_own_put(struct req *req)
{
	return change(req, req->who.user_id, ALL_FIELDS);
}

int users_own_patch(struct req *req)
{
	return change(req, req->who.user_id, 0);
}

bool users_may_touch(const struct req *req)
{
	return req->who.role == ROLE_ADMIN || req->who.user_id == req->arg[0];
}

int users_show(struct req *req)
{
	return users_may_touch(req) ? show(req, req->arg[0])
			      : resp_error(req, ERR_USER_NOT_FOUND);
}

int users_put(struct req *req)
{
	return users_may_touch(req) ? change(req, req->arg[0], ALL_FIELDS)
			      : resp_error(req, ERR_USER_NOT_FOUND);
}

int users_patch(struct req *req)
{
	return users_may_touch(req) ? change(req, req->arg[0], 0)
			      : resp_error(req, ERR_USER_NOT_FOUND);
}
