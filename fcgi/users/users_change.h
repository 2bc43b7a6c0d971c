/*
 * users_change.h - a change that other services must hear of: profile and events in one
 * transaction with Idempotency-Key, then the events are delivered.
 */
#ifndef HALLE_USERS_CHANGE_H
#define HALLE_USERS_CHANGE_H

#include "users.h"

#define CHANGE_EVENTS 4

struct change {
	uint64_t user;
	unsigned char events[CHANGE_EVENTS][16];
	unsigned count;
};

/* run answers req as a handler of ROUTE_TX does, and may run again. path: the route's. */
int users_change(struct req *req, const char *path, uint64_t user,
		 int (*run)(struct req *req, struct change *change));

/* For run: puts the event {user_id, role, version}, or {user_id} when role is NULL. */
NODISCARD enum db_status change_announce(struct req *req, struct change *change,
					 const char *service, const char *type,
					 const char *role, uint64_t version);

/* For run: users_lock, and -1 after LAST_ADMIN when nobody else is an admin. The other
 * admin stays one until the transaction ends, so two who demote each other cannot both
 * succeed. */
NODISCARD int change_lock_admin(struct req *req, const struct change *change,
				struct profile *p_r);

#endif
