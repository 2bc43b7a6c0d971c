/* compare.c - one cart in both stores. */
#include "compat.h"

#include "carts_db_admin.h"
#include "compare.h"
#include "crash.h"
#include "log.h"
#include "metrics.h"

#define TRIES 3 /* to meet a cart that nobody writes */

const char *compare_name(enum compare_verdict verdict)
{
	static const char *const names[] = {
		[COMPARE_EQUAL] = "equal",     [COMPARE_PREPARED] = "prepared",
		[COMPARE_BEHIND] = "behind",   [COMPARE_DIFFERS] = "differs",
		[COMPARE_AHEAD] = "ahead",     [COMPARE_BUSY] = "busy",
	};

	return names[verdict];
}

/* ---- judging */

static bool same(const struct mirror_state *a, const struct mirror_state *b)
{
	return a->version == b->version && a->fence == b->fence && a->len == b->len &&
	       (a->len == 0 || memcmp(a->doc, b->doc, a->len) == 0);
}

/* Committed in MariaDB, and the mirror has not been told yet. */
static bool awaits_promotion(const struct mirror_state *ours, const struct mirror_slots *s)
{
	return s->prepared.version > s->committed.version &&
	       s->prepared.version == ours->version && s->prepared.fence == ours->fence;
}

enum compare_verdict compare_judge(const struct mirror_state *ours,
				   const struct mirror_slots *s, uint64_t fence)
{
	const struct mirror_state *theirs = &s->committed;

	/* a fence named now is above all that MariaDB has ever named */
	if (theirs->version > ours->version || s->prepared.version > ours->version + 1 ||
	    s->fence >= fence)
		return COMPARE_AHEAD;
	if (awaits_promotion(ours, s))
		theirs = &s->prepared;
	if (same(ours, theirs) || (ours->version == 0 && theirs->version == 0))
		return s->prepared.version ? COMPARE_PREPARED : COMPARE_EQUAL;
	return theirs->version == ours->version ? COMPARE_DIFFERS : COMPARE_BEHIND;
}

/* ---- repairing, under the row lock */

static struct mirror_state state_of(const struct cart_row *row)
{
	return (struct mirror_state){ row->version, row->fence, row->doc, row->len };
}

/* What brings the mirror to ours, whatever it holds that is not ahead. */
static unsigned plan(struct mirror_op ops[2], uint64_t user, const struct mirror_state *ours,
		     const struct mirror_slots *s, enum compare_verdict verdict)
{
	const struct mirror_state *p = &s->prepared;
	unsigned n = 0;

	/* an ABORT of nothing takes the user off the list of those with a prepared state */
	if (p->version == 0 || p->version > ours->version)
		ops[n++] = (struct mirror_op){ MIRROR_ABORT, user, *p, MIRROR_DOWN };
	if (verdict == COMPARE_EQUAL || (n > 0 && verdict == COMPARE_PREPARED))
		return n;
	ops[n] = (struct mirror_op){ MIRROR_OVERWRITE, user, *ours, MIRROR_DOWN };
	if (verdict == COMPARE_PREPARED && awaits_promotion(ours, s))
		ops[n] = (struct mirror_op){ MIRROR_PROMOTE, user, *p, MIRROR_DOWN };
	return n + 1;
}

/* For people: what cannot happen while only we write the mirror, and was put right. */
static void raise_alarm(const struct compare *c, const struct compared *found,
		 const struct mirror_state *ours)
{
	static const unsigned char none[OP_ID];
	struct cart_op op = { .id = none };

	if (carts_db_op_at(c->db, found->user, found->ours, &op) != DB_OK)
		op.id = none;
	journal_write(c->journal, &(struct journal_entry){
		.request_id = "", .op_id = op.id, .crud = "REPAIR", .route = "reconciler",
		.user_id = found->user, .base_version = found->theirs,
		.new_version = found->ours, .fence = ours->fence, .stage = STAGE_S_PROMOTE,
		.outcome = OUTCOME_REPAIRED, .err_code = compare_name(found->verdict),
		.err_msg = "" });
	metrics_add(M_MIRROR_ALARMS, 1);
	log_error("mirror.alarm", LOG_STR("what", "contents differ"),
		  LOG_INT("user", found->user), LOG_INT("database_version", found->ours),
		  LOG_INT("mirror_version", found->theirs));
}

