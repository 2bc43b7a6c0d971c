/*
 * users_db.h - every statement of halle-users. Status and strings: db.h.
 */
#ifndef HALLE_USERS_DB_H
#define HALLE_USERS_DB_H

#include "db.h"

struct profile {
	uint64_t id, version;
	const char *username, *email, *role;
	const char *first_name, *last_name, *phone, *address; /* may be NULL */
	const char *created, *updated;			      /* RFC 3339 */
};

enum db_status users_db_profile(struct db *db, uint64_t id, struct profile *out);
/* The same, locked until the transaction ends. */
enum db_status users_db_profile_lock(struct db *db, uint64_t id, struct profile *out);

/* Nothing happens when the profile is there already. */
enum db_status users_db_profile_add(struct db *db, const struct profile *profile);

/* Stores the four optional members and counts the version up. */
enum db_status users_db_profile_update(struct db *db, const struct profile *profile);

#endif
