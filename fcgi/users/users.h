/*
 * users.h - handlers of halle-users. Contract of each: route.h.
 */
#ifndef HALLE_USERS_H
#define HALLE_USERS_H

#include "svc.h"

/* GET/PUT/PATCH /users/profile: the caller's own. PUT replaces every member that its
 * owner may change, an absent one becomes null; PATCH changes those that are there. */
int users_own_show(struct req *req);
int users_own_put(struct req *req);
int users_own_patch(struct req *req);

/* GET/PUT/PATCH /users/{id}: the caller's own, or anybody's for an admin; else 404. */
int users_show(struct req *req);
int users_put(struct req *req);
int users_patch(struct req *req);

/* POST /internal/users/events: user.created from auth makes the profile. 204 whenever the
 * event is settled, also the second time. */
int users_event(struct req *req);

#endif
