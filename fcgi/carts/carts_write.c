/*
 * carts_write.c - writing a cart: prepare in the mirror, commit in MariaDB, promote in the
 * mirror. MariaDB is the authority. A prepared state is seen by nobody until MariaDB has
 * committed it, so undoing a write is a ROLLBACK and nothing else.
 *
 *	1. lock the cart's row, name the attempt (fence); a known Idempotency-Key is answered
 *	2. compute the next state, store the operation and the state
 *	3. PREPARE in the mirror; refused or silent: ROLLBACK, ABORT later, 503; silent in
 *	   mirror_mode degraded: mark the cart as not mirrored, go on. The write before has
 *	   not been promoted: wait for that, or begin anew when what it left is on disk
 *	4. COMMIT; connection lost meanwhile: look the operation up on another one
 *	5. answer; PROMOTE later
 */
#include "compat.h"

#include <openssl/sha.h>

#include "carts_db_unmirrored.h"
#include "carts_write.h"
#include "crash.h"
#include "log.h"
#include "metrics.h"
#include "rnd.h"

#define ATTEMPTS_MAX    4
#define MIRROR_LEAST_MS 10
#define PROMOTED_LOOKS  5  /* whether the base was promoted, after 1, 2, 4, … ms */
#define LOOK_UP_MS      50 /* pause between two tries to learn how a COMMIT ended */
#define JSON_TYPE       "application/json; charset=utf-8"

struct write {
	struct req *req;
	const struct change *change;
	struct mirror *mirror;
	unsigned char op_id[OP_ID], fingerprint[OP_FINGERPRINT];
	const char *route;      /* method and path template, or what happened */
	bool keyed;             /* the answer is stored and repeated */
	/* of the current attempt */
	unsigned attempt;
	enum journal_stage stage;
	bool stale;             /* If-Match does not hold */
	bool settled;           /* there is nothing to do */
	bool degraded;          /* the mirror is away, and the write is made without it */
	struct cart_row base;
	uint64_t durable;       /* fence of a base that MariaDB has on disk; 0: none known */
	uint64_t fence;
	struct doc doc;         /* the new content, or the old one when there is none */
	char text[DOC_TEXT_MAX];
	size_t text_len;
};

/* ---- naming the operation */

static void sha256(const struct sbuf *text, unsigned char out[SHA256_DIGEST_LENGTH])
{
	SHA256((const unsigned char *)sbuf_str(text), text->len, out);
}

static void name_again(struct write *w, const struct change_again *again)
{
	w->route = again->route;
	memcpy(w->op_id, again->op_id, OP_ID);
	w->keyed = again->fingerprint;
	if (w->keyed)
		memcpy(w->fingerprint, again->fingerprint, OP_FINGERPRINT);
}

static void name_operation(struct write *w)
{
	const struct req *req = w->req;
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct sbuf text;

	if (w->change->again) {
		name_again(w, w->change->again);
		return;
	}
	w->route = w->change->path;
	if (!w->change->event_id)
		w->route = pool_printf(req->pool, "%s %s", method_name(req->method), w->route);
	sbuf_init(&text, ROUTE_JSON_MAX + 1024);
	sbuf_addstr(&text, w->route);
	sbuf_printf(&text, "\n%" PRIu64 "\n%" PRIu64 "\n", req->arg[0], req->arg[1]);
	sbuf_add(&text, req->body, req->body_len);
	sha256(&text, w->fingerprint);

	w->keyed = req->idempotency_key && !w->change->event_id;
	if (w->change->event_id) {
		memcpy(w->op_id, w->change->event_id, OP_ID);
	} else if (w->keyed) {
		sbuf_reset(&text);
		sbuf_printf(&text, "%" PRIu64 "\n%s", req->who.user_id, req->idempotency_key);
		sha256(&text, digest);
		memcpy(w->op_id, digest, OP_ID);
	} else {
		rnd_uuid7(w->op_id);
	}
	sbuf_free(&text);
}

/* ---- answers */

static int answer_cart(struct write *w, int status, uint64_t version, enum facts_source source)
{
	struct fact facts[DOC_LINES_MAX];
	struct req *req = w->req;
	struct jw *out;

	if (w->change->event_id)
		return resp_empty(req, 204);
	carts_facts(req, source, &w->doc, facts);
	resp_etag_version(req, version);
	out = resp_data(req, status);
	if (status == 201)
		resp_header(req, "Location", "%s", w->change->location);
	carts_json(out, w->change->user, version, &w->doc, facts);
	return resp_done(req);
}

