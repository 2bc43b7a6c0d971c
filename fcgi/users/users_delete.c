/* users_delete.c - the end of a user. */
#include "compat.h"

#include "log.h"
#include "users_change.h"

/* Who keeps something of a user. */
static const char *const told[] = { "auth", "carts", "orders" };

_Static_assert(COUNT(told) <= REQ_EVENTS, "a request has room for these events");

static int erase(struct req *req, uint64_t user)
{
	struct profile p;
	enum db_status st;

	if (change_lock_admin(req, user, &p) < 0)
		return -1;
	st = users_db_profile_delete(req->db, p.id);
	for (size_t i = 0; st == DB_OK && i < COUNT(told); i++)
		st = change_announce(req, user, told[i], "user.deleted", NULL, 0);
	if (st != DB_OK)
		return resp_db(req, st);
	log_info("user.deleted", LOG_INT("user", p.id));
	req->etag = NULL;
	return resp_message(req, 200, "The user was deleted.",
			    "L'utilisateur a été supprimé.");
}

int users_own_delete(struct req *req)
{
	return erase(req, req->who.user_id);
}

int users_delete(struct req *req)
{
	return users_may_touch(req) ? erase(req, req->arg[0])
				    : resp_error(req, ERR_USER_NOT_FOUND);
}
