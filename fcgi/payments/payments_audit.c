/*
 * payments_audit.c - POST /internal/payments/audit: payments in pages with their refunds, and
 * where their sums contradict each other.
 */
#include "compat.h"

#include "clock.h"
#include "page.h"
#include "payments.h"
#include "rnd.h"

struct page {
	struct payment rows[PAGE_AUDIT_MAX];
	unsigned count;
};

struct sums {
	uint64_t done, open;
};

static void refund_json(struct jw *w, const struct refund *r)
{
	char text[UUID_TEXT];

	jw_obj(w);
	jw_kstr(w, "refund_id", uuid_text(r->id, text));
	jw_ku64(w, "amount_cents", r->amount_cents);
	jw_kstr(w, "state", r->state);
	jw_end_obj(w);
}

static enum db_status write_refunds(struct req *req, const struct payment *p,
				    struct sums *sums_r)
{
	struct refund r;
	enum db_status st = refunds_db_of(req->db, p->id);

	*sums_r = (struct sums){ 0 };
	while (st == DB_OK && (st = refunds_db_of_next(req->db, &r)) == DB_OK) {
		refund_json(&req->jw, &r);
		if (strcmp(r.state, "done") == 0)
			sums_r->done += r.amount_cents;
		else if (strcmp(r.state, "refused") != 0)
			sums_r->open += r.amount_cents;
	}
	return st == DB_NONE ? DB_OK : st;
}

static enum db_status write_row(struct req *req, const struct payment *p, struct sums *sums_r)
{
	struct jw *w = &req->jw;
	char text[UUID_TEXT];
	enum db_status st;

	jw_obj(w);
	jw_ku64(w, "number", p->number);
	jw_kstr(w, "payment_id", uuid_text(p->id, text));
	jw_ku64(w, "order_id", p->order_id);
	jw_kstr(w, "state", payment_state_name(p->state));
	jw_ku64(w, "amount_cents", p->amount_cents);
	jw_ku64(w, "refunded_cents", p->refunded_cents);
	jw_ki64(w, "age_s", (clock_wall_us() - p->created_us) / 1000000);
	jw_key(w, "refunds");
	jw_arr(w);
	st = write_refunds(req, p, sums_r);
	jw_end_arr(w);
	jw_end_obj(w);
	return st;
}

/* A refund written between the two statements only looks wrong; then the row moved. */
static enum db_status write_wrong(struct req *req, struct jw *w, const struct payment *p,
				  const struct sums *sums)
{
	struct payment now;
	enum db_status st;

	if (sums->done == p->refunded_cents && sums->open == p->refunding_cents)
		return DB_OK;
	st = payments_db_find(req->db, p->id, &now);
	if (st != DB_OK || now.refunded_cents != p->refunded_cents ||
	    now.refunding_cents != p->refunding_cents)
		return st;
	jw_obj(w);
	jw_kstr(w, "what", "refunded_cents or refunding_cents is not the sum of the refunds");
	jw_ku64(w, "number", p->number);
	jw_end_obj(w);
	return DB_OK;
}

static enum db_status write_rows(struct req *req, const struct page *page, struct sbuf *wrong)
{
	enum db_status st = DB_OK;
	struct sums sums;
	struct jw w;

	jw_init(&w, wrong);
	jw_arr(&w);
	for (unsigned i = 0; st == DB_OK && i < page->count; i++) {
		st = write_row(req, &page->rows[i], &sums);
		if (st == DB_OK)
			st = write_wrong(req, &w, &page->rows[i], &sums);
	}
	jw_end_arr(&w);
	return st;
}

static enum db_status read_page(struct req *req, const struct audit_page *in, struct page *page)
{
	enum db_status st = payments_db_audit(req->db, in->after, in->limit);

	page->count = 0;
	while (st == DB_OK && page->count < in->limit) {
		st = payments_db_list_next(req->db, &page->rows[page->count]);
		if (st == DB_OK)
			page->count++;
	}
	return st == DB_NONE ? DB_OK : st;
}

static int answer(struct req *req, const struct audit_page *in, const struct page *page)
{
	struct jw *w = resp_data(req, 200);
	struct sbuf wrong;
	enum db_status st;

	sbuf_init(&wrong, 1u << 17);
	jw_obj(w);
	jw_key(w, "rows");
	jw_arr(w);
	st = write_rows(req, page, &wrong);
	jw_end_arr(w);
	jw_key(w, "wrong");
	jw_raw(w, sbuf_str(&wrong), wrong.len);
	jw_key(w, "next");
	if (page->count == in->limit)
		jw_u64(w, page->rows[page->count - 1].number);
	else
		jw_null(w);
	jw_end_obj(w);
	sbuf_free(&wrong);
	return st == DB_OK ? resp_done(req) : resp_db(req, st);
}

int payments_audit(struct req *req)
{
	struct page *page = pool_alloc(req->pool, sizeof(*page));
	struct audit_page in;
	enum db_status st;

	if (page_audit(req, &in) < 0)
		return -1;
	st = read_page(req, &in, page);
	return st == DB_OK ? answer(req, &in, page) : resp_db(req, st);
}
