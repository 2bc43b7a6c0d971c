/* db_tx.c - transactions: begin, commit, roll back, and the runner that repeats them. */
#include "compat.h"

#include <mysqld_error.h>

#include "clock.h"
#include "db_priv.h"
#include "metrics.h"
#include "rnd.h"

#define DEADLOCK_REPEATS 3
#define PAUSE_MIN_MS     5
#define PAUSE_MAX_MS     50

bool db_in_tx(const struct db *db)
{
	return db->in_tx;
}

/* As text: preparing it would not make it faster. */
static bool control(struct db *db, const char *sql)
{
	int64_t start = clock_mono_us();
	bool ok = db_wait_query(db, sql) == 0;

	db->waited_us += clock_mono_us() - start;
	return ok;
}

static enum db_status control_failed(struct db *db, const char *name)
{
	return db_failed(db, name, mysql_errno(db->my), mysql_error(db->my));
}

static enum db_status try_begin(struct db *db)
{
	enum db_status st = db_connect(db);

	if (st == DB_OK && !control(db, "START TRANSACTION"))
		st = control_failed(db, "begin");
	return st;
}

enum db_status db_begin(struct db *db)
{
	bool fresh = !db->my;
	enum db_status st;

	BUG_ON(db->in_tx);
	db_drain(db);
	st = try_begin(db);
	if (st == DB_DOWN && !db->my && !fresh)
		st = try_begin(db); /* the kept connection had died */
	if (st != DB_OK)
		return st;
	db->in_tx = true;
	db->lost = false;
	db->doom = DB_OK;
	db->code = 0;
	return DB_OK;
}

void db_rollback(struct db *db)
{
	BUG_ON(!db->in_tx);
	db_drain(db);
	db->in_tx = false;
	if (db->my && !control(db, "ROLLBACK") && control_failed(db, "rollback") != DB_OK)
		db_close(db); /* ends it as well */
}

static enum db_status commit_failed(struct db *db)
{
	enum db_status st = control_failed(db, "commit");

	switch (db->code) {
	case ER_LOCK_DEADLOCK:
	case ER_LOCK_WAIT_TIMEOUT:
	case ER_CHECKREAD:
	case ER_OPTION_PREVENTS_STATEMENT:
	case ER_UNKNOWN_COM_ERROR:
		/* refused, not begun */
		db->in_tx = true;
		db_rollback(db);
		return st;
	default:
		metrics_add(M_DB_UNCERTAIN, 1);
		db_close(db);
		return DB_UNCERTAIN;
	}
}

enum db_status db_commit(struct db *db)
{
	BUG_ON(!db->in_tx);
	db_drain(db);
	if (db->doom == DB_OK && !db->my)
		db->doom = DB_DOWN;
	if (db->doom != DB_OK) {
		db_rollback(db);
		return db->doom;
	}
	db->in_tx = false;
	return control(db, "COMMIT") ? DB_OK : commit_failed(db);
}

static void pause_a_little(void)
{
	unsigned ms = PAUSE_MIN_MS + rnd_below(PAUSE_MAX_MS - PAUSE_MIN_MS + 1);
	struct timespec ts = { .tv_nsec = (long)ms * 1000000 };

	nanosleep(&ts, NULL);
}

/* *lost_r: the connection went before COMMIT was sent, so it is certain that nothing
 * happened, whatever fn made of it. */
static enum db_status run_once(struct db *db, enum db_status (*fn)(struct db *, void *),
			       void *arg, bool *lost_r)
{
	enum db_status st = db_begin(db);

	*lost_r = false;
	if (st != DB_OK)
		return st;
	st = fn(db, arg);
	*lost_r = db->lost;
	if (st == DB_OK)
		return db_commit(db);
	db_rollback(db);
	return st;
}

enum db_status db_tx(struct db *db, enum db_status (*fn)(struct db *, void *), void *arg)
{
	bool lost, lost_before = false;
	unsigned repeats = 0;

	for (;;) {
		enum db_status st = run_once(db, fn, arg, &lost);
		bool waited = db->code == ER_LOCK_WAIT_TIMEOUT;
		unsigned allowed = waited ? 1 : DEADLOCK_REPEATS;

		if (lost && !lost_before) {
			lost_before = true;
		} else if (st == DB_RETRY && repeats < allowed) {
			repeats++;
			pause_a_little();
		} else {
			return st;
		}
		metrics_add(M_DB_RETRIES, 1);
	}
}

enum db_status db_flush(struct db *db)
{
	/* its COMMIT writes the log up to there, and so what others committed before */
	static const struct db_stmt sql = {
		"log_flush", "INSERT INTO log_flush (flushed_at) VALUES (NOW(6))"
			     " ON DUPLICATE KEY UPDATE flushed_at = NOW(6)", "", ""
	};
	enum db_status st;

	BUG_ON(db->in_tx);
	st = db_exec(db, &sql);
	return st == DB_UNCERTAIN ? DB_DOWN : st;
}
