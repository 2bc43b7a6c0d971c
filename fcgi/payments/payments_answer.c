/* payments_answer.c - what a payment has come to, as the answer to who asked for it. */
#include "compat.h"

#include "log.h"
#include "metrics.h"
#include "payments.h"
#include "rnd.h"

void payments_id(const struct req *req, const char *kind, unsigned char id[PAYMENT_ID])
{
	if (req->idempotency_key)
		uuid8_named(kind, pool_printf(req->pool, "%" PRIu64, req->who.user_id),
			    req->idempotency_key, id);
	else
		rnd_uuid7(id);
}

static int refuse(struct req *req, unsigned retry_after_s)
{
	metrics_add(M_BREAKER_REFUSED, 1);
	req->retry_after_s = retry_after_s;
	return resp_error(req, ERR_PROVIDER_UNAVAILABLE);
}

int payments_enter(struct req *req)
{
	struct payments *p = req->worker->svc->data;
	struct breaker_view view;

	breaker_look(p->breaker, &view);
	if (view.retry_after_s)
		return refuse(req, view.retry_after_s);
	if (atomic_fetch_add(&p->inside, 1) < p->most)
		return 0;
	atomic_fetch_sub(&p->inside, 1);
	return refuse(req, 1);
}

void payments_leave(struct req *req)
{
	struct payments *p = req->worker->svc->data;

	atomic_fetch_sub(&p->inside, 1);
}

/* The error by its code; INTERNAL for one that no attempt fails with. */
static enum err reason_error(const char *reason)
{
	static const enum err known[] = {
		ERR_ORDER_NOT_FOUND,	 ERR_ORDER_NOT_PENDING,	   ERR_PAYMENT_IN_PROGRESS,
		ERR_ORDER_OUT_OF_STOCK,	 ERR_SERVICE_UNAVAILABLE,  ERR_PROVIDER_UNAVAILABLE,
	};

	for (size_t i = 0; reason && i < COUNT(known); i++) {
		if (strcmp(err_code(known[i]), reason) == 0)
			return known[i];
	}
	return ERR_INTERNAL;
}

static void answer_error(struct req *req, const struct payment *p)
{
	bool declined = p->state == PAYMENT_DECLINED;
	struct jw *w = resp_problem(req, declined ? ERR_PAYMENT_DECLINED :
						    reason_error(p->reason));

	jw_ku64(w, "payment_id", p->number);
	if (declined)
		jw_kstr(w, "decline_code", p->reason);
	if (p->refusal_lines) {
		jw_key(w, "lines");
		jw_raw(w, p->refusal_lines, strlen(p->refusal_lines));
	}
	resp_problem_done(req);
}

static void answer_payment(struct req *req, const struct payment *p)
{
	payment_json(resp_data(req, p->state == PAYMENT_CAPTURED ? 201 : 202), p);
	resp_done(req);
	resp_header(req, "Location", "/payments/%" PRIu64, p->number);
}

int payment_answer(struct req *req, const struct payment *p, bool replay)
{
	switch (p->state) {
	case PAYMENT_INITIATED:
		resp_error(req, ERR_IDEMPOTENCY_KEY_BUSY);
		resp_header(req, "Retry-After", "1");
		return -1;
	case PAYMENT_UNKNOWN:
	case PAYMENT_CAPTURED:
		answer_payment(req, p);
		break;
	case PAYMENT_DECLINED:
	case PAYMENT_FAILED:
		answer_error(req, p);
		break;
	}
	if (replay)
		resp_replayed(req);
	return req->failed ? -1 : 0;
}
