/* auth_db_revocation.c - statements on table revocation. */
#include "compat.h"

#include "auth_db_revocation.h"

#define LEEWAY_S 60 /* clocks of other machines */

enum { ADD_SESSION, ADD_OTHERS, ADD_USER };

static const struct db_stmt sql[] = {
	[ADD_SESSION] = { "revocation_add_session",
			  "INSERT INTO revocation (session_id, created_at, expires_at) "
			  "VALUES (?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL ? SECOND)",
			  "bi", "" },
	[ADD_OTHERS] = { "revocation_add_others",
			 "INSERT INTO revocation (session_id, created_at, expires_at) "
			 "SELECT id, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL ? SECOND "
			 "FROM session WHERE account_id = ? AND id <> ? AND revoked_at IS NULL",
			 "iub", "" },
	[ADD_USER] = { "revocation_add_user",
		       "INSERT INTO revocation (account_id, role, created_at, expires_at) "
		       "VALUES (?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL ? SECOND)",
		       "usi", "" },
};

enum db_status auth_db_revoke_session(struct db *db, const unsigned char id[16], int64_t ttl_s)
{
	return db_exec(db, &sql[ADD_SESSION], db_b(id, 16), db_i(ttl_s + LEEWAY_S));
}

enum db_status auth_db_revoke_other_sessions(struct db *db, uint64_t user_id,
					     const unsigned char id[16], int64_t ttl_s)
{
	return db_exec(db, &sql[ADD_OTHERS], db_i(ttl_s + LEEWAY_S), db_u(user_id),
		       db_b(id, 16));
}

enum db_status auth_db_revoke_user(struct db *db, uint64_t user_id, const char *role,
				   int64_t ttl_s)
{
	return db_exec(db, &sql[ADD_USER], db_u(user_id), db_s(role), db_i(ttl_s + LEEWAY_S));
}
