/*
 * revoked.h - what this process must refuse although the signature is good: access tokens of
 * a session that was ended, and those of a user whose role is another one since (a disabled or
 * deleted user has none). auth writes the rows in the transaction of the change; every process
 * reads them again and again, and keeps the last list when it cannot.
 *
 * revoked_is may be called by any thread, the rest by one thread at a time.
 */
#ifndef HALLE_REVOKED_H
#define HALLE_REVOKED_H

#include "peer.h"

#define REVOKED_PERIOD_MS 300
/* Entries at most (64 MiB); beyond, an error is logged and the newest 7/8 are kept. */
#define REVOKED_MAX 1048576

/* For each access token that verified; about a tenth of a microsecond. */
bool revoked_is(const struct claims *claims);

struct revocation {
	uint64_t id;                  /* of the row; the newest row of a user counts */
	bool of_session;
	unsigned char session_id[16]; /* when of_session, */
	uint64_t user_id;             /* else these two */
	enum role role;               /* of the user now; ROLE_NONE: no token is good */
	int64_t expires_s;            /* seconds since 1970; the entry is dropped then */
};

/* Reads the rows of the last so many seconds (0: all) and gives each to revoked_add.
 * 0, or -1 when they could not be had. */
typedef int (*revoked_source)(void *arg, int64_t seconds);

/* One reading: what is new, and when it is the first or the last good one is long ago, all.
 * Logs when the source begins or ceases to fail, counts failures, drops what expired. 0 or -1. */
int revoked_update(revoked_source source, void *arg);
void revoked_add(const struct revocation *row);
size_t revoked_count(void);

/* The source of every service but auth: its internal route. arg: struct peer. */
int revoked_from_auth(void *peer, int64_t seconds);

#endif
