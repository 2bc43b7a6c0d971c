/*
 * users.h - handlers of halle-users, and what they share. Contract of each: route.h.
 */
#ifndef HALLE_USERS_H
#define HALLE_USERS_H

#include "svc.h"
#include "users_db.h"

#define NAME_MAX_CHARS	  100
#define PHONE_MAX_CHARS	  32
#define ADDRESS_MAX_CHARS 500

/* GET/PUT/PATCH /users/profile: the caller's own. PUT replaces every member that its
 * owner may change, an absent one becomes null; PATCH changes those that are there. */
int users_own_show(struct req *req);
int users_own_put(struct req *req);
int users_own_patch(struct req *req);

/* GET/PUT/PATCH /users/{id}: the caller's own, or anybody's for an admin; else 404. */
int users_show(struct req *req);
int users_put(struct req *req);
int users_patch(struct req *req);

/* DELETE /users/profile, /users/{id}: the profile goes, and with the events
 * user.deleted of the same transaction the account, its sessions and the cart. */
int users_own_delete(struct req *req);
int users_delete(struct req *req);

/* PUT /users/{id}/role {role}, for admins; the event user.role tells auth. */
int users_role(struct req *req);

/* GET /users, /api/users, for admins: filter, search, order, pages. */
int users_list(struct req *req);

/* POST /users {username, email, password}, for admins: auth makes an account as
 * registration does; 201 with its profile. */
int users_create(struct req *req);

/* POST /internal/users/events: user.created from auth makes the profile. 204 whenever the
 * event is settled, also the second time. */
int users_event(struct req *req);

/* -- shared -------------------------------------------------------------------------- */

/* The profile as clients see it. */
void users_json(struct jw *w, const struct profile *p);
/* Answers with the profile and its ETag; after a GET also 304. */
int users_answer(struct req *req, int status, const struct profile *p);
/* A profile's failed statement. One that its event has not made yet is not found. */
int users_db_error(struct req *req, enum db_status st);
/* Locks a profile and checks If-Match. 0, or -1 when an error was answered. */
NODISCARD int users_lock(struct req *req, uint64_t id, struct profile *p_r);
/* Whether the path's {id} is the caller's, or he is an admin. */
bool users_may_touch(const struct req *req);

#endif
