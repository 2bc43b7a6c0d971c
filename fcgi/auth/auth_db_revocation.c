/* auth_db_revocation.c - statements on table revocation. */
#include "compat.h"

#include "auth_db_revocation.h"

#define ROWS "SELECT id, session_id, account_id, role, expires_at FROM revocation "
#define PAGE " AND expires_at > UTC_TIMESTAMP(6) ORDER BY id LIMIT 1001"

enum { ADD_SESSION, ADD_OTHERS, ADD_USER, SINCE, AFTER, PURGE };

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
	/* forced: by the primary key, every row would be read to find that none is new */
	[SINCE] = { "revocation_since",
		    ROWS "FORCE INDEX (created) "
			 "WHERE created_at >= UTC_TIMESTAMP(6) - INTERVAL ? SECOND" PAGE,
		    "u", "ubust" },
	[AFTER] = { "revocation_after", ROWS "WHERE id > ?" PAGE, "u", "ubust" },
	[PURGE] = { "revocation_purge",
		    "DELETE FROM revocation WHERE expires_at <= UTC_TIMESTAMP(6) "
		    "ORDER BY expires_at LIMIT 1000",
		    "", "" },
};

enum db_status auth_db_revoke_session(struct db *db, const unsigned char id[16], int64_t ttl_s)
{
	return db_exec(db, &sql[ADD_SESSION], db_b(id, 16), db_i(ttl_s + REVOCATION_LEEWAY_S));
}

enum db_status auth_db_revoke_other_sessions(struct db *db, uint64_t user_id,
					     const unsigned char id[16], int64_t ttl_s)
{
	return db_exec(db, &sql[ADD_OTHERS], db_i(ttl_s + REVOCATION_LEEWAY_S), db_u(user_id),
		       db_b(id, 16));
}

enum db_status auth_db_revoke_user(struct db *db, uint64_t user_id, const char *role,
				   int64_t ttl_s)
{
	return db_exec(db, &sql[ADD_USER], db_u(user_id), db_s(role), db_i(ttl_s + REVOCATION_LEEWAY_S));
}

enum db_status auth_db_revocations_open(struct db *db, uint64_t seconds, uint64_t after)
{
	if (after == 0 && seconds)
		return db_open(db, &sql[SINCE], db_u(seconds));
	return db_open(db, &sql[AFTER], db_u(after));
}

enum db_status auth_db_revocations_next(struct db *db, struct revocation *row_r)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st != DB_OK)
		return st;
	*row_r = (struct revocation){ .id = row[0].u,
				      .of_session = !row[1].null,
				      .user_id = row[2].null ? 0 : row[2].u,
				      .role = row[3].null ? ROLE_NONE : role_parse(row[3].s),
				      .expires_s = row[4].i / 1000000 };
	if (row_r->of_session)
		memcpy(row_r->session_id, row[1].s, sizeof(row_r->session_id));
	return DB_OK;
}

enum db_status auth_db_revocation_purge(struct db *db)
{
	return db_exec(db, &sql[PURGE]);
}
