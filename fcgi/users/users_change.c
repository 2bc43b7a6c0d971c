/* users_change.c - profile and events in one transaction; the last admin. */
#include "compat.h"

#include "idem.h"
#include "outbox.h"
#include "users_change.h"

struct tx {
	struct req *req;
	const char *path;
	int (*run)(struct req *req, struct change *change);
	struct change change;
};

/* An error answer rolls back: DB_NONE tells db_tx so, the answer itself stands in req. */
static enum db_status run_in_tx(struct db *db UNUSED, void *arg)
{
	struct tx *tx = arg;
	struct req *req = tx->req;

	req->etag = NULL;
	tx->change.count = 0;
	switch (idem_enter(req, tx->path)) {
	case IDEM_REPLAY:
		return DB_OK;
	case IDEM_REFUSED:
		return DB_NONE;
	case IDEM_NEW:
		break;
	}
	if (tx->run(req, &tx->change) < 0)
		return req->db_retry ? DB_RETRY : DB_NONE;
	return idem_leave(req);
}

int users_change(struct req *req, const char *path, uint64_t user,
		 int (*run)(struct req *req, struct change *change))
{
	struct tx tx = { .req = req, .path = path, .run = run,
			 .change = { .user = user } };
	enum db_status st = db_tx(req->db, run_in_tx, &tx);

	if (st == DB_NONE)
		return -1;
	if (st != DB_OK)
		return resp_db(req, st);
	svc_deliver(req, tx.change.events, tx.change.count);
	return 0;
}

enum db_status change_announce(struct req *req, struct change *change,
			       const char *service, const char *type, const char *role,
			       uint64_t version)
{
	enum db_status st;
	struct sbuf data;
	struct jw w;

	BUG_ON(change->count == CHANGE_EVENTS);
	sbuf_init(&data, 256);
	jw_init(&w, &data);
	jw_obj(&w);
	jw_ku64(&w, "user_id", change->user);
	if (role) {
		jw_kstr(&w, "role", role);
		jw_ku64(&w, "version", version);
	}
	jw_end_obj(&w);
	st = outbox_put(req->db, service, type, sbuf_str(&data), data.len,
			change->events[change->count]);
	sbuf_free(&data);
	if (st == DB_OK)
		change->count++;
	return st;
}

/* Admins are locked before the profile and in order of their ids, so nobody waits in a
 * circle. */
int change_lock_admin(struct req *req, const struct change *change, struct profile *p)
{
	enum db_status st = users_db_lock_other_admin(req->db, change->user);

	if (st != DB_OK && st != DB_NONE)
		return resp_db(req, st);
	if (users_lock(req, change->user, p) < 0)
		return -1;
	if (st == DB_NONE && strcmp(p->role, role_name(ROLE_ADMIN)) == 0)
		return resp_error(req, ERR_LAST_ADMIN);
	return 0;
}
