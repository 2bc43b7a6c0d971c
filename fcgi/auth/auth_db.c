/* auth_db.c - the statements on accounts. */
#include "compat.h"

#include "auth_db.h"

#define ACCOUNT "SELECT id, username, email, role, password, status FROM account WHERE "

enum {
	BY_ID,
	BY_USERNAME,
	BY_EMAIL,
	ADD,
	REHASH,
	PASSWORD,
	ROLE,
	DELETE,
};

static const struct db_stmt sql[] = {
	[BY_ID] = { "account_by_id", ACCOUNT "id = ?", "u", "usssss" },
	[BY_USERNAME] = { "account_by_username", ACCOUNT "username = ?", "s", "usssss" },
	[BY_EMAIL] = { "account_by_email", ACCOUNT "email = ?", "s", "usssss" },
	[ADD] = { "account_add",
		  "INSERT INTO account (username, email, password, role, created_at, "
		  "updated_at) VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
		  "ssss", "" },
	[REHASH] = { "account_rehash",
		     "UPDATE account SET password = ? "
		     "WHERE id = ? AND status = 'active' AND password = ?",
		     "sus", "" },
	[PASSWORD] = { "account_password",
		       "UPDATE account SET password = ?, updated_at = UTC_TIMESTAMP(6) "
		       "WHERE id = ? AND status = 'active' AND password = ?",
		       "sus", "" },
	[ROLE] = { "account_role",
		   "UPDATE account SET role = ?, role_version = ?, "
		   "updated_at = UTC_TIMESTAMP(6) WHERE id = ? AND role_version < ?",
		   "suuu", "" },
	[DELETE] = { "account_delete", "DELETE FROM account WHERE id = ?", "u", "" },
};

static enum db_status read_account(enum db_status st, const struct db_val *row,
				   struct account *out)
{
	if (st == DB_OK)
		*out = (struct account){ .id = row[0].u,
					 .username = row[1].s,
					 .email = row[2].s,
					 .role = row[3].s,
					 .password = row[4].s,
					 .active = strcmp(row[5].s, "active") == 0 };
	return st;
}

enum db_status auth_db_account_by_id(struct db *db, uint64_t id, struct account *out)
{
	const struct db_val *row = NULL;
	enum db_status st = db_one(db, &sql[BY_ID], &row, db_u(id));

	return read_account(st, row, out);
}

enum db_status auth_db_account_by_username(struct db *db, const char *username,
					   struct account *out)
{
	const struct db_val *row = NULL;
	enum db_status st = db_one(db, &sql[BY_USERNAME], &row, db_s(username));

	return read_account(st, row, out);
}

enum db_status auth_db_account_by_email(struct db *db, const char *email,
					struct account *out)
{
	const struct db_val *row = NULL;
	enum db_status st = db_one(db, &sql[BY_EMAIL], &row, db_s(email));

	return read_account(st, row, out);
}

enum db_status auth_db_account_add(struct db *db, const struct new_account *in,
				   uint64_t *id_r)
{
	enum db_status st = db_exec(db, &sql[ADD], db_s(in->username), db_s(in->email),
				    db_s(in->password), db_s(in->role));

	*id_r = db_insert_id(db);
	return st;
}

enum db_status auth_db_account_rehash(struct db *db, const struct account *account,
				      const char *password)
{
	return db_changed(db, db_exec(db, &sql[REHASH], db_s(password), db_u(account->id),
				   db_s(account->password)));
}

enum db_status auth_db_account_role(struct db *db, uint64_t id, const char *role,
				    uint64_t version)
{
	return db_changed(db, db_exec(db, &sql[ROLE], db_s(role), db_u(version), db_u(id),
				   db_u(version)));
}

enum db_status auth_db_account_delete(struct db *db, uint64_t id)
{
	return db_changed(db, db_exec(db, &sql[DELETE], db_u(id)));
}

enum db_status auth_db_account_password(struct db *db, const struct account *account,
					const char *password)
{
	return db_changed(db, db_exec(db, &sql[PASSWORD], db_s(password), db_u(account->id),
				   db_s(account->password)));
}
