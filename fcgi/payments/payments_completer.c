/*
 * payments_completer.c - ends what broke off: attempts and refunds whose outcome is not
 * written although it is due. Of a payment the bank is asked what became of the key; a key that
 * it never saw is void from then on, so no late call can move money behind our back.
 *
 * Runs in every process; a batch is leased (SKIP LOCKED), and one who dies with a lease is
 * succeeded when it ends. Two who work on one row do no harm: the outcome is the bank's, and
 * is written once.
 */
#include "compat.h"

#include "clock.h"
#include "crash.h"
#include "log.h"
#include "metrics.h"
#include "payments_settle.h"

#define BATCH	       20 /* as in the statements */
#define LEASE_MS       INT64_C(5000) /* one call fits: bank_ms is less */
#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 30000

struct due {
	unsigned char id[PAYMENT_ID];
	uint64_t attempts;
};

struct batch {
	const struct kind *kind;
	struct due due[BATCH];
	unsigned count;
	int64_t until_us; /* then the lease is over */
};

struct kind {
	enum db_status (*open)(struct db *db);
	enum db_status (*next)(struct db *db, unsigned char id_r[PAYMENT_ID],
			       uint64_t *attempts_r);
	enum db_status (*postpone)(struct db *db, const unsigned char id[PAYMENT_ID],
				   int64_t due_ms);
	void (*ask)(struct req *req, const unsigned char id[PAYMENT_ID],
		    struct bank_answer *answer_r);
	enum db_status (*settle)(struct req *req, const unsigned char id[PAYMENT_ID],
				 const struct bank_answer *answer);
};

/* A refund was decided when it was written, and holds no secret: it is asked for again. */
static void ask_refund(struct req *req, const unsigned char id[PAYMENT_ID],
		       struct bank_answer *answer)
{
	struct refund r;

	*answer = (struct bank_answer){ .outcome = BANK_CLOSED };
	if (refunds_db_find(req->db, id, &r) == DB_OK)
		bank_call_refund(req, &r, answer);
}

static const struct kind payments = { payments_db_due, payments_db_due_next,
				      payments_db_postpone, bank_call_charge_resolve,
				      payments_settle_by };
static const struct kind refunds = { refunds_db_due, refunds_db_due_next,
				     refunds_db_postpone, ask_refund,
				     refunds_settle_by };

static enum db_status lease(struct db *db, void *arg)
{
	struct batch *b = arg;
	enum db_status st = b->kind->open(db);

	b->count = 0;
	while (st == DB_OK && b->count < BATCH) {
		st = b->kind->next(db, b->due[b->count].id, &b->due[b->count].attempts);
		if (st == DB_OK)
			b->count++;
	}
	if (st == DB_NONE)
		st = DB_OK;
	for (unsigned i = 0; st == DB_OK && i < b->count; i++) {
		st = b->kind->postpone(db, b->due[i].id, LEASE_MS);
		if (st == DB_NONE)
			st = DB_OK;
	}
	b->until_us = clock_mono_us() + LEASE_MS * 1000;
	return st;
}

static int64_t backoff_ms(uint64_t attempts)
{
	int64_t ms = BACKOFF_MIN_MS;

	while (attempts-- > 0 && ms < BACKOFF_MAX_MS)
		ms *= 2;
	return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

static void complete(struct req *req, const struct kind *kind, const struct due *due)
{
	struct bank_answer answer;
	enum db_status st;

	req->events = 0;
	kind->ask(req, due->id, &answer);
	if (CRASH_POINT("completer_asked"))
		return;
	if (answer.outcome == BANK_UNKNOWN || answer.outcome == BANK_CLOSED) {
		st = kind->postpone(req->db, due->id, backoff_ms(due->attempts));
	} else {
		st = kind->settle(req, due->id, &answer);
		if (st == DB_OK)
			metrics_add(M_PAYMENT_RESOLVED, 1);
		svc_deliver(req);
	}
	if (st != DB_OK && st != DB_NONE) /* due again when the lease is over */
		log_warn("completer.database", LOG_INT("status", st));
}

static bool bank_may_be_asked(struct worker *w)
{
	struct payments *p = w->svc->data;
	struct breaker_view view;

	breaker_look(p->breaker, &view);
	return view.retry_after_s == 0 && !svc_stopping();
}

static void complete_batch(struct worker *w, struct pool *pool, const struct kind *kind)
{
	int64_t bank_us = cfg_int(w->svc->cfg, CFG_BANK_MS) * 1000;
	struct batch b = { .kind = kind };

	if (!bank_may_be_asked(w) || db_tx(w->db, lease, &b) != DB_OK)
		return;
	for (unsigned i = 0; i < b.count && bank_may_be_asked(w); i++) {
		int64_t now = clock_mono_us();
		struct req req = { .id = "completer", .path = "", .query = "", .trace = "",
				   .body = "", .pool = pool, .db = w->db, .worker = w,
				   .start_us = now, .deadline_us = b.until_us };

		if (now + bank_us > b.until_us)
			break;
		complete(&req, kind, &b.due[i]);
	}
}

void payments_complete(struct worker *w)
{
	struct pool *pool = pool_new(), *before = db_use_pool(w->db, pool);

	complete_batch(w, pool, &payments);
	pool_reset(pool);
	complete_batch(w, pool, &refunds);
	db_use_pool(w->db, before);
	pool_free(&pool);
}
