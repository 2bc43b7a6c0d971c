/*
 * carts_expiry.c - carts that nobody changed for cart_idle_days are emptied, by a write like
 * any other, so that both stores and the history agree. Every process does it, without a
 * lease: a cart that another one has emptied, or its owner has changed, has another version
 * by then.
 */
#include "compat.h"

#include "carts_write.h"
#include "clock.h"
#include "log.h"
#include "rnd.h"

#define RUN_US   INT64_C(1000000)
#define HEAD_MAX 1024
#define BODY_MAX 4096

/* The answer of a write that nobody asked for, which nobody reads. */
struct answer {
	struct sbuf head, body;
};

static bool has_changed(const struct change *c, const struct cart_row *base)
{
	return base->version != c->version;
}

static int apply_expiry(struct req *req UNUSED, const struct change *c UNUSED, struct doc *doc)
{
	doc->count = 0;
	return 0;
}

/* False when a store failed: others would fail too. A cart that is refused for its own sake
 * is logged by carts_write. */
static bool expire(struct worker *w, struct pool *pool, struct answer *answer,
		   const struct cart_idle *idle)
{
	unsigned char id[OP_ID];
	const struct change c = { .path = "expiry", .action = "EXPIRE", .status = 204,
				  .user = idle->user, .version = idle->version,
				  .event_id = id, .settled = has_changed,
				  .apply = apply_expiry };
	int64_t now = clock_mono_us(), limit_ms = cfg_int(w->svc->cfg, CFG_DEADLINE_MS);
	struct req req = { .id = "expiry", .path = "", .query = "", .trace = "", .body = "",
			   .pool = pool, .db = w->db, .worker = w,
			   .head_out = &answer->head, .body_out = &answer->body,
			   .start_us = now, .deadline_us = now + limit_ms * 1000 };

	rnd_uuid7(id);
	return carts_write(&req, &c) == 0 || req.status == 500;
}

static unsigned expire_batch(struct worker *w, struct pool *pool, struct answer *answer)
{
	uint64_t days = (uint64_t)cfg_int(w->svc->cfg, CFG_CART_IDLE_DAYS);
	struct cart_idle idle[IDLE_BATCH];
	unsigned count;

	if (carts_db_idle(w->db, days, idle, &count) != DB_OK)
		return 0;
	for (unsigned i = 0; i < count; i++) {
		if (svc_stopping() || !expire(w, pool, answer, &idle[i]))
			return 0;
	}
	if (count)
		log_info("carts.expired", LOG_INT("carts", count));
	return count;
}

/* Else every run of an outage would leave a line in the journal. */
static bool mirror_answers(struct worker *w)
{
	struct mirror *m = w->local;

	m->limit_ms = (int)cfg_int(w->svc->cfg, CFG_MIRROR_MS);
	return mirror_ping(m) == MIRROR_OK;
}

void carts_expire(struct worker *w)
{
	struct pool *pool = pool_new(), *before = db_use_pool(w->db, pool);
	int64_t end_us = clock_mono_us() + RUN_US;
	struct answer answer;

	sbuf_init(&answer.head, HEAD_MAX);
	sbuf_init(&answer.body, BODY_MAX);
	while (mirror_answers(w) && expire_batch(w, pool, &answer) == IDLE_BATCH &&
	       clock_mono_us() < end_us)
		pool_reset(pool);
	sbuf_free(&answer.body);
	sbuf_free(&answer.head);
	db_use_pool(w->db, before);
	pool_free(&pool);
}
