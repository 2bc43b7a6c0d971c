/*
 * auth.h - handlers of halle-auth. Contract of each: route.h.
 */
#ifndef HALLE_AUTH_H
#define HALLE_AUTH_H

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

/* POST /auth/login {username or e-mail, password, cookie?}: 200 with a token pair of a new
 * session. A stored hash of an older kind is replaced. */
int auth_login(struct req *req);

/* POST /auth/refresh {refresh_token?}, or the cookie: 200 with the next pair. */
int auth_refresh(struct req *req);

/* POST /auth/logout {refresh_token?}: ends the session of the access token, and that of the
 * refresh token when it is the caller's. GET /auth/sessions, DELETE /auth/sessions/{uuid}. */
int auth_logout(struct req *req);
int auth_session_list(struct req *req);
int auth_session_delete(struct req *req);

/* POST /auth/password {current, new}: ends every other session of the caller. */
int auth_password(struct req *req);

/* POST /auth/verify {token}, GET /auth/validate: 200 with the token's claims, or 401. */
int auth_verify(struct req *req);
int auth_validate(struct req *req);
/* GET /auth/profile */
int auth_profile(struct req *req);

/* GET /.well-known/jwks.json: the public keys as RFC 7517 has them, without our envelope;
 * an empty set with HS256. */
int auth_jwks(struct req *req);
/* POST /internal/auth/import {entries: [{username, email, password_hash, role?, first_name?,
 * last_name?, phone?, address?}]} from hallectl: 200 with one outcome per entry, in order:
 * {result: "created" or "exists", user_id} or {result: "refused", errors}. An account with
 * both the same name and address exists; it is not changed. */
#define AUTH_IMPORT_MAX (512u << 10) /* bytes of a batch */
int auth_import(struct req *req);
/* GET /internal/auth/revocations?seconds=&after=: what was revoked in the last so many seconds
 * and has not expired (without: all), by id, 1000 at most; "next" is there when more follow
 * and is given back as after, alone. */
int auth_revocations(struct req *req);
/* revoked_source: auth reads its own table, so it needs no other process of auth to know. */
int auth_own_revocations(void *worker, int64_t seconds);

/* GET /health, /readyz, /livez: the whole site */
int auth_site_health(struct req *req);
int auth_site_ready(struct req *req);
int auth_site_live(struct req *req);

/* Runs fn(arg), which hashes a password, where hashes are run (hasher.h). 0 when it has
 * ended, or -1 after SERVER_BUSY was answered and fn will not run. */
NODISCARD int auth_hash(struct req *req, void (*fn)(void *), void *arg);
/* -1 after SERVER_BUSY was answered: auth_hash would refuse now. */
NODISCARD int auth_hash_room(struct req *req);

/* An attempt to show an account's password, counted before the password is looked at.
 * account_id 0: nobody has this name. 0, or -1 after an error was answered, TOO_MANY_ATTEMPTS
 * among them. Who finds the password right calls auth_db_failure_forget(subject). */
struct attempt {
	unsigned char subject[32];
};
NODISCARD int auth_attempt_begin(struct req *req, uint64_t account_id, const char *name,
				 struct attempt *attempt);
/* As auth_hash; an attempt that was not looked at is not counted. */
NODISCARD int auth_attempt_hash(struct req *req, const struct attempt *attempt,
				void (*fn)(void *), void *arg);

#define AUTH_REFRESH_MAX 256 /* bytes of a refresh token that are read; ours has fewer */

/* Answers 200 with an access token made now and this refresh token: in the body, or in the
 * cookie. -1 when an error was answered. */
struct pair {
	uint64_t user_id;
	const char *username, *role;
	unsigned char session_id[16];
	const char *refresh;
	int64_t refresh_ends_us; /* since 1970 */
	bool cookie;
};
int auth_answer_pair(struct req *req, const struct pair *pair);

/* The session of the caller's access token. -1 after INVALID_TOKEN was answered. */
NODISCARD int auth_session_id(struct req *req, unsigned char id[16]);

/* Overwrites a password (NULL: none) and the body it came in, and takes the body from req. */
void auth_forget(struct req *req, const char *password);

#endif
