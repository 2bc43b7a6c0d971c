/* auth_db_failure.c - statements on table login_failure. */
#include "compat.h"

#include "auth_db_failure.h"

enum { COUNT_ONE, WAIT, UNCOUNT, FORGET, PURGE };

/* Assignments run from left to right and see new values: failures is 1 in the second exactly
 * when the count began anew, and counts this attempt in the third. A refused attempt changes
 * nothing, which the number of affected rows tells. */
static const struct db_stmt sql[] = {
	[COUNT_ONE] = { "failure_count",
			"INSERT INTO login_failure (subject, failures, since) "
			"VALUES (?, 1, UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE "
			"failures = CASE WHEN until > UTC_TIMESTAMP(6) THEN failures "
			"WHEN GREATEST(since, COALESCE(until, since)) < "
			"UTC_TIMESTAMP(6) - INTERVAL ? SECOND THEN 1 "
			"ELSE LEAST(failures + 1, 60000) END, "
			"since = IF(failures = 1, UTC_TIMESTAMP(6), since), "
			"until = CASE WHEN until > UTC_TIMESTAMP(6) THEN until "
			"WHEN failures < ? THEN NULL ELSE UTC_TIMESTAMP(6) + INTERVAL "
			"LEAST(?, POW(2, LEAST(failures - ?, 20))) SECOND END",
			"biiii", "" },
	[WAIT] = { "failure_wait",
		   "SELECT TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), until) "
		   "FROM login_failure WHERE subject = ? AND until > UTC_TIMESTAMP(6)",
		   "b", "i" },
	[UNCOUNT] = { "failure_uncount",
		      "UPDATE login_failure SET failures = failures - 1, until = NULL "
		      "WHERE subject = ? AND failures > 0",
		      "b", "" },
	[FORGET] = { "failure_forget", "DELETE FROM login_failure WHERE subject = ?", "b", "" },
	[PURGE] = { "failure_purge",
		    "DELETE FROM login_failure WHERE since < UTC_TIMESTAMP(6) - INTERVAL ? SECOND "
		    "AND COALESCE(until, since) < UTC_TIMESTAMP(6) - INTERVAL ? SECOND "
		    "LIMIT 1000",
		    "ii", "" },
};

enum db_status auth_db_failure_count(struct db *db, const unsigned char subject[32])
{
	enum db_status st = db_exec(db, &sql[COUNT_ONE], db_b(subject, 32),
				    db_i(FAILURE_WINDOW_S), db_i(FAILURE_FREE),
				    db_i(FAILURE_WINDOW_S), db_i(FAILURE_FREE));

	return db_changed(db, st);
}

enum db_status auth_db_failure_wait(struct db *db, const unsigned char subject[32],
				    int64_t *us_r)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[WAIT], &row, db_b(subject, 32));

	if (st == DB_OK)
		*us_r = row[0].i;
	return st;
}

enum db_status auth_db_failure_uncount(struct db *db, const unsigned char subject[32])
{
	return db_exec(db, &sql[UNCOUNT], db_b(subject, 32));
}

enum db_status auth_db_failure_forget(struct db *db, const unsigned char subject[32])
{
	return db_exec(db, &sql[FORGET], db_b(subject, 32));
}

enum db_status auth_db_failure_purge(struct db *db)
{
	return db_exec(db, &sql[PURGE], db_i(FAILURE_WINDOW_S), db_i(FAILURE_WINDOW_S));
}
