/* payments_list.c - payments as people see them: GET /payments, /payments/{id}, /payments/breaker. */
#include "compat.h"

#include "clock.h"
#include "page.h"
#include "payments.h"
#include "rnd.h"

static void time_member(struct jw *w, const char *key, int64_t us)
{
	char text[CLOCK_TEXT];

	jw_kstr(w, key, clock_rfc3339(us, false, text));
}

void payment_json(struct jw *w, const struct payment *p)
{
	char uuid[UUID_TEXT];

	jw_obj(w);
	jw_ku64(w, "id", p->number);
	jw_kstr(w, "uuid", uuid_text(p->id, uuid));
	jw_ku64(w, "order_id", p->order_id);
	jw_ku64(w, "user_id", p->user_id);
	jw_key(w, "amount");
	if (p->begun)
		jw_money(w, (int64_t)p->amount_cents);
	else
		jw_null(w);
	jw_kstr(w, "currency", p->currency);
	jw_kstr(w, "status", payment_state_name(p->state));
	jw_kstr(w, "reason", p->reason);
	jw_key(w, "card");
	jw_obj(w);
	jw_kstr(w, "brand", p->card_brand);
	jw_kstr(w, "last4", p->card_last4);
	jw_end_obj(w);
	jw_kmoney(w, "refunded", (int64_t)p->refunded_cents);
	time_member(w, "date_creation", p->created_us);
	time_member(w, "date_update", p->updated_us);
	jw_end_obj(w);
}

/* Admins see everybody's. */
static uint64_t owner_of(const struct req *req)
{
	return req->who.role == ROLE_ADMIN ? 0 : req->who.user_id;
}

int payments_show(struct req *req)
{
	struct payment p;
	enum db_status st = payments_db_show(req->db, req->arg[0], owner_of(req), &p);

	if (st == DB_NONE)
		return resp_error(req, ERR_PAYMENT_NOT_FOUND);
	if (st != DB_OK)
		return resp_db(req, st);
	payment_json(resp_data(req, 200), &p);
	return resp_done(req);
}

/* -- the list; its cursor is the id of the last payment -- */

struct list {
	uint64_t order_id, limit;
	const char *cursor;
};

static const struct field fields[] = {
	FIELD_U64(struct list, order_id, 1, INT64_MAX),
	FIELD_U64(struct list, limit, 1, PAGE_LIMIT_MAX),
	FIELD_STR(struct list, cursor, 1, 100),
	{ 0 }
};

static int read_cursor(struct req *req, const char *cursor, uint64_t *before_r)
{
	const char *p;

	*before_r = INT64_MAX;
	if (!cursor)
		return 0;
	p = page_cursor_text(req->pool, cursor);
	if (!p || page_cursor_number(&p, before_r) < 0 || *p)
		return page_refuse(req, "cursor", "format", 0, FIELD_TYPE_STR);
	return 0;
}

static enum db_status answer_rows(struct req *req, uint64_t limit, uint64_t *count_r,
				  uint64_t *last_r)
{
	struct payment p;
	enum db_status st;

	*count_r = 0;
	while ((st = payments_db_list_next(req->db, &p)) == DB_OK) {
		if ((*count_r)++ == limit)
			continue;
		payment_json(&req->jw, &p);
		*last_r = p.number;
	}
	return st;
}

int payments_list(struct req *req)
{
	uint64_t before, count, last = 0;
	struct list l;
	enum db_status st;

	if (req_query(req, fields, &l, sizeof(l), NULL) < 0 ||
	    read_cursor(req, l.cursor, &before) < 0)
		return -1;
	if (l.limit == 0)
		l.limit = PAGE_LIMIT;
	st = payments_db_list(req->db, owner_of(req), l.order_id, before, l.limit + 1);
	if (st != DB_OK)
		return resp_db(req, st);
	jw_arr(resp_data(req, 200));
	st = answer_rows(req, l.limit, &count, &last);
	if (st != DB_NONE)
		return resp_db(req, st);
	if (count <= l.limit)
		return page_done(req, count, NULL);
	return page_done(req, l.limit,
			 page_cursor(req->pool, pool_printf(req->pool, "%" PRIu64 ":", last)));
}

int payments_breaker(struct req *req)
{
	static const char *const names[] = { [BREAKER_CLOSED] = "closed",
					     [BREAKER_HALF_OPEN] = "half_open",
					     [BREAKER_OPEN] = "open" };
	const struct payments *p = req->worker->svc->data;
	struct breaker_view view;
	struct jw *w;

	breaker_look(p->breaker, &view);
	w = resp_data(req, 200);
	jw_obj(w);
	jw_kstr(w, "state", names[view.state]);
	jw_ku64(w, "failures", view.failures);
	jw_ku64(w, "retry_after_s", view.retry_after_s);
	jw_end_obj(w);
	return resp_done(req);
}
