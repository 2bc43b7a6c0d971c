/* reconciler.c - the mirror brought into step with MariaDB. */
#include "compat.h"

#include "carts.h"
#include "carts_db.h"
#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "rnd.h"

#define PASS_US   INT64_C(1000000)
#define DEAD_MAX  100 /* deleted carts removed per pass */

struct reconciler {
	char owner[64];
	bool failing; /* the last pass could not be finished */
	/* the rebuild that is going on: of which life of the mirror, and how far it came */
	char epoch[MIRROR_EPOCH_MAX];
	uint64_t walked;
};

struct pass {
	struct db *db;
	struct mirror *mirror;
	struct reconciler *r;
	struct pool *pool;
	int64_t end_us;
};

struct reconciler *reconciler_new(void)
{
	struct reconciler *r = xcalloc(1, sizeof(*r));
	unsigned char id[8];
	char hex[2 * sizeof(id) + 1];

	rnd_bytes(id, sizeof(id));
	hex_encode(id, sizeof(id), hex);
	snprintf(r->owner, sizeof(r->owner), "%ld-%s", (long)getpid(), hex);
	return r;
}

void reconciler_free(struct reconciler **r)
{
	free(*r);
	*r = NULL;
}

static bool time_left(const struct pass *p)
{
	return clock_mono_us() < p->end_us && !svc_stopping();
}

/* ---- one user, under the row lock */

static void alarm_user(uint64_t user, const char *what, uint64_t ours, uint64_t theirs)
{
	metrics_add(M_MIRROR_ALARMS, 1);
	log_error("mirror.alarm", LOG_STR("what", what), LOG_INT("user", user),
		  LOG_INT("database_version", ours), LOG_INT("mirror_version", theirs));
}

static enum mirror_status do_op(struct pass *p, enum mirror_verb verb, uint64_t user,
				const struct mirror_state *state)
{
	struct mirror_op op = { .verb = verb, .user = user, .state = *state };

	if (mirror_run(p->mirror, &op, 1) != MIRROR_OK)
		return MIRROR_DOWN;
	if (op.result == MIRROR_OK)
		metrics_add(M_MIRROR_REPAIRS, 1);
	return op.result;
}

static bool same(const struct mirror_state *a, const struct mirror_state *b)
{
	return a->version == b->version && a->fence == b->fence && a->len == b->len &&
	       (a->len == 0 || memcmp(a->doc, b->doc, a->len) == 0);
}

static enum mirror_status repair_prepared(struct pass *p, uint64_t user,
					  const struct mirror_state *ours,
					  const struct mirror_state *prepared)
{
	/* an ABORT of nothing takes the user off the list of those with a prepared state */
	if (prepared->version == 0 || prepared->version > ours->version)
		return do_op(p, MIRROR_ABORT, user, prepared);
	if (prepared->version == ours->version && prepared->fence == ours->fence)
		return do_op(p, MIRROR_PROMOTE, user, prepared);
	return do_op(p, MIRROR_FORCE, user, ours);
}

static enum mirror_status repair_committed(struct pass *p, uint64_t user,
					   const struct mirror_state *ours,
					   const struct mirror_state *theirs)
{
	if (same(ours, theirs) || (ours->version == 0 && theirs->version == 0))
		return MIRROR_NO;
	if (theirs->version > ours->version) {
		alarm_user(user, "the mirror is ahead", ours->version, theirs->version);
		return MIRROR_AHEAD;
	}
	if (theirs->version == ours->version)
		alarm_user(user, "contents differ", ours->version, theirs->version);
	return do_op(p, MIRROR_OVERWRITE, user, ours);
}

/* The row lock of user is held. */
static enum mirror_status repair(struct pass *p, uint64_t user, const struct cart_row *row)
{
	struct mirror_state ours = { row->version, row->fence, row->doc, row->len };
	struct mirror_slots slots;
	enum mirror_status st;

	if (mirror_read(p->mirror, user, &slots, p->pool) != MIRROR_OK)
		return MIRROR_DOWN;
	st = repair_prepared(p, user, &ours, &slots.prepared);
	/* what was promoted or forced is in the committed slot now */
	if (st == MIRROR_OK && mirror_read(p->mirror, user, &slots, p->pool) != MIRROR_OK)
		return MIRROR_DOWN;
	return st == MIRROR_DOWN ? st : repair_committed(p, user, &ours, &slots.committed);
}

/* A cart that was never committed is locked like any other: else a first write could begin
 * meanwhile, and be taken for a dead one. False when a store failed: the pass ends. A cart
 * whose lock cannot be had is left for the next pass. */
static bool repair_user(struct pass *p, uint64_t user)
{
	enum mirror_status ms = MIRROR_OK;
	struct cart_row row;
	uint64_t fence;
	enum db_status st = db_begin(p->db);

	if (st != DB_OK)
		return false;
	st = carts_db_lock(p->db, user, &row, &fence);
	if (st == DB_OK)
		ms = repair(p, user, &row);
	db_rollback(p->db);
	return ms != MIRROR_DOWN && (st == DB_OK || st == DB_RETRY);
}

