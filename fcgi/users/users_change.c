/* users_change.c - events of a change; the last admin. */
#include "compat.h"

#include "outbox.h"
#include "users_change.h"

enum db_status change_announce(struct req *req, uint64_t user, const char *service,
			       const char *type, const char *role, uint64_t version)
{
	enum db_status st;
	struct sbuf data;
	struct jw w;

	BUG_ON(req->events == REQ_EVENTS);
	sbuf_init(&data, 256);
	jw_init(&w, &data);
	jw_obj(&w);
	jw_ku64(&w, "user_id", user);
	if (role) {
		jw_kstr(&w, "role", role);
		jw_ku64(&w, "version", version);
	}
	jw_end_obj(&w);
	st = outbox_put(req->db, service, type, sbuf_str(&data), data.len,
			req->event[req->events]);
	sbuf_free(&data);
	if (st == DB_OK)
		req->events++;
	return st;
}

/* Admins are locked before the profile and in order of their ids, so nobody waits in a
 * circle. */
int change_lock_admin(struct req *req, uint64_t user, struct profile *p)
{
	enum db_status st = users_db_lock_other_admin(req->db, user);

	if (st != DB_OK && st != DB_NONE)
		return resp_db(req, st);
	if (users_lock(req, user, p) < 0)
		return -1;
	if (st == DB_NONE && strcmp(p->role, role_name(ROLE_ADMIN)) == 0)
		return resp_error(req, ERR_LAST_ADMIN);
	return 0;
}
