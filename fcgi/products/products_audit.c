/*
 * products_audit.c - whether the books of the stock agree, a page at a time. Products and
 * reservations are paged by one number: a page holds the products whose ids, and the
 * reservations whose numbers, lie between "after" and "next".
 */
#include "compat.h"

#include "page.h"
#include "products_db_audit.h"
#include "products_reservation.h"

static enum db_status list_products(struct req *req, uint64_t after, uint64_t to)
{
	struct wrong_product p;
	enum db_status st = audit_products(req->db, after, to);
	struct jw *w = &req->jw;

	while (st == DB_OK && (st = audit_products_next(req->db, &p)) == DB_OK) {
		jw_obj(w);
		jw_kstr(w, "what", "stock");
		jw_ku64(w, "product_id", p.id);
		jw_ki64(w, "stock", p.stock);
		jw_ki64(w, "ledger_stock", p.ledger_stock);
		jw_ki64(w, "held", p.held);
		jw_ki64(w, "ledger_reserved", p.ledger_reserved);
		jw_end_obj(w);
	}
	return st;
}

static enum db_status list_lines(struct req *req, uint64_t after, uint64_t to)
{
	struct wrong_line l;
	enum db_status st = audit_lines(req->db, after, to);
	struct jw *w = &req->jw;

	while (st == DB_OK && (st = audit_lines_next(req->db, &l)) == DB_OK) {
		jw_obj(w);
		jw_kstr(w, "what", "reservation");
		jw_kstr(w, "reservation_id", l.reservation_id);
		jw_kstr(w, "state", l.state);
		jw_ku64(w, "product_id", l.product_id);
		jw_end_obj(w);
	}
	return st;
}

static void begin_row(struct jw *w, const struct audit_line *l)
{
	jw_obj(w);
	jw_kstr(w, "reservation_id", l->reservation_id);
	jw_kstr(w, "state", l->state);
	jw_key(w, "lines");
	jw_arr(w);
}

static void end_row(struct jw *w)
{
	jw_end_arr(w);
	jw_end_obj(w);
}

static enum db_status list_rows(struct req *req, uint64_t after, uint64_t to)
{
	struct audit_line l;
	enum db_status st = audit_rows(req->db, after, to);
	const char *open = NULL; /* the reservation whose lines are being written */
	struct jw *w = &req->jw;

	while (st == DB_OK && (st = audit_rows_next(req->db, &l)) == DB_OK) {
		if (!open || strcmp(open, l.reservation_id) != 0) {
			if (open)
				end_row(w);
			begin_row(w, &l);
			open = l.reservation_id;
		}
		jw_obj(w);
		jw_ku64(w, "product_id", l.product_id);
		jw_ki64(w, "quantity", l.quantity);
		jw_end_obj(w);
	}
	if (open)
		end_row(w);
	return st;
}

static int answer(struct req *req, uint64_t after, uint64_t to, bool last)
{
	struct jw *w = resp_data(req, 200);
	enum db_status st;

	jw_obj(w);
	jw_key(w, "wrong");
	jw_arr(w);
	st = list_products(req, after, to);
	if (st == DB_NONE)
		st = list_lines(req, after, to);
	jw_end_arr(w);
	jw_key(w, "rows");
	jw_arr(w);
	if (st == DB_NONE)
		st = list_rows(req, after, to);
	jw_end_arr(w);
	if (st != DB_NONE)
		return resp_db(req, st);
	jw_key(w, "next");
	if (last)
		jw_null(w);
	else
		jw_u64(w, to);
	jw_end_obj(w);
	return resp_done(req);
}

int products_audit(struct req *req)
{
	struct audit_page in;
	uint64_t to;
	enum db_status st;

	if (page_audit(req, &in) < 0)
		return -1;
	st = audit_page(req->db, in.after, in.limit, &to);
	if (st == DB_NONE)
		to = INT64_MAX;
	else if (st != DB_OK)
		return resp_db(req, st);
	return answer(req, in.after, to, st == DB_NONE);
}
