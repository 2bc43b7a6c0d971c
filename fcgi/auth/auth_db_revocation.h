/*
 * auth_db_revocation.h - statements on what workers must refuse although its signature is
 * good. The two that add run in the transaction of the change they tell of. Status: db.h.
 */
#ifndef HALLE_AUTH_DB_REVOCATION_H
#define HALLE_AUTH_DB_REVOCATION_H

#include "db.h"
#include "revoked.h"

#define REVOCATION_LEEWAY_S 60 /* a row outlives the tokens that it speaks of: other clocks */
#define REVOCATIONS_PAGE    1000

/* ttl_s: how long access tokens made before may still be shown (access_ttl_s of cfg). */

/* No access token of this session is good any more. */
enum db_status auth_db_revoke_session(struct db *db, const unsigned char id[16], int64_t ttl_s);
/* Nor of any other session of this user that was not ended yet than this one. */
enum db_status auth_db_revoke_other_sessions(struct db *db, uint64_t user_id,
					     const unsigned char id[16], int64_t ttl_s);
/* Access tokens of this user are good only with this role; "none": not at all. */
enum db_status auth_db_revoke_user(struct db *db, uint64_t user_id, const char *role,
				   int64_t ttl_s);

/* Rows that have not expired, by id, up to one more than a page: those after this id, or with
 * after 0 those written in the last so many seconds (0: all). Next: DB_NONE at the end. */
NODISCARD enum db_status auth_db_revocations_open(struct db *db, uint64_t seconds,
						  uint64_t after);
NODISCARD enum db_status auth_db_revocations_next(struct db *db, struct revocation *row_r);

/* Deletes what expired; at most 1000 rows. */
NODISCARD enum db_status auth_db_revocation_purge(struct db *db);

#endif