/* ---- writes that were not finished */

static bool repair_pending(struct pass *p)
{
	uint64_t *users;
	unsigned count;

	do {
		if (mirror_pending(p->mirror, &users, &count, p->pool) != MIRROR_OK)
			return false;
		for (unsigned i = 0; i < count && time_left(p); i++)
			if (!repair_user(p, users[i]))
				return false;
	} while (count == MIRROR_PENDING && time_left(p));
	return true;
}

/* ---- a mirror that lost something: everything is written again */

static unsigned walk(struct pass *p, struct mirror_op *ops)
{
	struct cart_row row;
	uint64_t user;
	unsigned n = 0;

	if (carts_db_walk(p->db, p->r->walked, MIRROR_BATCH) != DB_OK)
		return UINT32_MAX;
	for (;;) {
		enum db_status st = carts_db_walk_next(p->db, &user, &row);

		if (st == DB_NONE)
			return n;
		if (st != DB_OK || n == MIRROR_BATCH)
			return UINT32_MAX;
		ops[n++] = (struct mirror_op){
			.verb = MIRROR_FORCE, .user = user,
			.state = { row.version, row.fence, row.doc, row.len },
		};
	}
}

/* One batch without locks, which can only install newer states; those that do not agree are
 * looked at under their lock. Number of carts, or -1. */
static int rebuild_batch(struct pass *p)
{
	struct mirror_op ops[MIRROR_BATCH];
	unsigned n = walk(p, ops);

	if (n == UINT32_MAX || mirror_run(p->mirror, ops, n) != MIRROR_OK)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		if (ops[i].result == MIRROR_OK)
			metrics_add(M_MIRROR_REPAIRS, 1);
		else if (ops[i].result != MIRROR_NO && !repair_user(p, ops[i].user))
			return -1;
	}
	if (n)
		p->r->walked = ops[n - 1].user;
	return (int)n;
}

static bool rebuild(struct pass *p, const char *epoch)
{
	struct reconciler *r = p->r;
	int n = MIRROR_BATCH;

	if (strcmp(r->epoch, epoch) != 0) {
		log_info("mirror.rebuild", LOG_STR("epoch", epoch));
		snprintf(r->epoch, sizeof(r->epoch), "%s", epoch);
		r->walked = 0;
	}
	while (n == MIRROR_BATCH) {
		if (!time_left(p))
			return true;
		n = rebuild_batch(p);
	}
	if (n < 0)
		return false;
	r->epoch[0] = '\0';
	if (mirror_verify(p->mirror, epoch) != MIRROR_OK)
		return false;
	log_info("mirror.verified", LOG_STR("epoch", epoch));
	return true;
}

static bool check_epoch(struct pass *p)
{
	char epoch[MIRROR_EPOCH_MAX];
	bool verified;

	if (mirror_epoch(p->mirror, epoch, &verified) != MIRROR_OK)
		return false;
	return verified || rebuild(p, epoch);
}

/* ---- what is old goes */

/* From the mirror first: a state left there would refuse a cart that begins at 1 again. */
static bool remove_dead(struct pass *p, uint64_t user)
{
	struct cart_row row;
	enum db_status st = db_begin(p->db);

	if (st != DB_OK)
		return false;
	st = carts_db_hold(p->db, user, &row);
	if (st == DB_OK && (!row.deleted || mirror_forget(p->mirror, user) != MIRROR_OK))
		st = DB_DOWN;
	if (st == DB_OK)
		st = carts_db_remove(p->db, user);
	if (st == DB_OK)
		return db_commit(p->db) == DB_OK;
	db_rollback(p->db);
	return false;
}

static void purge(struct pass *p)
{
	uint64_t user;

	if (carts_db_purge_ops(p->db) != DB_OK)
		return;
	for (int i = 0; i < DEAD_MAX && time_left(p); i++)
		if (carts_db_dead(p->db, &user) != DB_OK || !remove_dead(p, user))
			return;
}

/* Told once when it begins to fail and once when it works again. */
static void pass(struct pass *p)
{
	bool failed = !check_epoch(p) || !repair_pending(p);

	if (failed && !p->r->failing)
		log_error("reconciler.fails", LOG_STR("mirror", p->mirror->error));
	if (!failed && p->r->failing)
		log_info("reconciler.works");
	p->r->failing = failed;
	if (!failed)
		purge(p);
}

void reconciler_run(struct worker *w)
{
	struct reconciler *r = carts_of(w)->reconciler;
	struct pool *pool = pool_new(), *before = db_use_pool(w->db, pool);
	struct pass p = { .db = w->db, .mirror = w->local, .r = r, .pool = pool,
			  .end_us = clock_mono_us() + PASS_US };

	if (carts_db_lease(p.db, "reconciler", r->owner) == DB_OK)
		pass(&p);
	db_use_pool(w->db, before);
	pool_free(&pool);
}
