/*
 * orders_change.c - PUT and DELETE /orders/{id}.
 *
 * Other items: products holds them in place of the old ones, under a new name, then one
 * guarded transaction puts them into the order. Who loses the race gives back what he took.
 */
#include "compat.h"

#include "crash.h"
#include "orders.h"
#include "rnd.h"
#include "stock.h"

#define ROUTE "/orders/{id}"

/* -- status -------------------------------------------------------------------------- */

static int refuse_move(struct req *req, const struct order *o, const char *to)
{
	struct jw *w = resp_problem(req, ERR_INVALID_TRANSITION);

	jw_kstr(w, "from", o->status);
	jw_kstr(w, "to", to);
	jw_key(w, "allowed");
	jw_arr(w);
	for (const char *const *p = order_allowed(o); *p; p++)
		jw_str(w, *p);
	jw_end_arr(w);
	return resp_problem_done(req);
}

static int end(struct req *req, const struct order *o)
{
	enum db_status st;

	if (order_payment_is(o, "started"))
		return resp_error(req, ERR_PAYMENT_IN_PROGRESS);
	st = order_end(req->db, req, o, "cancelled", req->who.user_id);
	if (st == DB_OK && CRASH_POINT("order_ended"))
		st = DB_DOWN;
	return st == DB_OK ? orders_answer(req, 200, o->id) : resp_db(req, st);
}

static int lock(struct req *req, struct order *o)
{
	enum db_status st = orders_db_lock(req->db, req->arg[0], orders_owner(req), o);

	return st == DB_OK ? orders_match(req, o) : orders_db_error(req, st);
}

int orders_cancel(struct req *req)
{
	struct order o;

	if (lock(req, &o) < 0)
		return -1;
	if (req->who.role != ROLE_ADMIN && !order_is(&o, "pending"))
		return resp_error(req, ERR_ORDER_NOT_PENDING);
	return order_may(&o, "cancelled") ? end(req, &o) : refuse_move(req, &o, "cancelled");
}

static int move(struct req *req, void *arg)
{
	const char *to = *(const char **)arg;
	struct order o;
	enum db_status st;

	if (lock(req, &o) < 0)
		return -1;
	if (!order_may(&o, to))
		return refuse_move(req, &o, to);
	if (strcmp(to, "cancelled") == 0)
		return end(req, &o);
	st = order_step(req->db, &o, to, req->who.user_id);
	return st == DB_OK ? orders_answer(req, 200, o.id) : resp_db(req, st);
}

/* -- items --------------------------------------------------------------------------- */

struct edit {
	struct order old, new;
	struct items items;
};

static int replace(struct req *req, void *arg)
{
	const struct edit *e = arg;
	struct order now;
	enum db_status st = orders_db_lock(req->db, e->old.id, orders_owner(req), &now);

	if (st != DB_OK)
		return orders_db_error(req, st);
	if (orders_match(req, &now) < 0 || orders_judge_pending(req, &now) < 0)
		return -1;
	st = orders_db_replace(req->db, &e->new, orders_hold_s(req));
	if (st == DB_NONE) /* another edit was faster */
		return resp_error(req, ERR_PRECONDITION_FAILED);
	if (st == DB_OK)
		st = orders_db_event(req->db, now.id, "items", NULL, req->who.user_id);
	if (st == DB_OK && CRASH_POINT("order_replaced"))
		st = DB_DOWN;
	return st == DB_OK ? orders_answer(req, 200, now.id) : resp_db(req, st);
}

/* The order kept its lines: its stock is held again, in place of what was taken. What another
 * edit has put in place of them is not touched. The answer that stands in req stays. */
