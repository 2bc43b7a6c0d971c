/* carts_db_unmirrored.c - the SQL of carts that were written while the mirror was away. */
#include "compat.h"

#include "carts_db_unmirrored.h"

enum sql { MARK, NEXT, CLEAR };

static const struct db_stmt sql[] = {
	[MARK] = { "unmirrored_mark",
		"INSERT IGNORE INTO cart_unmirrored (user_id) VALUES (?)", "u", "" },
	[NEXT] = { "unmirrored_next",
		"SELECT user_id FROM cart_unmirrored WHERE user_id > ? ORDER BY user_id LIMIT 1",
		"u", "u" },
	[CLEAR] = { "unmirrored_clear", "DELETE FROM cart_unmirrored WHERE user_id = ?", "u", "" },
};

enum db_status carts_db_unmirrored_mark(struct db *db, uint64_t user)
{
	return db_exec(db, &sql[MARK], db_u(user));
}

enum db_status carts_db_unmirrored_next(struct db *db, uint64_t after, uint64_t *user_r)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[NEXT], &row, db_u(after));

	if (st == DB_OK)
		*user_r = row[0].u;
	return st;
}

enum db_status carts_db_unmirrored_clear(struct db *db, uint64_t user)
{
	return db_exec(db, &sql[CLEAR], db_u(user));
}
