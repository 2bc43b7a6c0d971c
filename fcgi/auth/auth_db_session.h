/*
 * auth_db_session.h - statements on sessions and their refresh tokens. Status and strings:
 * db.h. Every transaction locks token before session, and account before session.
 */
#ifndef HALLE_AUTH_DB_SESSION_H
#define HALLE_AUTH_DB_SESSION_H

#include "db.h"
#include "refresh.h"

struct session {
	unsigned char id[16];
	uint64_t account_id;
	const char *password; /* the hash that was verified */
	const char *ip, *user_agent;
	int64_t ttl_s;
};

/* DB_NONE when the account was disabled, or its password changed, since it was read. */
enum db_status auth_db_session_add(struct db *db, const struct session *session);
/* The session's first or next refresh token; it lives as long as the session now does. */
enum db_status auth_db_refresh_add(struct db *db, const unsigned char session_id[16],
				   const unsigned char hash[REFRESH_HASH]);

/* Spends a token that is good: unspent, not expired, of a session that was not ended; its
 * session then lives ttl_s from now, but not beyond max_s from its begin. DB_NONE: the token
 * is not good. Of parallel calls for one token one gets DB_OK. */
enum db_status auth_db_refresh_spend(struct db *db, const unsigned char hash[REFRESH_HASH],
				     const unsigned char successor[REFRESH_SEALED],
				     int64_t ttl_s, int64_t max_s);

/* A token of a live session of an active account. */
struct refresh {
	unsigned char session_id[16];
	uint64_t account_id;
	const char *username, *role;
	int64_t session_ends_us; /* since 1970 */
	bool spent;
	bool lately; /* spent less than grace_s ago */
	unsigned char successor[REFRESH_SEALED]; /* zeroes while it is not spent */
};

/* DB_NONE: there is no such token, or its session ended, or its account is disabled. */
enum db_status auth_db_refresh_read(struct db *db, const unsigned char hash[REFRESH_HASH],
				    int64_t grace_s, struct refresh *out);

/* These three end sessions; auth_db_revoke_session, or auth_db_revoke_other_sessions before
 * the third, belongs into the same transaction. DB_NONE: no such session of this account
 * that was not ended. */
enum db_status auth_db_session_end(struct db *db, uint64_t account_id,
				   const unsigned char id[16]);
enum db_status auth_db_session_end_others(struct db *db, uint64_t account_id,
					  const unsigned char id[16]);
/* The session that a refresh token, good or not, was made in. */
enum db_status auth_db_refresh_session(struct db *db, const unsigned char hash[REFRESH_HASH],
				       unsigned char id[16]);

/* Live sessions of an account, newest first, at most 100; rows by auth_db_session_next. */
enum db_status auth_db_session_list(struct db *db, uint64_t account_id);
struct session_row {
	unsigned char id[16];
	const char *ip, *user_agent; /* user_agent NULL: it told none */
	int64_t created_us, used_us, ends_us;
};
enum db_status auth_db_session_next(struct db *db, struct session_row *out);

/* Deletes sessions that ended so long ago that no access token of theirs is alive, with
 * their refresh tokens; at most 1000. */
enum db_status auth_db_session_purge(struct db *db);

#endif
