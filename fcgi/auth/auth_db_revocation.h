/*
 * auth_db_revocation.h - statements on what workers must refuse although its signature is
 * good. The two that add run in the transaction of the change they tell of. Status: db.h.
 */
#ifndef HALLE_AUTH_DB_REVOCATION_H
#define HALLE_AUTH_DB_REVOCATION_H

#include "db.h"

/* ttl_s: how long access tokens made before may still be shown (access_ttl_s of cfg). */

/* No access token of this session is good any more. */
enum db_status auth_db_revoke_session(struct db *db, const unsigned char id[16], int64_t ttl_s);
/* Nor of any other session of this user that was not ended yet than this one. */
enum db_status auth_db_revoke_other_sessions(struct db *db, uint64_t user_id,
					     const unsigned char id[16], int64_t ttl_s);
/* Access tokens of this user are good only with this role; "none": not at all. */
enum db_status auth_db_revoke_user(struct db *db, uint64_t user_id, const char *role,
				   int64_t ttl_s);

#endif
