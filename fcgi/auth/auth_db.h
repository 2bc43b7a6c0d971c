/*
 * auth_db.h - the statements on accounts. Status and strings: db.h.
 */
#ifndef HALLE_AUTH_DB_H
#define HALLE_AUTH_DB_H

#include "accounts.h"
#include "db.h"

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

/* The row alone; callers make accounts with account_create (accounts.h). */
enum db_status auth_db_account_add(struct db *db, const struct new_account *in,
				   uint64_t *id_r);

/* Stores another hash of the same password. DB_NONE when the account was disabled, or its
 * password changed, since it was read. */
enum db_status auth_db_account_rehash(struct db *db, const struct account *account,
				      const char *password);
/* Stores a password in place of the account's. DB_NONE as above. */
enum db_status auth_db_account_password(struct db *db, const struct account *account,
					const char *password);

/* Gives the account a role, unless a later version of the profile did. DB_NONE then, and when
 * there is no such account. */
enum db_status auth_db_account_role(struct db *db, uint64_t id, const char *role,
				    uint64_t version);
/* With its sessions and their tokens. DB_NONE when there is no such account. */
enum db_status auth_db_account_delete(struct db *db, uint64_t id);


#endif
