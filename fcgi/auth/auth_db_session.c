/* auth_db_session.c - statements on tables session and refresh_token. */
#include "compat.h"

#include "auth_db_session.h"

enum {
	ADD,
	REFRESH_ADD,
	SPEND,
	READ,
	END,
	END_OTHERS,
	REFRESH_SESSION,
	LIST,
	PURGE,
};

static const struct db_stmt sql[] = {
	/* shared, so that logins of one account do not wait for each other */
	[ADD] = { "session_add",
		  "INSERT INTO session (id, account_id, ip, user_agent, "
		  "created_at, last_used_at, expires_at) SELECT ?, id, ?, ?, "
		  "UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), "
		  "UTC_TIMESTAMP(6) + INTERVAL ? SECOND FROM account "
		  "WHERE id = ? AND status = 'active' AND password = ? LOCK IN SHARE MODE",
		  "bssius", "" },
	[REFRESH_ADD] = { "refresh_add",
			  "INSERT INTO refresh_token (hash, session_id, issued_at, "
			  "expires_at) SELECT ?, id, UTC_TIMESTAMP(6), expires_at "
			  "FROM session WHERE id = ?",
			  "bb", "" },
	/* without the account: only locks on these two rows, in this order */
	[SPEND] = { "refresh_spend",
		    "UPDATE refresh_token t JOIN session s ON s.id = t.session_id "
		    "SET t.used_at = UTC_TIMESTAMP(6), t.successor = ?, "
		    "s.last_used_at = UTC_TIMESTAMP(6), "
		    "s.expires_at = LEAST(UTC_TIMESTAMP(6) + INTERVAL ? SECOND, "
		    "s.created_at + INTERVAL ? SECOND) "
		    "WHERE t.hash = ? AND t.used_at IS NULL "
		    "AND t.expires_at > UTC_TIMESTAMP(6) AND s.revoked_at IS NULL "
		    "AND s.created_at + INTERVAL ? SECOND > UTC_TIMESTAMP(6)",
		    "biibi", "" },
	[READ] = { "refresh_read",
		   "SELECT s.id, a.id, a.username, a.role, s.expires_at, "
		   "t.used_at IS NOT NULL, COALESCE(t.used_at > "
		   "UTC_TIMESTAMP(6) - INTERVAL ? SECOND, 0), t.successor "
		   "FROM refresh_token t JOIN session s ON s.id = t.session_id "
		   "JOIN account a ON a.id = s.account_id WHERE t.hash = ? "
		   "AND s.revoked_at IS NULL AND s.expires_at > UTC_TIMESTAMP(6) "
		   "AND a.status = 'active'",
		   "ib", "busstuub" },
	[END] = { "session_end",
		  "UPDATE session SET revoked_at = UTC_TIMESTAMP(6) "
		  "WHERE id = ? AND account_id = ? AND revoked_at IS NULL",
		  "bu", "" },
	[END_OTHERS] = { "session_end_others",
			 "UPDATE session SET revoked_at = UTC_TIMESTAMP(6) "
			 "WHERE account_id = ? AND id <> ? AND revoked_at IS NULL",
			 "ub", "" },
	[REFRESH_SESSION] = { "refresh_session",
			      "SELECT session_id FROM refresh_token WHERE hash = ?", "b",
			      "b" },
	[LIST] = { "session_list",
		   "SELECT id, ip, user_agent, created_at, last_used_at, expires_at "
		   "FROM session WHERE account_id = ? AND revoked_at IS NULL "
		   "AND expires_at > UTC_TIMESTAMP(6) "
		   "ORDER BY created_at DESC, id DESC LIMIT 100",
		   "u", "bssttt" },
	/* one day: the greatest access_ttl_s */
	[PURGE] = { "session_purge",
		    "DELETE FROM session WHERE expires_at < "
		    "UTC_TIMESTAMP(6) - INTERVAL 1 DAY LIMIT 1000",
		    "", "" },
};

/* BINARY columns have the length that the table says. */
static void copy(unsigned char *to, size_t len, const struct db_val *from)
{
	memset(to, 0, len);
	if (!from->null && from->len == len)
		memcpy(to, from->s, len);
}

enum db_status auth_db_session_add(struct db *db, const struct session *session)
{
	return db_changed(db, db_exec(db, &sql[ADD], db_b(session->id, sizeof(session->id)),
				      db_s(session->ip), db_s(session->user_agent),
				      db_i(session->ttl_s), db_u(session->account_id),
				      db_s(session->password)));
}

enum db_status auth_db_refresh_add(struct db *db, const unsigned char session_id[16],
				   const unsigned char hash[REFRESH_HASH])
{
	return db_exec(db, &sql[REFRESH_ADD], db_b(hash, REFRESH_HASH),
		       db_b(session_id, 16));
}

enum db_status auth_db_refresh_spend(struct db *db, const unsigned char hash[REFRESH_HASH],
				     const unsigned char successor[REFRESH_SEALED],
				     int64_t ttl_s, int64_t max_s)
{
	return db_changed(db, db_exec(db, &sql[SPEND], db_b(successor, REFRESH_SEALED),
				   db_i(ttl_s), db_i(max_s), db_b(hash, REFRESH_HASH),
				   db_i(max_s)));
}

enum db_status auth_db_refresh_read(struct db *db, const unsigned char hash[REFRESH_HASH],
				    int64_t grace_s, struct refresh *out)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[READ], &row, db_i(grace_s),
				   db_b(hash, REFRESH_HASH));

	if (st != DB_OK)
		return st;
	*out = (struct refresh){ .account_id = row[1].u,
				 .username = row[2].s,
				 .role = row[3].s,
				 .session_ends_us = row[4].i,
				 .spent = row[5].u,
				 .lately = row[6].u };
	copy(out->session_id, sizeof(out->session_id), &row[0]);
	copy(out->successor, sizeof(out->successor), &row[7]);
	return DB_OK;
}

enum db_status auth_db_session_end(struct db *db, uint64_t account_id,
				   const unsigned char id[16])
{
	return db_changed(db, db_exec(db, &sql[END], db_b(id, 16), db_u(account_id)));
}

enum db_status auth_db_session_end_others(struct db *db, uint64_t account_id,
					  const unsigned char id[16])
{
	return db_exec(db, &sql[END_OTHERS], db_u(account_id), db_b(id, 16));
}

enum db_status auth_db_refresh_session(struct db *db, const unsigned char hash[REFRESH_HASH],
				       unsigned char id[16])
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[REFRESH_SESSION], &row,
				   db_b(hash, REFRESH_HASH));

	if (st == DB_OK)
		copy(id, 16, &row[0]);
	return st;
}

enum db_status auth_db_session_list(struct db *db, uint64_t account_id)
{
	return db_open(db, &sql[LIST], db_u(account_id));
}

enum db_status auth_db_session_next(struct db *db, struct session_row *out)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st != DB_OK)
		return st;
	*out = (struct session_row){ .ip = row[1].s,
				     .user_agent = row[2].s,
				     .created_us = row[3].i,
				     .used_us = row[4].i,
				     .ends_us = row[5].i };
	copy(out->id, sizeof(out->id), &row[0]);
	return DB_OK;
}

enum db_status auth_db_session_purge(struct db *db)
{
	return db_exec(db, &sql[PURGE]);
}
