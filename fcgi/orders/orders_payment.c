/*
 * orders_payment.c - a payment of an order begins.
 *
 *	1. read the order and what is known of the payment
 *	2. products holds the order's own lines again, for long enough
 *	3. one guarded transaction: from now on the order waits for the payment's outcome
 */
#include "compat.h"

#include "crash.h"
#include "orders.h"
#include "rnd.h"
#include "stock.h"

struct body {
	const char *payment_id;
	uint64_t user_id;
};

static const struct field fields[] = {
	FIELD_STR(struct body, payment_id, 36, 36, .required = true, .check = uuid_is),
	FIELD_U64(struct body, user_id, 1, INT64_MAX, .required = true),
	{ 0 }
};

struct begin {
	unsigned char payment[UUID_BYTES];
	uint64_t user_id;
	struct order order;
	struct items items;
};

static int answer(struct req *req, const struct order *o)
{
	struct jw *w = resp_data(req, 200);

	jw_obj(w);
	jw_ku64(w, "order_id", o->id);
	jw_ki64(w, "amount_cents", o->total_cents);
	jw_kstr(w, "currency", "EUR");
	jw_end_obj(w);
	return resp_done(req);
}

static bool is_this(const struct begin *b, const struct order *o)
{
	return o->has_payment && memcmp(o->payment, b->payment, UUID_BYTES) == 0;
}

/* 1: it may begin; 0: it has begun, which was answered; -1: refused. */
static int judge(struct req *req, const struct begin *b, const struct order *o)
{
	const char *heard;
	enum db_status st;

	if (order_is(o, "pending") && order_payment_is(o, "started") && is_this(b, o))
		return answer(req, o);
	if (orders_judge_pending(req, o) < 0)
		return -1;
	st = orders_db_heard(req->db, b->payment, &heard);
	if (st == DB_OK) /* its end was told before its begin */
		return resp_error(req, ERR_ORDER_NOT_PENDING);
	return st == DB_NONE ? 1 : resp_db(req, st);
}

/* -- no stock: the order ends -------------------------------------------------------- */

static enum db_status expire(struct db *db, void *arg)
{
	struct req *req = arg;
	struct order o;
	enum db_status st;

	req->events = 0;
	st = orders_db_lock(db, req->arg[0], 0, &o);
	if (st != DB_OK || !order_is(&o, "pending") || !order_payment_is(&o, "none"))
		return st;
	return order_end(db, req, &o, "expired", 0);
}

/* The refusal that stands in req stays. */
static int give_up(struct req *req)
{
	if (db_tx(req->db, expire, req) == DB_OK)
		svc_deliver(req);
	return -1;
}

/* -- the transaction ----------------------------------------------------------------- */

static int start(struct req *req, void *arg)
{
	struct begin *b = arg;
	struct order now;
	enum db_status st = orders_db_lock(req->db, b->order.id, b->user_id, &now);
	int rc;

	if (st != DB_OK)
		return orders_db_error(req, st);
	rc = judge(req, b, &now);
	if (rc != 1)
		return rc;
	if (now.version != b->order.version) /* edited meanwhile: other lines are to be held */
		return resp_error(req, ERR_SERVICE_UNAVAILABLE);
	st = orders_db_start(req->db, &now, b->payment, orders_hold_s(req));
	if (st == DB_NONE) /* its time ended in this moment */
		return resp_error(req, ERR_ORDER_NOT_PENDING);
	if (st == DB_OK)
		st = orders_db_hear(req->db, b->payment, now.id, "started", now.total_cents);
	if (st == DB_OK)
		st = orders_db_event(req->db, now.id, "payment.started", NULL, b->user_id);
	if (st == DB_OK && CRASH_POINT("begin_written"))
		st = DB_DOWN;
	return st == DB_OK ? answer(req, &now) : resp_db(req, st);
}

static int hold_and_start(struct req *req, struct begin *b)
{
	struct order held = b->order;
	struct wish wish = { .reservation = b->order.reservation, .items = &b->items,
			     .hold_s = orders_hold_s(req) };
	struct orders_tx tx = { .req = req, .route = "/internal/orders/{id}/payment",
				.step = start, .arg = b };

	items_of(&b->order, &b->items);
	switch (stock_reserve(req, &wish, &held)) {
	case STOCK_HELD:
		break;
	case STOCK_REFUSED:
		if (req->error == ERR_STOCK_NOT_HELD) /* cancelled in this moment */
			return resp_error(req, ERR_ORDER_NOT_PENDING);
		return req->error == ERR_ORDER_OUT_OF_STOCK ? give_up(req) : -1;
	case STOCK_UNKNOWN:
		return -1;
	}
	if (CRASH_POINT("begin_reserved"))
		return resp_error(req, ERR_SERVICE_UNAVAILABLE);
	return orders_run_tx(&tx);
}

int orders_payment(struct req *req)
{
	struct begin *b = pool_alloc(req->pool, sizeof(*b));
	struct body in;
	enum db_status st;
	int rc;

	if (strcmp(req->who.username, "payments") != 0)
		return resp_error(req, ERR_FORBIDDEN);
	if (req_body(req, fields, &in, sizeof(in), NULL) < 0)
		return -1;
	BUG_ON(uuid_parse(in.payment_id, strlen(in.payment_id), b->payment) < 0);
	b->user_id = in.user_id;
	st = orders_db_get(req->db, req->arg[0], in.user_id, &b->order);
	if (st != DB_OK)
		return orders_db_error(req, st);
	rc = judge(req, b, &b->order);
	return rc == 1 ? hold_and_start(req, b) : rc;
}