static int answer_written(struct write *w, enum facts_source source)
{
	return answer_cart(w, w->change->status, w->base.version + 1, source);
}

static int answer_stale(struct write *w)
{
	struct fact facts[DOC_LINES_MAX];
	struct jw *out;

	carts_facts(w->req, FACTS_STALE, &w->doc, facts);
	out = resp_problem(w->req, ERR_PRECONDITION_FAILED);
	jw_key(out, "current");
	carts_json(out, w->change->user, w->base.version, &w->doc, facts);
	return resp_problem_done(w->req);
}

static int answer_again(struct write *w, const struct cart_op *op)
{
	struct req *req = w->req;

	if (op->user != w->change->user || !op->response ||
	    memcmp(op->fingerprint, w->fingerprint, OP_FINGERPRINT) != 0)
		return resp_error(req, ERR_IDEMPOTENCY_KEY_REUSED);
	resp_etag_version(req, op->version);
	resp_bytes(req, (int)op->status, JSON_TYPE, op->response, op->response_len);
	if (op->status == 201)
		resp_header(req, "Location", "%s", w->change->location);
	resp_replayed(req);
	return 0;
}

/* One line in the journal, whatever kept the write from being made. */
static void journal(struct write *w, enum journal_outcome outcome, const char *code,
		    const char *msg)
{
	const char *crud = w->change->action;

	if (w->change->again)
		crud = w->change->again->crud;
	else if (!w->change->event_id)
		crud = pool_printf(w->req->pool, "%s %s", method_name(w->req->method), crud);
	journal_write(carts_of(w->req->worker)->journal, &(struct journal_entry){
		.request_id = w->req->id, .op_id = w->op_id,
		.fingerprint = w->keyed ? w->fingerprint : NULL, .crud = crud,
		.route = w->route, .user_id = w->change->user,
		.product_id = w->change->product, .quantity = w->change->quantity,
		.version = w->change->version,
		.base_version = w->base.version, .fence = w->fence, .stage = w->stage,
		.outcome = outcome, .err_code = code, .err_msg = msg, .attempt = w->attempt });
}

static int answer_mirror_failed(struct write *w, enum mirror_status st)
{
	const char *name = mirror_status_name(st);

	metrics_add(M_CART_ROLLBACKS, 1);
	if (st != MIRROR_DOWN) {
		/* neither happens while both stores are only written here: one was restored */
		metrics_add(M_MIRROR_ALARMS, 1);
		log_error("mirror.refused", LOG_STR("status", name),
			  LOG_INT("user", w->change->user), LOG_INT("version", w->base.version),
			  LOG_INT("fence", w->fence));
	}
	journal(w, OUTCOME_ROLLED_BACK, name, st == MIRROR_DOWN ? w->mirror->error : "");
	return resp_error(w->req, ERR_MIRROR_UNAVAILABLE);
}

static int answer_db_failed(struct write *w, enum db_status st)
{
	static const char *const names[] = {
		[DB_OK] = "OK",		    [DB_NONE] = "NONE", [DB_CONFLICT] = "CONFLICT",
		[DB_RETRY] = "RETRY",	    [DB_DOWN] = "DOWN", [DB_FAIL] = "FAIL",
		[DB_UNCERTAIN] = "UNCERTAIN",
	};

	journal(w, st == DB_UNCERTAIN ? OUTCOME_UNKNOWN : OUTCOME_ROLLED_BACK, names[st], "");
	return resp_db(w->req, st);
}

/* ---- the steps. DB_NONE: an answer was made, and there is nothing to write. */

static enum db_status lock_cart(struct write *w)
{
	struct cart_op op;
	enum db_status st;

	st = carts_db_lock(w->req->db, w->change->user, &w->base, &w->fence);
	if (st != DB_OK || !(w->keyed || w->change->event_id))
		return st;
	st = carts_db_op(w->req->db, w->op_id, &op);
	if (st == DB_NONE)
		return DB_OK;
	if (st == DB_OK) {
		if (w->keyed)
			answer_again(w, &op);
		else /* an event that came before */
			resp_empty(w->req, 204);
		return DB_NONE;
	}
	return st;
}

/* Accounts and carts belong together, but the news of an account may come late: then its
 * owner's own request makes the cart, while to an admin it does not exist yet. */
static bool is_there(const struct write *w)
{
	const struct change *c = w->change;

	if (c->event_id)
		return true;
	if (w->base.deleted)
		return w->base.deleted == CART_DELETED && c->revives;
	return w->base.version > 0 || c->user == w->req->who.user_id;
}

static enum db_status compute(struct write *w)
{
	const struct change *c = w->change;

