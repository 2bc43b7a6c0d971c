/* auth_events.c - what halle-users tells of accounts: another role, or gone. */
#include "compat.h"

#include "auth.h"
#include "auth_db.h"
#include "auth_db_revocation.h"
#include "event.h"
#include "log.h"
#include "outbox.h"

struct news {
	uint64_t user_id, version;
	const char *role;
};

static const char *const roles[] = { "customer", "admin", NULL };

static const struct field role_fields[] = {
	FIELD_U64(struct news, user_id, 1, INT64_MAX, .required = true),
	FIELD_U64(struct news, version, 1, INT64_MAX, .required = true),
	FIELD_STR(struct news, role, 1, 16, .required = true, .choices = roles),
	{ 0 },
};

static const struct field deleted_fields[] = {
	FIELD_U64(struct news, user_id, 1, INT64_MAX, .required = true),
	{ 0 },
};

static enum db_status take_role(struct db *db, const struct news *in)
{
	return auth_db_account_role(db, in->user_id, in->role, in->version);
}

static enum db_status take_deleted(struct db *db, const struct news *in)
{
	return auth_db_account_delete(db, in->user_id);
}

static const struct kind {
	const char *type;
	const struct field *fields;
	enum db_status (*take)(struct db *db, const struct news *in);
} kinds[] = {
	{ "user.role", role_fields, take_role },
	{ "user.deleted", deleted_fields, take_deleted },
};

/* What changed nothing (late, or of an account that is gone) revokes nothing. */
static int act(struct req *req, const struct kind *kind, const struct event *event)
{
	struct news in;
	enum db_status st;

	if (event_data(req, event, kind->fields, &in, sizeof(in)) < 0)
		return -1;
	st = inbox_enter(req->db, event->id);
	if (st == DB_CONFLICT)
		return resp_empty(req, 204);
	if (st == DB_OK)
		st = kind->take(req->db, &in);
	if (st == DB_OK) {
		log_info(kind->type, LOG_INT("account_id", in.user_id));
		st = auth_db_revoke_user(req->db, in.user_id, in.role ? in.role : "none",
					 cfg_int(req->worker->svc->cfg, CFG_ACCESS_TTL));
	}
	return st == DB_OK || st == DB_NONE ? resp_empty(req, 204) : resp_db(req, st);
}

int auth_event(struct req *req)
{
	struct event event;

	if (event_read(req, "users", &event) < 0)
		return -1;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (strcmp(kinds[i].type, event.type) == 0)
			return act(req, &kinds[i], &event);
	}
	return event_unknown(req);
}
