/*
 * users_db.h - the statements of halle-users, but for the list (users_db_list.h). Status
 * and strings: db.h.
 */
#ifndef HALLE_USERS_DB_H
#define HALLE_USERS_DB_H

#include "db.h"

struct profile {
	uint64_t id, version;
	const char *username, *email, *role;
	const char *first_name, *last_name, *phone, *address; /* may be NULL */
	int64_t created_us, updated_us; /* microseconds since 1970, UTC */
};

/* What a statement selects for users_db_take; the table is p. */
#define PROFILE_COLUMNS                                                                  \
	"p.id, p.version, p.username, p.email, p.role, p.first_name, p.last_name, "      \
	"p.phone, p.address, p.created_at, p.updated_at"
#define PROFILE_OUT "uusssssss" "tt"
void users_db_take(const struct db_val *row, struct profile *out);

enum db_status users_db_profile(struct db *db, uint64_t id, struct profile *out);
/* The same, locked until the transaction ends. */
enum db_status users_db_profile_lock(struct db *db, uint64_t id, struct profile *out);
/* Locks some admin besides this user, so that he stays one until the transaction ends.
 * DB_NONE: there is no other. */
enum db_status users_db_lock_other_admin(struct db *db, uint64_t id);

/* Nothing happens when the profile is there already. */
enum db_status users_db_profile_add(struct db *db, uint64_t id, const char *username,
				    const char *email, const char *role);

/* Stores the four optional members and counts the version up. */
enum db_status users_db_profile_update(struct db *db, const struct profile *profile);
/* Counts the version up too. */
enum db_status users_db_profile_role(struct db *db, uint64_t id, const char *role);
enum db_status users_db_profile_delete(struct db *db, uint64_t id);

#endif