	if (!is_there(w)) {
		resp_error(w->req, ERR_CART_NOT_FOUND);
		return DB_NONE;
	}
	if (doc_parse(w->base.doc, w->base.len, &w->doc) < 0) {
		log_error("cart.doc", LOG_INT("user", c->user), LOG_INT("version", w->base.version));
		return DB_FAIL;
	}
	resp_etag_version(w->req, w->base.version);
	w->stale = !resp_if_match(w->req);
	w->settled = !w->stale && c->settled && c->settled(c, &w->base);
	if (w->stale || w->settled)
		return DB_NONE;
	if (c->apply(w->req, c, &w->doc) < 0)
		return w->req->db_retry ? DB_RETRY : DB_NONE;
	w->text_len = doc_write(&w->doc, c->deleted, w->text);
	return DB_OK;
}

static enum db_status store(struct write *w)
{
	const struct change *c = w->change;
	struct cart_op op = {
		.id = w->op_id, .user = c->user, .version = w->base.version + 1,
		.fence = w->fence, .route = w->route, .fingerprint = w->fingerprint,
		.status = (uint64_t)c->status, .doc = w->text, .deleted = c->deleted,
	};
	enum db_status st;

	if (w->keyed) {
		answer_written(w, FACTS_MEMORY);
		op.response = sbuf_str(w->req->body_out);
		op.response_len = w->req->body_out->len;
	}
	st = carts_db_op_add(w->req->db, &op);
	if (st == DB_OK && CRASH_POINT("write_op_added"))
		st = DB_DOWN;
	if (st == DB_OK)
		st = carts_db_update(w->req->db, &op);
	if (st == DB_OK && CRASH_POINT("write_updated"))
		st = DB_RETRY;
	return st;
}

/* A base that is not on disk must not be committed in the mirror: MariaDB may still lose it. */
static enum mirror_status prepare(struct write *w)
{
	struct timespec nap = { .tv_nsec = 1000000 };
	struct mirror_state base = { w->base.version, w->base.fence, w->base.doc, w->base.len };
	struct mirror_state next = { w->base.version + 1, w->fence, w->text, w->text_len };
	bool durable = w->durable == w->base.fence && w->durable;
	enum mirror_status st;
	int left = req_left_ms(w->req, (int)cfg_int(w->req->worker->svc->cfg, CFG_MIRROR_MS));

	w->mirror->limit_ms = left < MIRROR_LEAST_MS ? MIRROR_LEAST_MS : left;
	st = mirror_prepare(w->mirror, w->change->user, &base, durable, &next);
	for (unsigned i = 0; i < PROMOTED_LOOKS && st == MIRROR_BEHIND; i++) {
		nanosleep(&nap, NULL);
		nap.tv_nsec *= 2;
		st = mirror_prepare(w->mirror, w->change->user, &base, false, &next);
	}
	return st;
}

/* Whoever wrote the base died, or the mirror lost it: begins anew with a base that is on disk. */
static enum db_status bring_base(struct write *w)
{
	enum db_status st;

	db_rollback(w->req->db);
	st = db_flush(w->req->db);
	if (st != DB_OK)
		return st;
	w->durable = w->base.fence;
	return DB_RETRY;
}

static void settle_later(struct write *w, enum mirror_verb verb)
{
	if (CRASH_POINT("write_settle"))
		return;
	promoter_put(carts_of(w->req->worker)->promoter, verb, w->change->user,
		     w->base.version + 1, w->fence);
}

/* How a COMMIT ended whose answer was lost: the row lock waits until the old transaction is
 * gone, then the operation is there or it is not. DB_UNCERTAIN when that cannot be learnt in
 * the time that is left. */
static enum db_status look_up(struct write *w)
{
	const struct timespec nap = { .tv_nsec = LOOK_UP_MS * 1000000L };
	struct db *db = w->req->db;
	struct cart_row row;
	struct cart_op op;

	for (; req_left_ms(w->req, 1) > 0; nanosleep(&nap, NULL)) {
		enum db_status st = db_begin(db);

		if (st != DB_OK)
			continue;
		st = carts_db_hold(db, w->change->user, &row);
		if (st == DB_OK || st == DB_NONE)
			st = carts_db_op(db, w->op_id, &op);
		db_rollback(db);
		if (st == DB_OK && op.fence == w->fence) {
			if (db_flush(db) == DB_OK)
				return DB_OK;
			continue;
		}
		/* not done, or done by the client's own repetition: try again, which tells */
		if (st == DB_OK || st == DB_NONE)
			return DB_RETRY;
	}
	return DB_UNCERTAIN;
}

