/* unmirrored.c - what was written without the mirror is brought into it. */
#include "compat.h"

#include "carts_db_unmirrored.h"
#include "clock.h"
#include "metrics.h"
#include "unmirrored.h"

/* Under the row lock: nobody writes this cart meanwhile. */
static enum mirror_status bring(const struct compare *c, uint64_t user, const struct cart_row *row)
{
	struct mirror_op op = {
		.verb = MIRROR_FORCE, .user = user,
		.state = { row->version, row->fence, row->doc, row->len },
	};

	if (mirror_run(c->mirror, &op, 1) != MIRROR_OK)
		return MIRROR_DOWN;
	if (op.result == MIRROR_OK)
		metrics_add(M_MIRROR_REPAIRS, 1);
	return op.result;
}

/* The mark goes under the same lock: a later write makes a new one. */
static enum db_status repair_locked(const struct compare *c, uint64_t user, uint64_t fence,
				    enum mirror_status *brought_r)
{
	struct cart_row row;
	enum db_status st = carts_db_hold(c->db, user, &row);

	*brought_r = MIRROR_NO;
	if (st == DB_OK && row.fence != fence)
		return DB_RETRY; /* somebody writes it */
	if (st == DB_OK)
		*brought_r = bring(c, user, &row);
	if (*brought_r == MIRROR_DOWN)
		return DB_DOWN;
	/* no cart: it was removed, and from the mirror too */
	return st == DB_OK || st == DB_NONE ? carts_db_unmirrored_clear(c->db, user) : st;
}

/* A cart whose lock cannot be had keeps its mark for the next time. */
static bool repair_user(const struct compare *c, uint64_t user)
{
	enum mirror_status brought;
	struct cart_row seen;
	enum db_status st = carts_db_read_durable(c->db, user, &seen);

	if (st != DB_OK || db_begin(c->db) != DB_OK)
		return false;
	st = repair_locked(c, user, seen.fence, &brought);
	if (st != DB_OK) {
		db_rollback(c->db);
		return st == DB_RETRY;
	}
	if (db_commit(c->db) != DB_OK)
		return false;
	return brought == MIRROR_OK || brought == MIRROR_NO || compare_locked(c, user);
}

bool unmirrored_repair(const struct compare *c, int64_t end_us)
{
	enum db_status st = DB_OK;
	uint64_t user = 0;

	while (clock_mono_us() < end_us) {
		st = carts_db_unmirrored_next(c->db, user, &user);
		if (st != DB_OK)
			break;
		if (!repair_user(c, user))
			return false;
		pool_reset(c->pool);
	}
	return st == DB_OK || st == DB_NONE;
}
