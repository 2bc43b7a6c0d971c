/* carts_db_admin.c - the SQL behind the reconciler's scan and the operator's program. */
#include "compat.h"

#include "carts_db_admin.h"

enum sql { SCAN_DUE, SCANNED, OP_AT, FENCE_NEXT, FENCE_LEAP, OPS };

static const struct db_stmt sql[] = {
	[SCAN_DUE] = { "scan_due",
		"SELECT 1 + 0 FROM lease WHERE name = ?"
		" AND (scanned_at IS NULL OR scanned_at < NOW(6) - INTERVAL 60 SECOND)", "s", "i" },
	[SCANNED] = { "scanned",
		"UPDATE lease SET scanned_at = NOW(6) WHERE name = ?", "s", "" },
	[OP_AT] = { "op_at",
		"SELECT op_id, fence FROM cart_op WHERE user_id = ? AND version = ?", "uu", "bu" },
	[FENCE_NEXT] = { "fence_next", "SELECT NEXT VALUE FOR cart_fence", "", "u" },
	/* a sequence is set by inserting into it, for SETVAL takes no parameter; what is handed
	 * out meanwhile stays below the million */
	[FENCE_LEAP] = { "fence_leap",
		"INSERT INTO cart_fence SELECT GREATEST(next_not_cached_value, ?) + 1000000,"
		" minimum_value, maximum_value, start_value, increment, cache_size, cycle_option,"
		" cycle_count FROM cart_fence", "u", "" },
	[OPS] = { "ops",
		"SELECT op_id, version, fence, route, status, created_at FROM cart_op"
		" WHERE user_id = ? ORDER BY version DESC LIMIT ?", "uu", "buusut" },
};

enum db_status carts_db_scan_due(struct db *db, const char *lease)
{
	const struct db_val *row;

	return db_one(db, &sql[SCAN_DUE], &row, db_s(lease));
}

enum db_status carts_db_scanned(struct db *db, const char *lease)
{
	return db_exec(db, &sql[SCANNED], db_s(lease));
}

enum db_status carts_db_op_at(struct db *db, uint64_t user, uint64_t version,
			      struct cart_op *op_r)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[OP_AT], &row, db_u(user), db_u(version));

	if (st == DB_OK && row[0].len != OP_ID)
		return DB_FAIL;
	if (st == DB_OK)
		*op_r = (struct cart_op){ .id = (const unsigned char *)row[0].s, .user = user,
					  .version = version, .fence = row[1].u };
	return st;
}

enum db_status carts_db_fence_past(struct db *db, uint64_t fence)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[FENCE_NEXT], &row);

	if (st != DB_OK || row[0].u > fence)
		return st;
	return db_exec(db, &sql[FENCE_LEAP], db_u(fence));
}

enum db_status carts_db_ops(struct db *db, uint64_t user, uint64_t count)
{
	return db_open(db, &sql[OPS], db_u(user), db_u(count));
}

enum db_status carts_db_ops_next(struct db *db, struct cart_op *op_r, int64_t *created_us_r)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK && row[0].len != OP_ID)
		return DB_FAIL;
	if (st == DB_OK) {
		*op_r = (struct cart_op){ .id = (const unsigned char *)row[0].s,
					  .version = row[1].u, .fence = row[2].u,
					  .route = row[3].s, .status = row[4].u };
		*created_us_r = row[5].i;
	}
	return st;
}
