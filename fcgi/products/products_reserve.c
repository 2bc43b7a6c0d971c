/*
 * products_reserve.c - holding stock for an order, all of its lines or none.
 *
 *	1. lock the reservation that this one stands for instead, then make or lock this one
 *	2. lock the products of both, in order of their ids
 *	3. let the other one go
 *	4. judge: products on sale, stock, price
 *	5. write the lines, move the stock, write the ledger
 */
#include "compat.h"

#include "crash.h"
#include "money.h"
#include "products_reservation.h"
#include "rnd.h"

/* -- what is asked ------------------------------------------------------------------- */

struct body {
	const char *reservation_id, *instead_of;
	uint64_t hold_s;
	int64_t expected_total_cents;
};

static const struct field body_fields[] = {
	FIELD_STR(struct body, reservation_id, 36, 36, .required = true, .check = uuid_is),
	FIELD_U64(struct body, hold_s, 1, HOLD_S_MAX, .required = true),
	FIELD_I64(struct body, expected_total_cents, 0, MONEY_MAX),
	FIELD_STR(struct body, instead_of, 36, 36, .check = uuid_is),
	{ 0 }
};

struct item {
	uint64_t product_id, quantity;
};

static const struct field item_fields[] = {
	FIELD_U64(struct item, product_id, 1, INT64_MAX, .required = true),
	FIELD_U64(struct item, quantity, 1, LINE_QUANTITY_MAX, .required = true),
	{ 0 }
};

struct wish {
	struct req *req;
	unsigned char id[RESERVATION_ID], other[RESERVATION_ID];
	bool replaces; /* other is to be let go */
	bool guarded;  /* the total must be expected */
	int64_t expected, total;
	uint64_t hold_s;
	struct lines lines;
	struct faults faults; /* of the items */
};

/* The fault of one item stands where the item does. */
static void note_faults(struct wish *w, unsigned index, const struct faults *faults)
{
	for (unsigned i = 0; i < faults->count; i++) {
		const struct fault *f = &faults->list[i];

		fault_add(&w->faults,
			  pool_printf(w->req->pool, "#/items/%u%s", index, f->where + 1),
			  f->code, f->bound, f->type);
	}
}

static int add_item(void *dst, const struct faults *faults, void *arg)
{
	const struct item *item = dst;
	struct wish *w = arg;

	if (w->lines.count == LINES_ASKED_MAX) {
		fault_add(&w->faults, "#/items", "max_length", LINES_ASKED_MAX,
			  FIELD_TYPE_STR);
		return -1;
	}
	note_faults(w, w->lines.count, faults);
	lines_add(&w->lines, item->product_id, (int64_t)item->quantity);
	return 0;
}

static int read_items(struct wish *w)
{
	struct req *req = w->req;
	struct item item;
	int rc;

	rc = body_each_judged(req->body, req->body_len, "items", item_fields, &item,
			      sizeof(item), add_item, w, req->pool);
	if (w->faults.count == 0 && (rc < 0 || w->lines.count == 0))
		fault_add(&w->faults, "#/items", "required", 0, FIELD_TYPE_STR);
	if (w->faults.count)
		return resp_faults(req, &w->faults);
	lines_fold(&w->lines);
	return 0;
}

static int read_wish(struct req *req, struct wish *w)
{
	struct body in;

	*w = (struct wish){ .req = req };
	if (reservation_body(req, body_fields, &in, sizeof(in)) < 0)
		return -1;
	reservation_id_of(in.reservation_id, w->id);
	w->hold_s = in.hold_s;
	w->guarded = body_member(req->body, req->body_len, "expected_total_cents", req->pool);
	w->expected = in.expected_total_cents;
	w->replaces = in.instead_of;
	if (w->replaces)
		reservation_id_of(in.instead_of, w->other);
	if (w->replaces && memcmp(w->id, w->other, RESERVATION_ID) == 0)
		fault_add(&w->faults, "#/instead_of", "same", 0, FIELD_TYPE_STR);
	return read_items(w);
}

/* -- refusals ------------------------------------------------------------------------ */

static int refuse_product(struct req *req, const struct line *l)
{
	struct jw *w = resp_problem(req, ERR_BODY_PRODUCT_NOT_FOUND);

	jw_ku64(w, "product_id", l->product_id);
	return resp_problem_done(req);
}

static int refuse_total(struct wish *w)
{
	fault_add(&w->faults, "#/items", "max", MONEY_MAX, FIELD_TYPE_MONEY);
	return resp_faults(w->req, &w->faults);
}

static int refuse_price(const struct wish *w)
{
	struct jw *out = resp_problem(w->req, ERR_PRICE_CHANGED);

	jw_kmoney(out, "expected_total", w->expected);
	jw_kmoney(out, "current_total", w->total);
	jw_key(out, "lines");
	jw_arr(out);
	for (unsigned i = 0; i < w->lines.count; i++) {
		const struct line *l = &w->lines.line[i];

		jw_obj(out);
		jw_ku64(out, "product_id", l->product_id);
		jw_kstr(out, "name", l->name);
		jw_kmoney(out, "unit_price", l->price_cents);
		jw_ki64(out, "quantity", l->quantity);
		jw_end_obj(out);
	}
	jw_end_arr(out);
	return resp_problem_done(w->req);
}

static int judge_total(struct wish *w)
{
	if (lines_total(&w->lines, &w->total) < 0)
		return refuse_total(w);
	return w->guarded && w->total != w->expected ? refuse_price(w) : 0;
}

