/* restore.c - carts that MariaDB lost, brought back from the mirror. */
#include "compat.h"

#include "carts_db_admin.h"
#include "doc.h"
#include "log.h"
#include "restore.h"
#include "rnd.h"

#define ROUTE "hallectl cart restore"

const char *restore_name(enum restore_outcome outcome)
{
	static const char *const names[] = {
		[RESTORE_KEPT] = "kept",	 [RESTORE_DONE] = "restored",
		[RESTORE_PREPARED] = "prepared", [RESTORE_BAD] = "bad", [RESTORE_BUSY] = "busy",
	};

	return names[outcome];
}

/* Whether cart_op knows this very state. DB_NONE: it knows nothing of that version. */
static enum db_status was_committed(const struct restore *r, uint64_t user,
				    const struct mirror_state *s, bool *was_r)
{
	struct cart_op op;
	enum db_status st = carts_db_op_at(r->db, user, s->version, &op);

	*was_r = st == DB_OK && op.fence == s->fence;
	return st;
}

/* Whether the prepared state, which is newer than row and than the committed one, counts. */
static enum db_status judge_prepared(const struct restore *r, uint64_t user,
				     const struct mirror_slots *s, const struct cart_row *row,
				     uint64_t fence, bool *take_r)
{
	bool lost = s->committed.version > row->version || s->fence >= fence, known;
	enum db_status st = was_committed(r, user, &s->prepared, take_r);

	if (st != DB_NONE)
		return st;
	/* history is there up to this state, so what it does not have was not committed */
	st = was_committed(r, user, &s->committed, &known);
	if (st != DB_OK && st != DB_NONE)
		return st;
	*take_r = lost && !known && !r->committed_only;
	return DB_OK;
}

/* Its operation too, unless that was not lost. */
static enum db_status write_state(struct db *db, uint64_t user, const struct mirror_state *s)
{
	static const unsigned char no_request[OP_FINGERPRINT];
	unsigned char id[OP_ID];
	struct cart_op op = {
		.id = id, .user = user, .version = s->version, .fence = s->fence,
		.route = ROUTE, .fingerprint = no_request, .status = 200, .doc = s->doc,
		.deleted = doc_end(s->doc, s->len),
	};
	enum db_status st;

	rnd_uuid7(id);
	st = carts_db_op_add(db, &op);
	return st == DB_OK || st == DB_CONFLICT ? carts_db_update(db, &op) : st;
}

static bool is_cart(const struct mirror_state *s)
{
	struct doc doc;

	return s->doc && s->fence && doc_parse(s->doc, s->len, &doc) == 0;
}

static uint64_t newest(const struct mirror_slots *s)
{
	return s->prepared.version > s->committed.version ? s->prepared.version :
							    s->committed.version;
}

/* The row lock is held; DB_OK: commit. */
static enum db_status restore_locked(const struct restore *r, uint64_t user,
				     const struct cart_row *row, uint64_t fence,
				     struct mirror_slots *s, struct restored *out)
{
	const struct mirror_state *best = &s->committed;
	enum db_status st = DB_OK;
	bool take = false;

	if (s->prepared.version > row->version && s->prepared.version > best->version)
		st = judge_prepared(r, user, s, row, fence, &take);
	if (st != DB_OK)
		return st;
	if (take)
		best = &s->prepared;
	if (best->version <= row->version)
		return DB_NONE;
	out->outcome = RESTORE_BAD;
	if (!is_cart(best))
		return DB_NONE;
	out->outcome = take ? RESTORE_PREPARED : RESTORE_DONE;
	out->after = best->version;
	return write_state(r->db, user, best);
}

/* A prepared state became this cart's, or never will. What is not done here the reconciler
 * does. */
static void settle(const struct restore *r, uint64_t user, const struct mirror_slots *s,
		   const struct restored *out)
{
	struct mirror_op op = { .user = user, .state = s->prepared, .verb = MIRROR_ABORT };

	if (s->prepared.version == 0)
		return;
	if (out->outcome == RESTORE_PREPARED)
		op.verb = MIRROR_PROMOTE;
	if (mirror_run(r->mirror, &op, 1) != MIRROR_OK)
		log_warn("restore.settle", LOG_STR("mirror", r->mirror->error));
}

static bool restore_tx(const struct restore *r, uint64_t user, struct restored *out)
{
	struct mirror_slots slots;
	struct cart_row row;
	uint64_t fence;
	enum db_status st = db_begin(r->db);

	if (st != DB_OK)
		return false;
	st = carts_db_lock(r->db, user, &row, &fence);
	if (st == DB_OK && mirror_read(r->mirror, user, &slots, r->pool) != MIRROR_OK)
		st = DB_DOWN;
	if (st == DB_OK) {
		out->before = out->after = row.version;
		st = restore_locked(r, user, &row, fence, &slots, out);
	}
	if (st != DB_OK) {
		db_rollback(r->db);
		if (st == DB_RETRY)
			out->outcome = RESTORE_BUSY;
		return st == DB_NONE || st == DB_RETRY;
	}
	st = db_commit(r->db);
	if (st == DB_OK)
		settle(r, user, &slots, out);
	return st == DB_OK;
}

/* Carts that lost nothing are not locked. */
bool restore_user(const struct restore *r, uint64_t user, struct restored *out)
{
	struct mirror_slots slots;
	struct cart_row row = { .version = 0 };
	enum db_status st = carts_db_read(r->db, user, &row);

	if ((st != DB_OK && st != DB_NONE) ||
	    mirror_read(r->mirror, user, &slots, r->pool) != MIRROR_OK)
		return false;
	*out = (struct restored){ .outcome = RESTORE_KEPT, .before = row.version,
				  .after = row.version, .fence = slots.fence };
	return newest(&slots) <= row.version || restore_tx(r, user, out);
}
