/* orders_show.c - an order as clients see it, and what all handlers share. */
#include "compat.h"

#include "clock.h"
#include "crash.h"
#include "idem.h"
#include "orders.h"
#include "rnd.h"

/* -- JSON ---------------------------------------------------------------------------- */

static void write_time(struct jw *w, const char *name, int64_t wall_us)
{
	char text[CLOCK_TEXT];

	jw_kstr(w, name, clock_rfc3339(wall_us, false, text));
}

static void write_lines(struct jw *w, const struct order *o)
{
	jw_key(w, "items");
	jw_arr(w);
	for (unsigned i = 0; i < o->count; i++) {
		const struct order_line *l = &o->line[i];

		jw_obj(w);
		jw_ku64(w, "id", i + 1);
		jw_ku64(w, "product_id", l->product_id);
		jw_kstr(w, "product_name", l->name);
		jw_ki64(w, "quantity", l->quantity);
		jw_kmoney(w, "unit_price", l->unit_cents);
		jw_kmoney(w, "line_total", l->unit_cents * l->quantity);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void write_payment(struct jw *w, const struct order *o)
{
	char text[UUID_TEXT];

	jw_key(w, "payment");
	jw_obj(w);
	jw_kstr(w, "state", o->payment_state);
	jw_kstr(w, "id", o->has_payment ? uuid_text(o->payment, text) : NULL);
	jw_end_obj(w);
}

static void write_members(struct jw *w, const struct order *o)
{
	jw_ku64(w, "id", o->id);
	jw_ku64(w, "user_id", o->user_id);
	jw_kstr(w, "user_name", o->user_name);
	jw_kstr(w, "status", o->status);
	jw_ku64(w, "version", o->version);
	jw_kmoney(w, "total", o->total_cents);
	jw_kstr(w, "currency", "EUR");
	write_lines(w, o);
	write_payment(w, o);
	if (order_is(o, "pending"))
		write_time(w, "expires_at", o->expires_us);
	else
		jw_kstr(w, "expires_at", NULL);
	write_time(w, "date_creation", o->created_us);
	write_time(w, "date_update", o->updated_us);
}

void orders_json(struct jw *w, const struct order *o)
{
	jw_obj(w);
	write_members(w, o);
	jw_end_obj(w);
}

static void write_event(struct jw *w, const struct order_event *e)
{
	jw_obj(w);
	jw_kstr(w, "type", e->type);
	jw_kstr(w, strcmp(e->type, "status") == 0 ? "status" : "detail", e->detail);
	jw_key(w, "actor");
	if (e->actor)
		jw_u64(w, e->actor);
	else
		jw_null(w);
	write_time(w, "date", e->created_us);
	jw_end_obj(w);
}

static enum db_status write_events(struct req *req, uint64_t id)
{
	enum db_status st = orders_db_events(req->db, id);
	struct order_event e;

	jw_key(&req->jw, "events");
	jw_arr(&req->jw);
	while (st == DB_OK && (st = orders_db_events_next(req->db, &e)) == DB_OK)
		write_event(&req->jw, &e);
	jw_end_arr(&req->jw);
	return st == DB_NONE ? DB_OK : st;
}

/* -- answers ------------------------------------------------------------------------- */

int orders_db_error(struct req *req, enum db_status st)
{
	return st == DB_NONE ? resp_error(req, ERR_ORDER_NOT_FOUND) : resp_db(req, st);
}

static int answer(struct req *req, int status, const struct order *o)
{
	struct jw *w;
	enum db_status st;

	resp_etag_version(req, o->version);
	if (req->method == M_GET && resp_not_modified(req))
		return 0;
	w = resp_data(req, status);
	jw_obj(w);
	write_members(w, o);
	st = write_events(req, o->id);
	if (st != DB_OK)
		return resp_db(req, st);
	jw_end_obj(w);
	return resp_done(req);
}

int orders_answer(struct req *req, int status, uint64_t id)
{
	struct order o;
	enum db_status st = orders_db_get(req->db, id, 0, &o);

	return st == DB_OK ? answer(req, status, &o) : orders_db_error(req, st);
}

int orders_answer_new(struct req *req, const struct order *o)
{
	const struct order_event made = { "status", o->status, o->user_id, o->created_us };
	struct jw *w;

	resp_etag_version(req, o->version);
	w = resp_data(req, 201);
	jw_obj(w);
	write_members(w, o);
	jw_key(w, "events");
	jw_arr(w);
	write_event(w, &made);
	jw_end_arr(w);
	jw_end_obj(w);
	return resp_done(req);
}

uint64_t orders_owner(const struct req *req)
{
	return req->who.role == ROLE_ADMIN ? 0 : req->who.user_id;
}

int orders_show(struct req *req)
{
	struct order o;
	enum db_status st = orders_db_get(req->db, req->arg[0], orders_owner(req), &o);

	return st == DB_OK ? answer(req, 200, &o) : orders_db_error(req, st);
}

int orders_match(struct req *req, const struct order *o)
{
	struct jw *w;

	resp_etag_version(req, o->version);
	if (resp_if_match(req))
		return 0;
	w = resp_problem(req, ERR_PRECONDITION_FAILED);
	jw_key(w, "current");
	orders_json(w, o);
	return resp_problem_done(req);
}

int orders_judge_pending(struct req *req, const struct order *o)
{
	if (!order_is(o, "pending"))
		return resp_error(req, ERR_ORDER_NOT_PENDING);
	if (!order_payment_is(o, "none"))
		return resp_error(req, ERR_PAYMENT_IN_PROGRESS);
	return o->overdue ? resp_error(req, ERR_ORDER_NOT_PENDING) : 0;
}

uint64_t orders_hold_s(const struct req *req)
{
	return (uint64_t)cfg_int(req->worker->svc->cfg, CFG_ORDER_HOLD);
}

/* -- transactions -------------------------------------------------------------------- */

static enum db_status run_step(struct db *db UNUSED, void *arg)
{
	const struct orders_tx *tx = arg;
	struct req *req = tx->req;

	req->etag = NULL;
	req->events = 0;
	switch (idem_enter(req, tx->route)) {
	case IDEM_REPLAY:
		return DB_OK;
	case IDEM_REFUSED:
		return DB_NONE;
	case IDEM_NEW:
		break;
	}
	if (tx->step(req, tx->arg) < 0)
		return req->db_retry ? DB_RETRY : DB_NONE;
	return idem_leave(req);
}

int orders_run_tx(struct orders_tx *tx)
{
	struct req *req = tx->req;
	enum db_status st = db_tx(req->db, run_step, tx);

	if (st == DB_OK && CRASH_POINT("order_committed"))
		st = DB_UNCERTAIN;
	if (st == DB_OK) {
		svc_deliver(req);
		return 0;
	}
	req->events = 0;
	if (st == DB_NONE && req->failed)
		return -1;
	return resp_db(req, st == DB_NONE ? DB_FAIL : st);
}

bool orders_answered(struct req *req, const char *route)
{
	return idem_look(req, route) != IDEM_NEW;
}