/* The products are locked: what is judged here stays so. */
static int judge(struct wish *w)
{
	for (unsigned i = 0; i < w->lines.count; i++) {
		const struct line *l = &w->lines.line[i];

		if (!l->found || !l->on_sale)
			return refuse_product(w->req, l);
	}
	if (lines_short(&w->lines))
		return reservation_short(w->req, &w->lines);
	return judge_total(w);
}

/* -- the steps ----------------------------------------------------------------------- */

static int answer(const struct wish *w, enum reservation_state state)
{
	struct jw *out = resp_data(w->req, 200);

	jw_obj(out);
	jw_kstr(out, "state", reservation_state_name(state));
	jw_key(out, "lines");
	jw_arr(out);
	for (unsigned i = 0; i < w->lines.count; i++) {
		const struct line *l = &w->lines.line[i];

		jw_obj(out);
		jw_ku64(out, "product_id", l->product_id);
		jw_kstr(out, "name", l->name);
		jw_ki64(out, "quantity", l->quantity);
		jw_ki64(out, "price_cents", l->price_cents);
		jw_end_obj(out);
	}
	jw_end_arr(out);
	jw_ki64(out, "total_cents", w->total);
	jw_end_obj(out);
	return resp_done(w->req);
}

/* Those of both, so that all are locked in one order before anything changes. */
static enum db_status lock_both(const struct wish *w, const struct lines *others)
{
	struct lines both = *others;

	for (unsigned i = 0; i < w->lines.count; i++)
		lines_add(&both, w->lines.line[i].product_id, 1);
	lines_fold(&both);
	return products_lock_lines(w->req->db, w->req->pool, &both);
}

static enum db_status release_other(struct wish *w)
{
	struct db *db = w->req->db;
	struct lines others;
	enum db_status st = reservation_lines(db, w->other, &others);

	if (st == DB_OK)
		st = lock_both(w, &others);
	if (st == DB_OK)
		st = products_lock_lines(db, w->req->pool, &others);
	if (st == DB_OK)
		st = reservation_move(db, w->other, &others, MOVE_RELEASE);
	if (st == DB_OK)
		st = reservation_set(db, w->other, RESERVATION_EXPIRED);
	if (st == DB_OK && CRASH_POINT("replace_released"))
		st = DB_DOWN;
	return st;
}

static enum db_status write_held(struct wish *w, bool known)
{
	struct db *db = w->req->db;
	enum db_status st = DB_OK;

	if (known)
		st = reservation_hold(db, w->id, w->hold_s);
	if (st == DB_OK)
		st = reservation_put_lines(db, w->id, &w->lines, known);
	if (st == DB_OK && CRASH_POINT("reserve_written"))
		st = DB_DOWN;
	if (st == DB_OK)
		st = reservation_move(db, w->id, &w->lines, MOVE_RESERVE);
	if (st == DB_OK && CRASH_POINT("reserve_moved"))
		st = DB_RETRY;
	return st;
}

/* known: the reservation was there, and holds nothing. */
static int take(struct wish *w, bool known)
{
	struct req *req = w->req;
	enum db_status st = products_lock_lines(req->db, req->pool, &w->lines);

	if (st == DB_OK && CRASH_POINT("reserve_locked"))
		st = DB_DOWN;
	if (st != DB_OK)
		return resp_db(req, st);
	if (judge(w) < 0)
		return -1;
	st = write_held(w, known);
	return st == DB_OK ? answer(w, RESERVATION_HELD) : resp_db(req, st);
}

/* It holds or has sold its stock already; what it is about must be the same. */
static int repeat(struct wish *w, enum reservation_state state)
{
	struct req *req = w->req;
	struct lines known;
	enum db_status st = reservation_lines(req->db, w->id, &known);

	if (st != DB_OK)
		return resp_db(req, st);
	if (!lines_equal(&known, &w->lines))
		return resp_error(req, ERR_IDEMPOTENCY_KEY_REUSED);
	w->lines = known;
	if (state == RESERVATION_COMMITTED)
		w->guarded = false; /* it is sold, whatever it costs today */
	if (judge_total(w) < 0)
		return -1;
	if (state == RESERVATION_HELD)
		st = reservation_hold(req->db, w->id, w->hold_s);
	return st == DB_OK ? answer(w, state) : resp_db(req, st);
}

int products_reserve(struct req *req)
{
	enum reservation_state state = RESERVATION_HELD, other = RESERVATION_RELEASED;
	enum db_status st = DB_OK;
	struct wish w;
	bool known;

	if (reservation_caller(req) < 0 || read_wish(req, &w) < 0)
		return -1;
	if (w.replaces)
		st = reservation_lock(req->db, w.other, &other);
	if (st != DB_OK && st != DB_NONE)
		return resp_db(req, st);
	/* the same request at the same time waits here for the first */
	st = reservation_make(req->db, w.id, w.hold_s);
	known = st == DB_NONE;
	if (known)
		st = reservation_lock(req->db, w.id, &state);
	if (st != DB_OK)
		return resp_db(req, st == DB_NONE ? DB_FAIL : st);
	if (state == RESERVATION_RELEASED)
		return resp_error(req, ERR_STOCK_NOT_HELD);
	if (other == RESERVATION_HELD && (st = release_other(&w)) != DB_OK)
		return resp_db(req, st);
	if (known && (state == RESERVATION_HELD || state == RESERVATION_COMMITTED))
		return repeat(&w, state);
	return take(&w, known);
}
