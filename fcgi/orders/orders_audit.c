/* orders_audit.c - whether the orders agree with themselves, a page at a time. */
#include "compat.h"

#include "orders.h"
#include "orders_db_job.h"
#include "page.h"
#include "rnd.h"

static void write_uuid(struct jw *w, const char *name, const char *hex)
{
	unsigned char id[UUID_BYTES];
	char text[UUID_TEXT];

	if (hex && hex_decode(hex, strlen(hex), id, sizeof(id)) == 0)
		jw_kstr(w, name, uuid_text(id, text));
	else
		jw_kstr(w, name, NULL);
}

static void write_row(struct jw *w, const struct order_audit *a)
{
	jw_obj(w);
	jw_ku64(w, "order_id", a->id);
	jw_kstr(w, "status", a->status);
	jw_ki64(w, "total_cents", a->total_cents);
	jw_ki64(w, "lines_total_cents", a->lines_cents);
	write_uuid(w, "reservation_id", a->reservation);
	jw_key(w, "lines");
	jw_raw(w, a->lines, strlen(a->lines));
	write_uuid(w, "payment_id", a->payment);
	jw_kstr(w, "payment_state", a->payment_state);
	jw_ki64(w, "refunded_cents", a->refunded_cents);
	jw_ki64(w, "age_s", a->age_s);
	jw_end_obj(w);
}

static void write_wrong(struct jw *w, const struct order_audit *a)
{
	if (a->total_cents != a->lines_cents) {
		jw_obj(w);
		jw_kstr(w, "what", "total");
		jw_ku64(w, "order_id", a->id);
		jw_end_obj(w);
	}
	if (!a->state_fits) {
		jw_obj(w);
		jw_kstr(w, "what", "state");
		jw_ku64(w, "order_id", a->id);
		jw_end_obj(w);
	}
}

static int answer(struct req *req, const struct order_audit *rows, uint64_t count, bool last)
{
	struct jw *w = resp_data(req, 200);

	jw_obj(w);
	jw_key(w, "wrong");
	jw_arr(w);
	for (uint64_t i = 0; i < count; i++)
		write_wrong(w, &rows[i]);
	jw_end_arr(w);
	jw_key(w, "rows");
	jw_arr(w);
	for (uint64_t i = 0; i < count; i++)
		write_row(w, &rows[i]);
	jw_end_arr(w);
	jw_key(w, "next");
	if (last)
		jw_null(w);
	else
		jw_u64(w, rows[count - 1].id);
	jw_end_obj(w);
	return resp_done(req);
}

int orders_audit(struct req *req)
{
	struct order_audit *rows;
	uint64_t count = 0;
	struct audit_page in;
	enum db_status st;

	if (page_audit(req, &in) < 0)
		return -1;
	rows = pool_alloc(req->pool, in.limit * sizeof(*rows));
	st = orders_db_audit(req->db, in.after, in.limit);
	while (st == DB_OK && count < in.limit &&
	       (st = orders_db_audit_next(req->db, &rows[count])) == DB_OK)
		count++;
	if (st != DB_OK && st != DB_NONE)
		return resp_db(req, st);
	return answer(req, rows, count, count < in.limit);
}
