/*
 * auth.h - handlers of halle-auth. Contract of each: route.h.
 */
#ifndef HALLE_AUTH_H
#define HALLE_AUTH_H

#include "gate.h"
#include "svc.h"

/* POST /auth/register {username, email, password}: 201 {user_id, username}. The account
 * and its two events user.created commit together; profile and cart are made before the
 * answer when their services take the events in time, and soon after it otherwise. */
int auth_register(struct req *req);
/* POST /internal/auth/accounts: the same for halle-users, at an admin's request. */
int auth_account_add(struct req *req);

/* POST /internal/auth/events: user.role and user.deleted from halle-users. 204 whenever the
 * event is settled, also the second time, late, or of an account that is gone. */
int auth_event(struct req *req);

/* POST /auth/login {username or e-mail, password}: 200 with a token pair of a new
 * session. A stored hash of an older kind is replaced. */
int auth_login(struct req *req);

/* POST /auth/verify {token}, GET /auth/validate: 200 with the token's claims, or 401. */
int auth_verify(struct req *req);
int auth_validate(struct req *req);
/* GET /auth/profile */
int auth_profile(struct req *req);

/* GET /health, /readyz, /livez: the whole site */
int auth_site_health(struct req *req);
int auth_site_ready(struct req *req);
int auth_site_live(struct req *req);

/* The gate that every password hash of this process passes. 0, or -1 after SERVER_BUSY
 * was answered; after 0 the caller calls gate_leave. */
NODISCARD int auth_gate_enter(struct req *req);
struct gate *auth_gate(const struct req *req);

/* Overwrites a password and the body it came in, and takes the body from req. */
void auth_forget(struct req *req, const char *password);

#endif
