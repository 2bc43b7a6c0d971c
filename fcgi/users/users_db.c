/* users_db.c - the statements of halle-users. */
#include "compat.h"

#include "users_db.h"

#define RFC3339 "'%Y-%m-%dT%H:%i:%sZ'"
#define PROFILE                                                                          \
	"SELECT id, version, username, email, role, first_name, last_name, phone, "      \
	"address, DATE_FORMAT(created_at, " RFC3339                                      \
	"), DATE_FORMAT(updated_at, " RFC3339 ") "                                       \
	"FROM profile WHERE id = ?"

enum { READ, LOCK, ADD, UPDATE };

static const struct db_stmt sql[] = {
	[READ] = { "profile", PROFILE, "u", "uusssssssss" },
	[LOCK] = { "profile_lock", PROFILE " FOR UPDATE", "u", "uusssssssss" },
	[ADD] = { "profile_add",
		  "INSERT INTO profile (id, username, email, role, first_name, last_name, "
		  "phone, address, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
		  "UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE id = id",
		  "usssssss", "" },
	[UPDATE] = { "profile_update",
		     "UPDATE profile SET first_name = ?, last_name = ?, phone = ?, "
		     "address = ?, version = version + 1, "
		     "updated_at = UTC_TIMESTAMP(6) WHERE id = ?",
		     "ssssu", "" },
};

static enum db_status read_profile(struct db *db, const struct db_stmt *stmt, uint64_t id,
				   struct profile *out)
{
	const struct db_val *row;
	enum db_status st = db_one(db, stmt, &row, db_u(id));

	if (st == DB_OK)
		*out = (struct profile){ .id = row[0].u,
					 .version = row[1].u,
					 .username = row[2].s,
					 .email = row[3].s,
					 .role = row[4].s,
					 .first_name = row[5].s,
					 .last_name = row[6].s,
					 .phone = row[7].s,
					 .address = row[8].s,
					 .created = row[9].s,
					 .updated = row[10].s };
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

enum db_status users_db_profile_add(struct db *db, const struct profile *p)
{
	return db_exec(db, &sql[ADD], db_u(p->id), db_s(p->username), db_s(p->email),
		       db_s(p->role), db_s(p->first_name), db_s(p->last_name),
		       db_s(p->phone), db_s(p->address));
}

enum db_status users_db_profile_update(struct db *db, const struct profile *profile)
{
	return db_exec(db, &sql[UPDATE], db_s(profile->first_name),
		       db_s(profile->last_name), db_s(profile->phone),
		       db_s(profile->address), db_u(profile->id));
}
