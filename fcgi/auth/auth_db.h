/*
 * auth_db.h - every statement of halle-auth. Status and strings: db.h.
 */
#ifndef HALLE_AUTH_DB_H
#define HALLE_AUTH_DB_H

#include "db.h"
#include "refresh.h"
#include "rnd.h"

struct account {
	uint64_t id;
	const char *username, *email, *role;
	const char *password; /* as passwd.h stores it */
	bool active;
};

enum db_status auth_db_account_by_id(struct db *db, uint64_t id, struct account *out);
/* username and email must be ASCII: their columns are. */
enum db_status auth_db_account_by_username(struct db *db, const char *username,
					   struct account *out);
enum db_status auth_db_account_by_email(struct db *db, const char *email,
					struct account *out);

/* DB_CONFLICT: db_conflict_key is "username" or "email". */
enum db_status auth_db_account_add(struct db *db, const char *username, const char *email,
				   const char *password, uint64_t *id_r);

/* Notes a login and stores password in place of the account's. DB_NONE when the account
 * was disabled, or its password changed, since it was read. */
enum db_status auth_db_account_login(struct db *db, const struct account *account,
				     const char *password);

/* Gives the account a role, unless a later version of the profile did. DB_NONE then, and when
 * there is no such account. */
enum db_status auth_db_account_role(struct db *db, uint64_t id, const char *role,
				    uint64_t version);
/* With its sessions and their tokens. DB_NONE when there is no such account. */
enum db_status auth_db_account_delete(struct db *db, uint64_t id);

struct session {
	unsigned char id[16];
	uint64_t account_id;
	const char *ip, *user_agent;
	int64_t ttl_s;
};

enum db_status auth_db_session_add(struct db *db, const struct session *session);
/* The session's first or next refresh token; it lives as long as the session now does. */
enum db_status auth_db_refresh_add(struct db *db, const struct session *session,
				   const unsigned char hash[REFRESH_HASH]);
/* Deletes sessions that ended, with their tokens; at most 1000. */
enum db_status auth_db_session_purge(struct db *db);

#endif
