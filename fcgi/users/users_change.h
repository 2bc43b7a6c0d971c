/*
 * users_change.h - changes that other services must hear of, inside the transaction of a
 * ROUTE_TX route.
 */
#ifndef HALLE_USERS_CHANGE_H
#define HALLE_USERS_CHANGE_H

#include "users.h"

/* Puts the event {user_id, role, version}, or {user_id} when role is NULL. */
NODISCARD enum db_status change_announce(struct req *req, uint64_t user,
					 const char *service, const char *type,
					 const char *role, uint64_t version);

/* users_lock, and -1 after LAST_ADMIN when nobody else is an admin. The other admin stays
 * one until the transaction ends, so two who demote each other cannot both succeed. */
NODISCARD int change_lock_admin(struct req *req, uint64_t user, struct profile *p_r);

#endif