static bool repair(const struct compare *c, struct compared *found,
		   const struct mirror_state *ours, const struct mirror_slots *slots)
{
	struct mirror_op ops[2];
	unsigned n = plan(ops, found->user, ours, slots, found->verdict);

	if (n == 0)
		return true;
	if (CRASH_POINT("repair") || mirror_run(c->mirror, ops, n) != MIRROR_OK)
		return false;
	if (CRASH_POINT("repair_done"))
		return false;
	for (unsigned i = 0; i < n; i++)
		found->repaired |= ops[i].result == MIRROR_OK;
	if (found->repaired)
		metrics_add(M_MIRROR_REPAIRS, 1);
	if (found->verdict == COMPARE_DIFFERS)
		raise_alarm(c, found, ours);
	return true;
}

static bool look(const struct compare *c, struct compared *found, const struct cart_row *row,
		 uint64_t fence)
{
	struct mirror_state ours = state_of(row);
	struct mirror_slots slots;

	if (mirror_read(c->mirror, found->user, &slots, c->pool) != MIRROR_OK)
		return false;
	found->verdict = compare_judge(&ours, &slots, fence);
	found->ours = ours.version;
	found->theirs = slots.committed.version;
	if (!c->repair && found->verdict == COMPARE_PREPARED && awaits_promotion(&ours, &slots))
		found->verdict = COMPARE_EQUAL; /* both have it, as after any write */
	if (!c->repair || found->verdict == COMPARE_AHEAD)
		return true;
	return repair(c, found, &ours, &slots);
}

/* A cart that was never committed is locked like any other: else a first write could begin
 * meanwhile, and be taken for a dead one. Only what is on disk in MariaDB may be written into
 * the mirror. DB_RETRY: somebody writes the cart. */
static enum db_status compare_once(const struct compare *c, struct compared *found, bool *up_r)
{
	struct cart_row row, seen;
	enum db_status st = DB_OK;
	uint64_t fence;

	if (c->repair)
		st = carts_db_read_durable(c->db, found->user, &seen);
	if (st == DB_OK)
		st = db_begin(c->db);
	if (st != DB_OK)
		return st;
	st = carts_db_lock(c->db, found->user, &row, &fence);
	if (st == DB_OK && c->repair && row.fence != seen.fence)
		st = DB_RETRY;
	if (st == DB_OK)
		*up_r = look(c, found, &row, fence) && !CRASH_POINT("repair_unlock");
	db_rollback(c->db);
	return st;
}

bool compare_locked(const struct compare *c, uint64_t user)
{
	struct compared found = { .user = user, .verdict = COMPARE_BUSY };
	enum db_status st = DB_RETRY;
	bool up = true;

	for (unsigned i = 0; i < TRIES && st == DB_RETRY; i++)
		st = compare_once(c, &found, &up);
	if (!up || (st != DB_OK && st != DB_RETRY))
		return false;
	if (found.verdict != COMPARE_EQUAL)
		c->tell(c->arg, &found);
	return true;
}

/* ---- looking without a lock */

static bool glance(const struct compare *c, uint64_t user, const struct cart_row *row)
{
	struct mirror_state ours = state_of(row);
	struct mirror_slots slots;

	if (mirror_read(c->mirror, user, &slots, c->pool) != MIRROR_OK)
		return false;
	if (compare_judge(&ours, &slots, UINT64_MAX) == COMPARE_EQUAL)
		return true;
	return compare_locked(c, user);
}

bool compare_user(const struct compare *c, uint64_t user)
{
	struct cart_row row = { .version = 0 };
	enum db_status st = carts_db_read(c->db, user, &row);

	return (st == DB_OK || st == DB_NONE) && glance(c, user, &row);
}

bool compare_rows(const struct compare *c, uint64_t *after, unsigned *count_r)
{
	struct cart_row rows[COMPARE_BATCH];
	uint64_t users[COMPARE_BATCH];
	enum db_status st = carts_db_walk(c->db, *after, COMPARE_BATCH);
	unsigned n = 0;

	while (st == DB_OK && n < COMPARE_BATCH) {
		st = carts_db_walk_next(c->db, &users[n], &rows[n]);
		if (st == DB_OK)
			n++;
	}
	*count_r = n;
	if (st != DB_OK && st != DB_NONE)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (!glance(c, users[i], &rows[i]))
			return false;
		*after = users[i];
	}
	return true;
}

bool compare_strangers(const struct compare *c, uint64_t *cursor, unsigned *count_r)
{
	struct cart_row row;
	uint64_t *users;

	if (mirror_list(c->mirror, cursor, &users, count_r, c->pool) != MIRROR_OK)
		return false;
	for (unsigned i = 0; i < *count_r; i++) {
		enum db_status st = carts_db_read(c->db, users[i], &row);

		if (st == DB_NONE ? !compare_locked(c, users[i]) : st != DB_OK)
			return false;
	}
	return true;
}
