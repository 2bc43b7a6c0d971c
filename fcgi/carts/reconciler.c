/* reconciler.c - the mirror brought into step with MariaDB. */
#include "compat.h"

#include "carts.h"
#include "carts_db_admin.h"
#include "clock.h"
#include "compare.h"
#include "crash.h"
#include "log.h"
#include "metrics.h"
#include "rnd.h"
#include "unmirrored.h"

#define LEASE     "reconciler"
#define PASS_US   INT64_C(1000000)
#define SCAN_US   INT64_C(500000) /* of a pass: nothing is known to be wrong there */
#define DEAD_MAX  100  /* deleted carts removed per pass */
#define ALARMED   1024 /* carts ahead that are remembered as told */
#define LINES_MAX 16   /* told in one pass: when a whole table is lost, some do */

struct reconciler {
	char owner[64];
	bool failing; /* the last pass could not be finished */
	/* the rebuild that is going on: of which life of the mirror, and how far it came */
	char epoch[MIRROR_EPOCH_MAX];
	uint64_t walked;
	/* the full comparison that is going on: first MariaDB's carts, then the mirror's */
	enum { SCAN_NONE, SCAN_ROWS, SCAN_STRANGERS } scan;
	uint64_t scanned; /* users up to this one, or the mirror's cursor */
	uint64_t found;   /* carts that it found different */
	struct compared alarmed[ALARMED]; /* by user */
	unsigned lines;   /* told in this pass */
};

struct pass {
	struct db *db;
	struct mirror *mirror;
	struct reconciler *r;
	struct pool *pool; /* emptied after every batch */
	struct compare compare;
	uint64_t history_days;
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

/* ---- what was found */

/* A cart that is ahead stays so until somebody acts: it is told once, not in every pass. */
static bool is_news(struct reconciler *r, const struct compared *c)
{
	struct compared *told = &r->alarmed[c->user % ALARMED];

	if (told->user == c->user && told->ours == c->ours && told->theirs == c->theirs)
		return false;
	*told = *c;
	return true;
}

static void tell(void *arg, const struct compared *c)
{
	struct reconciler *r = arg;

	if (c->verdict == COMPARE_PREPARED || c->verdict == COMPARE_BUSY)
		return;
	r->found++;
	if (c->verdict == COMPARE_AHEAD && !is_news(r, c))
		return;
	metrics_add(M_MIRROR_DIVERGED, 1);
	if (c->verdict != COMPARE_AHEAD)
		return;
	metrics_add(M_MIRROR_ALARMS, 1);
	if (r->lines++ >= LINES_MAX)
		return;
	log_error("mirror.alarm", LOG_STR("what", "the mirror is ahead: MariaDB lost writes; "
						  "hallectl cart restore --from-mirror"),
		  LOG_INT("user", c->user), LOG_INT("database_version", c->ours),
		  LOG_INT("mirror_version", c->theirs));
}

/* ---- writes that were not finished */

static bool repair_pending(struct pass *p)
{
	uint64_t *users;
	unsigned count;
	bool first = true;

	do {
		if (mirror_pending(p->mirror, &users, &count, p->pool) != MIRROR_OK)
			return false;
		if (first)
			metrics_set(M_MIRROR_PENDING, count);
		first = false;
		for (unsigned i = 0; i < count && time_left(p); i++)
			if (!compare_locked(&p->compare, users[i]))
				return false;
		pool_reset(p->pool);
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

	if (n == UINT32_MAX)
		return -1;
	/* what was read is on disk in MariaDB before it is in the mirror */
	if (n && (db_flush(p->db) != DB_OK || mirror_run(p->mirror, ops, n) != MIRROR_OK))
		return -1;
	for (unsigned i = 0; i < n; i++) {
		if (ops[i].result == MIRROR_OK)
			metrics_add(M_MIRROR_REPAIRS, 1);
		else if (ops[i].result != MIRROR_NO && !compare_locked(&p->compare, ops[i].user))
			return -1;
	}
	if (n)
		p->r->walked = ops[n - 1].user;
	pool_reset(p->pool);
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
	if (CRASH_POINT("rebuilt") || mirror_verify(p->mirror, epoch) != MIRROR_OK)
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

/* ---- everything is compared, some at a time */

static void scan_begin(struct reconciler *r)
{
	r->scan = SCAN_ROWS;
	r->scanned = 0;
	r->found = 0;
	log_info("mirror.scan");
}

static bool scan_end(struct pass *p)
{
	p->r->scan = SCAN_NONE;
	log_info("mirror.scanned", LOG_INT("different", p->r->found));
	return carts_db_scanned(p->db, LEASE) == DB_OK;
}

static bool scan_batch(struct pass *p)
{
	struct reconciler *r = p->r;
	unsigned count;

	if (r->scan == SCAN_ROWS) {
		if (!compare_rows(&p->compare, &r->scanned, &count))
			return false;
		if (count < COMPARE_BATCH) {
			r->scan = SCAN_STRANGERS;
			r->scanned = 0;
		}
		return true;
	}
	if (!compare_strangers(&p->compare, &r->scanned, &count))
		return false;
	return r->scanned != 0 || scan_end(p);
}

static bool scan(struct pass *p)
{
	int64_t end = clock_mono_us() + SCAN_US;

	while (p->r->scan != SCAN_NONE && time_left(p) && clock_mono_us() < end) {
		if (!scan_batch(p))
			return false;
		pool_reset(p->pool);
	}
	return true;
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

	if (carts_db_purge_ops(p->db, p->history_days) != DB_OK)
		return;
	for (int i = 0; i < DEAD_MAX && time_left(p); i++)
		if (carts_db_dead(p->db, &user) != DB_OK || !remove_dead(p, user))
			return;
}

/* Told once when it begins to fail and once when it works again. */
static void pass(struct pass *p)
{
	bool failed = !repair_pending(p) || !check_epoch(p) ||
		      !unmirrored_repair(&p->compare, p->end_us) || !scan(p);

	if (failed && !p->r->failing)
		log_error("reconciler.fails", LOG_STR("mirror", p->mirror->error));
	if (!failed && p->r->failing)
		log_info("reconciler.works");
	p->r->failing = failed;
	if (failed)
		return;
	purge(p);
	metrics_set(M_MIRROR_PASSED, (uint64_t)clock_wall_us() / 1000000);
}

/* Whoever takes the lease over compares everything: at the start of the service, and after a
 * process was lost; but processes that come and go do not make it go on for ever. */
static bool lead(struct pass *p)
{
	struct reconciler *r = p->r;
	bool taken;

	if (carts_db_lease(p->db, LEASE, r->owner, &taken) != DB_OK)
		return false;
	if (taken) {
		r->scan = SCAN_NONE;
		if (carts_db_scan_due(p->db, LEASE) == DB_OK)
			scan_begin(r);
	}
	return true;
}

void reconciler_run(struct worker *w)
{
	struct carts *carts = carts_of(w);
	struct reconciler *r = carts->reconciler;
	struct pool *pool = pool_new(), *before = db_use_pool(w->db, pool);
	struct pass p = {
		.db = w->db, .mirror = w->local, .r = r, .pool = pool,
		.compare = { .db = w->db, .mirror = w->local, .pool = pool,
			     .journal = carts->journal, .repair = true, .tell = tell, .arg = r },
		.history_days = (uint64_t)cfg_int(w->svc->cfg, CFG_CART_HISTORY_DAYS),
		.end_us = clock_mono_us() + PASS_US,
	};

	r->lines = 0;
	if (lead(&p))
		pass(&p);
	db_use_pool(w->db, before);
	pool_free(&pool);
}
