/*
 * products_expiry.c - held reservations beyond their time give their stock back. Every process
 * does it: one that another has locked is left to it, and one that is no longer due is found
 * so under the lock. One transaction each, so that products are locked in order of their ids.
 */
#include "compat.h"

#include "clock.h"
#include "crash.h"
#include "log.h"
#include "products_reservation.h"
#include "svc.h"

#define RUN_US INT64_C(1000000)

struct due {
	const unsigned char *id;
	struct pool *pool;
};

/* DB_NONE: it is not due any more. */
static enum db_status expire(struct db *db, void *arg)
{
	const struct due *due = arg;
	struct lines lines;
	enum db_status st = reservation_lock_due(db, due->id);

	if (st == DB_OK)
		st = reservation_lines(db, due->id, &lines);
	if (st == DB_OK)
		st = products_lock_lines(db, due->pool, &lines);
	if (st == DB_OK)
		st = reservation_move(db, due->id, &lines, MOVE_EXPIRE);
	if (st == DB_OK && CRASH_POINT("expiry_moved"))
		st = DB_DOWN;
	return st == DB_OK ? reservation_set(db, due->id, RESERVATION_EXPIRED) : st;
}

/* How many were due; 0 also when the database is away. */
static unsigned expire_batch(struct db *db, struct pool *pool)
{
	unsigned char ids[RESERVATION_BATCH][RESERVATION_ID];
	unsigned count, expired = 0;

	if (reservation_due(db, ids, &count) != DB_OK)
		return 0;
	for (unsigned i = 0; i < count && !svc_stopping(); i++) {
		struct due due = { .id = ids[i], .pool = pool };
		enum db_status st = db_tx(db, expire, &due);

		if (st == DB_OK)
			expired++;
		else if (st != DB_NONE)
			return 0;
	}
	if (expired)
		log_info("reservations.expired", LOG_INT("reservations", expired));
	return count;
}

void products_expire(struct worker *w)
{
	struct pool *pool = pool_new(), *before = db_use_pool(w->db, pool);
	int64_t end_us = clock_mono_us() + RUN_US;

	while (expire_batch(w->db, pool) == RESERVATION_BATCH && clock_mono_us() < end_us)
		pool_reset(pool);
	db_use_pool(w->db, before);
	pool_free(&pool);
}