/* The mirror may have taken the write all the same, and is told its end like any other. */
static enum db_status go_without_mirror(struct write *w)
{
	w->degraded = true;
	return carts_db_unmirrored_mark(w->req->db, w->change->user);
}

/* Added to the answer that was made. */
static void tell_degraded(struct write *w)
{
	metrics_add(M_CART_DEGRADED, 1);
	w->stage = STAGE_S_PREPARE;
	journal(w, OUTCOME_DEGRADED, mirror_status_name(MIRROR_DOWN), w->mirror->error);
	resp_header(w->req, "Mirror", "degraded");
}

static enum db_status commit(struct write *w)
{
	enum db_status st = db_commit(w->req->db);

	if (st == DB_OK && CRASH_POINT("write_committed"))
		st = DB_UNCERTAIN;
	if (st == DB_UNCERTAIN)
		st = look_up(w);
	if (st == DB_OK)
		settle_later(w, MIRROR_PROMOTE);
	else if (st != DB_UNCERTAIN)
		settle_later(w, MIRROR_ABORT);
	return st;
}

static enum db_status attempt(struct write *w)
{
	struct db *db = w->req->db;
	enum mirror_status ms;
	enum db_status st;

	w->stage = STAGE_P_LOCK;
	w->stale = w->settled = w->degraded = false;
	st = db_begin(db);
	if (st != DB_OK)
		return st;
	st = lock_cart(w);
	if (st == DB_OK && CRASH_POINT("write_locked"))
		st = DB_DOWN;
	if (st == DB_OK)
		st = compute(w);
	if (st == DB_OK && CRASH_POINT("write_computed"))
		st = DB_DOWN;
	if (st == DB_OK)
		st = store(w);
	if (st != DB_OK) {
		db_rollback(db);
		/* another request made the cart's row or the operation first */
		return st == DB_CONFLICT ? DB_RETRY : st;
	}
	w->stage = STAGE_S_PREPARE;
	ms = CRASH_POINT("write_prepare") ? MIRROR_DOWN : prepare(w);
	if (ms == MIRROR_OK && CRASH_POINT("write_prepared"))
		ms = MIRROR_DOWN;
	if (ms == MIRROR_BEHIND)
		return bring_base(w);
	if (ms == MIRROR_DOWN && carts_degrades(w->req->worker) && go_without_mirror(w) == DB_OK)
		ms = MIRROR_OK;
	if (ms != MIRROR_OK) {
		db_rollback(db);
		settle_later(w, MIRROR_ABORT);
		answer_mirror_failed(w, ms);
		return DB_NONE;
	}
	w->stage = STAGE_P_COMMIT;
	/* as a server refuses that finds a conflict only then */
	if (CRASH_POINT("write_commit")) {
		db_rollback(db);
		return DB_RETRY;
	}
	return commit(w);
}

/* A lost connection is repeated once, as db_tx does: db_begin has connected anew by then. */
static bool may_repeat(const struct write *w, enum db_status st)
{
	const struct timespec nap = { .tv_nsec = (5 + rnd_below(46)) * 1000000L };

	if (req_left_ms(w->req, 1) == 0 || w->attempt == ATTEMPTS_MAX)
		return false;
	if (st == DB_DOWN)
		return w->attempt == 1;
	if (st != DB_RETRY)
		return false;
	nanosleep(&nap, NULL);
	metrics_add(M_DB_RETRIES, 1);
	return true;
}

/* An answer that is stored must be made inside the transaction, where nothing is asked from
 * other services: so what it will need is fetched before. */
static void warm_facts(struct write *w)
{
	struct cart_row row;

	if (carts_db_read(w->req->db, w->change->user, &row) == DB_OK)
		carts_facts_warm(w->req, row.doc, row.len);
}

int carts_write(struct req *req, const struct change *change)
{
	struct write w = { .req = req, .change = change, .mirror = req->worker->local };
	enum db_status st;

	name_operation(&w);
	if (w.keyed)
		warm_facts(&w);
	do {
		w.attempt++;
		st = attempt(&w);
	} while (may_repeat(&w, st));

	if (st == DB_OK) {
		if (!w.keyed)
			answer_written(&w, FACTS_STALE);
		if (w.degraded)
			tell_degraded(&w);
		return 0;
	}
	if (st != DB_NONE)
		return answer_db_failed(&w, st);
	if (w.stale)
		return answer_stale(&w);
	if (w.settled)
		return answer_cart(&w, 200, w.base.version, FACTS_STALE);
	return req->failed ? -1 : 0;
}
