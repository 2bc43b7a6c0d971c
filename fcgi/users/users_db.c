/* users_db.c - the statements of halle-users, but for the list. */
#include "compat.h"

#include "users_db.h"

#define PROFILE "SELECT " PROFILE_COLUMNS " FROM profile p WHERE p.id = ?"

enum { READ, LOCK, LOCK_ADMINS, ADD, UPDATE, ROLE, DELETE };

static const struct db_stmt sql[] = {
	[READ] = { "profile", PROFILE, "u", PROFILE_OUT },
	[LOCK] = { "profile_lock", PROFILE " FOR UPDATE", "u", PROFILE_OUT },
	[LOCK_ADMINS] = { "admins_lock",
			  "SELECT id FROM profile WHERE role = 'admin' "
			  "ORDER BY id LIMIT 2 FOR UPDATE",
			  "", "u" },
	[ADD] = { "profile_add",
		  "INSERT INTO profile (id, username, email, role, created_at, "
		  "updated_at) VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)) "
		  "ON DUPLICATE KEY UPDATE id = id",
		  "usss", "" },
	[UPDATE] = { "profile_update",
		     "UPDATE profile SET first_name = ?, last_name = ?, phone = ?, "
		     "address = ?, version = version + 1, "
		     "updated_at = UTC_TIMESTAMP(6) WHERE id = ?",
		     "ssssu", "" },
	[ROLE] = { "profile_role",
		   "UPDATE profile SET role = ?, version = version + 1, "
		   "updated_at = UTC_TIMESTAMP(6) WHERE id = ?",
		   "su", "" },
	[DELETE] = { "profile_delete", "DELETE FROM profile WHERE id = ?", "u", "" },
};

void users_db_take(const struct db_val *row, struct profile *out)
{
	*out = (struct profile){ .id = row[0].u,
				 .version = row[1].u,
				 .username = row[2].s,
				 .email = row[3].s,
				 .role = row[4].s,
				 .first_name = row[5].s,
				 .last_name = row[6].s,
				 .phone = row[7].s,
				 .address = row[8].s,
				 .created_us = row[9].i,
				 .updated_us = row[10].i };
}

static enum db_status read_profile(struct db *db, const struct db_stmt *stmt, uint64_t id,
				   struct profile *out)
{
	const struct db_val *row;
	enum db_status st = db_one(db, stmt, &row, db_u(id));

	if (st == DB_OK)
		users_db_take(row, out);
	return st;
}

enum db_status users_db_profile(struct db *db, uint64_t id, struct profile *out)
{
	return read_profile(db, &sql[READ], id, out);
}

enum db_status users_db_profile_lock(struct db *db, uint64_t id, struct profile *out)
{
	return read_profile(db, &sql[LOCK], id, out);
}

enum db_status users_db_lock_other_admin(struct db *db, uint64_t id)
{
	const struct db_val *row;
	bool found = false;
	enum db_status st = db_open(db, &sql[LOCK_ADMINS]);

	while (st == DB_OK && (st = db_next(db, &row)) == DB_OK) {
		if (row[0].u != id)
			found = true;
	}
	return st == DB_NONE && found ? DB_OK : st;
}

enum db_status users_db_profile_add(struct db *db, uint64_t id, const char *username,
				    const char *email, const char *role)
{
	return db_exec(db, &sql[ADD], db_u(id), db_s(username), db_s(email), db_s(role));
}

enum db_status users_db_profile_update(struct db *db, const struct profile *profile)
{
	return db_exec(db, &sql[UPDATE], db_s(profile->first_name),
		       db_s(profile->last_name), db_s(profile->phone),
		       db_s(profile->address), db_u(profile->id));
}

enum db_status users_db_profile_role(struct db *db, uint64_t id, const char *role)
{
	return db_exec(db, &sql[ROLE], db_s(role), db_u(id));
}

enum db_status users_db_profile_delete(struct db *db, uint64_t id)
{
	return db_exec(db, &sql[DELETE], db_u(id));
}
