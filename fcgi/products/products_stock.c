/*
 * products_stock.c - adjusting a product's stock, and its ledger.
 */
#include "compat.h"

#include "products.h"
#include "rnd.h"

/* -- POST ---------------------------------------------------------------------------- */

struct adjustment {
	int64_t delta;
	const char *reason;
};

static const struct field adjustment_fields[] = {
	FIELD_I64(struct adjustment, delta, -STOCK_MAX, STOCK_MAX, .required = true),
	FIELD_STR(struct adjustment, reason, 1, 200, .required = true),
	{ 0 }
};

static int adjustment_parse(struct req *req, struct adjustment *a)
{
	struct faults faults = { .count = 0 };

	if (req_body(req, adjustment_fields, a, sizeof(*a), NULL) < 0)
		return -1;
	if (a->delta != 0)
		return 0;
	fault_add(&faults, "#/delta", "format", 0, FIELD_TYPE_I64);
	return resp_faults(req, &faults);
}

static int answer_adjusted(struct req *req, const struct adjustment *a)
{
	struct product p;
	enum db_status st = product_get(req->db, req->arg[0], &p);
	struct jw *w;

	if (st != DB_OK)
		return products_db_error(req, st);
	resp_etag_version(req, p.version);
	w = resp_data(req, 200);
	jw_obj(w);
	jw_ku64(w, "product_id", p.id);
	jw_ki64(w, "delta", a->delta);
	jw_ki64(w, "storage_quantity", p.stock);
	jw_kstr(w, "reason", a->reason);
	jw_end_obj(w);
	return resp_done(req);
}

int products_stock_adjust(struct req *req)
{
	struct adjustment a;
	struct product p;
	enum db_status st;

	if (adjustment_parse(req, &a) < 0 || products_lock(req, &p) < 0)
		return -1;
	st = stock_add(req->db, p.id, a.delta);
	/* it exists and is locked, so the guard refused; or else the constraint did */
	if (st == DB_NONE || st == DB_CONFLICT)
		return resp_error(req, ERR_STOCK_NEGATIVE);
	if (st == DB_OK)
		st = ledger_put(req->db, p.id, a.delta, a.reason, req->who.user_id);
	if (st != DB_OK)
		return products_db_error(req, st);
	return answer_adjusted(req, &a);
}

/* -- GET ----------------------------------------------------------------------------- */

struct ledger_page {
	uint64_t limit, cursor;
};

static const struct field ledger_fields[] = {
	FIELD_U64(struct ledger_page, limit, 1, 100),
	FIELD_U64(struct ledger_page, cursor, 1, INT64_MAX),
	{ 0 }
};

static void ledger_json(struct jw *w, const struct ledger_row *r)
{
	char uuid[UUID_TEXT];

	jw_obj(w);
	jw_ku64(w, "id", r->id);
	jw_ki64(w, "delta", r->delta);
	jw_ki64(w, "reserved_delta", r->reserved_delta);
	jw_ki64(w, "balance", r->balance);
	jw_kstr(w, "reason", r->reason);
	jw_key(w, "user_id");
	if (r->user_id)
		jw_u64(w, r->user_id);
	else
		jw_null(w);
	jw_kstr(w, "reservation_id",
		r->reservation_id ? uuid_text(r->reservation_id, uuid) : NULL);
	product_json_time(w, "date_creation", r->created_us);
	jw_end_obj(w);
}

/* One row more than the page holds was asked for; count_r includes it. */
static enum db_status ledger_rows(struct req *req, uint64_t limit, uint64_t *count_r,
				  uint64_t *last_r)
{
	struct ledger_row r;
	enum db_status st;

	*count_r = 0;
	while ((st = ledger_next(req->db, &r)) == DB_OK) {
		if ((*count_r)++ == limit)
			continue;
		ledger_json(&req->jw, &r);
		*last_r = r.id;
	}
	return st;
}

static int answer_ledger(struct req *req, uint64_t limit)
{
	uint64_t count, last = 0;
	const char *first, *next = NULL;
	enum db_status st;

	jw_arr(resp_data(req, 200));
	st = ledger_rows(req, limit, &count, &last);
	if (st != DB_NONE)
		return resp_db(req, st);
	jw_end_arr(&req->jw);
	jw_ku64(&req->jw, "count", count > limit ? limit : count);
	if (count > limit)
		next = pool_printf(req->pool, "%" PRIu64, last);
	if (next)
		jw_kstr(&req->jw, "next_cursor", next);
	first = pool_printf(req->pool, "%s?limit=%" PRIu64, req->path, limit);
	resp_links(req, first,
		   next ? pool_printf(req->pool, "%s&cursor=%s", first, next) : NULL);
	return resp_done(req);
}

int products_stock_read(struct req *req)
{
	struct ledger_page page;
	struct product p;
	enum db_status st;

	if (req_query(req, ledger_fields, &page, sizeof(page), NULL) < 0)
		return -1;
	if (page.limit == 0)
		page.limit = 20;
	if (page.cursor == 0)
		page.cursor = INT64_MAX;
	st = product_get(req->db, req->arg[0], &p);
	if (st == DB_OK)
		st = ledger_open(req->db, p.id, page.cursor, page.limit + 1);
	if (st != DB_OK)
		return products_db_error(req, st);
	return answer_ledger(req, page.limit);
}