static void put_back(struct req *req, const struct edit *e)
{
	struct order now;
	struct items items;
	struct wish wish = { .reservation = e->old.reservation,
			     .instead_of = e->new.reservation, .items = &items,
			     .hold_s = orders_hold_s(req) };
	enum err error = req->error;

	if (orders_db_get(req->db, e->old.id, 0, &now) == DB_OK && order_is(&now, "pending") &&
	    memcmp(now.reservation, e->old.reservation, UUID_BYTES) == 0) {
		items_of(&now, &items);
		(void)stock_reserve(req, &wish, &now);
	} else {
		stock_let_go(req, e->new.reservation);
	}
	resp_error(req, error);
}

static void name_edit(struct req *req, struct edit *e)
{
	struct sbuf text;

	sbuf_init(&text, 65536);
	sbuf_printf(&text, "%" PRIu64, e->old.version + 1);
	/* two edits of one version that differ do not meet */
	for (unsigned i = 0; i < e->items.count; i++)
		sbuf_printf(&text, " %" PRIu64 ":%" PRIu64, e->items.item[i].product_id,
			    e->items.item[i].quantity);
	uuid8_named("order-edit", pool_printf(req->pool, "%" PRIu64, e->old.id),
		    sbuf_str(&text), e->new.reservation);
	sbuf_free(&text);
}

static int hold_and_replace(struct req *req, struct edit *e)
{
	struct wish wish = { .reservation = e->new.reservation,
			     .instead_of = e->old.reservation, .items = &e->items,
			     .hold_s = orders_hold_s(req) };
	struct orders_tx tx = { .req = req, .route = ROUTE, .step = replace, .arg = e };
	int rc;

	e->new = e->old;
	name_edit(req, e);
	if (stock_reserve(req, &wish, &e->new) != STOCK_HELD) {
		if (req->error == ERR_STOCK_NOT_HELD) /* a late repetition: it is closed */
			return resp_error(req, ERR_ORDER_NOT_PENDING);
		return -1;
	}
	if (CRASH_POINT("edit_reserved"))
		return resp_error(req, ERR_SERVICE_UNAVAILABLE);
	rc = orders_run_tx(&tx);
	if (rc < 0 && err_status(req->error) < 500)
		put_back(req, e);
	return rc;
}

static int edit(struct req *req, const char *array)
{
	struct edit *e = pool_alloc(req->pool, sizeof(*e));
	enum db_status st;

	if (items_read(req, array, &e->items) < 0)
		return -1;
	if (orders_answered(req, ROUTE))
		return req->failed ? -1 : 0;
	st = orders_db_get(req->db, req->arg[0], orders_owner(req), &e->old);
	if (st != DB_OK)
		return orders_db_error(req, st);
	if (orders_match(req, &e->old) < 0 || orders_judge_pending(req, &e->old) < 0)
		return -1;
	return hold_and_replace(req, e);
}

/* -- PUT ----------------------------------------------------------------------------- */

struct body {
	const char *status, *items;
};

static const struct field fields[] = {
	FIELD_STR(struct body, status, 1, 16, .choices = order_statuses),
	FIELD_ARRAY(struct body, items),
	{ 0 }
};

static int put_status(struct req *req, const char *to)
{
	struct orders_tx tx = { .req = req, .route = ROUTE, .step = move,
				.arg = &to };
	struct order o;
	enum db_status st;

	if (req->who.role == ROLE_ADMIN)
		return orders_run_tx(&tx);
	st = orders_db_get(req->db, req->arg[0], orders_owner(req), &o);
	return st == DB_OK ? resp_error(req, ERR_FORBIDDEN) : orders_db_error(req, st);
}

int orders_put(struct req *req)
{
	struct faults faults = { .count = 0 };
	struct body in;

	if (req_body(req, fields, &in, sizeof(in), NULL) < 0)
		return -1;
	if (!in.status && !in.items)
		return resp_error(req, ERR_MISSING_STATUS);
	if (in.status && in.items) {
		fault_add(&faults, "#/items", "duplicate", 0, FIELD_TYPE_ARRAY);
		return resp_faults(req, &faults);
	}
	return in.status ? put_status(req, in.status) : edit(req, in.items);
}
