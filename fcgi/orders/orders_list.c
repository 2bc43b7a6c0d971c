/* orders_list.c - GET /orders: filter, pages, newest first. */
#include "compat.h"

#include "orders.h"
#include "page.h"

struct list {
	const char *status;
	uint64_t user_id, limit, cursor;
	bool all;
};

static const struct field fields[] = {
	FIELD_STR(struct list, status, 1, 16, .choices = order_statuses),
	FIELD_U64(struct list, user_id, 1, INT64_MAX),
	FIELD_BOOL(struct list, all),
	FIELD_U64(struct list, limit, 1, PAGE_LIMIT_MAX),
	FIELD_U64(struct list, cursor, 1, INT64_MAX),
	{ 0 }
};

/* One order more than a page holds was asked for: it tells whether there is a next. */
static enum db_status answer_rows(struct req *req, uint64_t limit, uint64_t *count_r,
				  uint64_t *last_r)
{
	struct order o;
	struct order_walk walk = { .order = &o };
	enum db_status st;

	*count_r = 0;
	while ((st = orders_db_list_next(req->db, &walk)) == DB_OK) {
		if ((*count_r)++ == limit)
			continue;
		orders_json(&req->jw, &o);
		*last_r = o.id;
	}
	return st;
}

/* Whose orders are listed; 0: everybody's. */
static int owner_of(struct req *req, const struct list *l, uint64_t *owner_r)
{
	*owner_r = l->all ? 0 : l->user_id ? l->user_id : req->who.user_id;
	if (*owner_r == req->who.user_id || req->who.role == ROLE_ADMIN)
		return 0;
	return resp_error(req, ERR_FORBIDDEN);
}

int orders_list(struct req *req)
{
	struct order_query q;
	uint64_t owner, limit, count, last = 0;
	enum db_status st;
	struct list l;

	if (req_query(req, fields, &l, sizeof(l), NULL) < 0 || owner_of(req, &l, &owner) < 0)
		return -1;
	limit = l.limit ? l.limit : PAGE_LIMIT;
	q = (struct order_query){ .user_id = owner, .status = l.status, .before = l.cursor,
				  .limit = limit + 1 };
	st = orders_db_list(req->db, &q);
	if (st != DB_OK)
		return resp_db(req, st);
	jw_arr(resp_data(req, 200));
	st = answer_rows(req, limit, &count, &last);
	if (st != DB_NONE)
		return resp_db(req, st);
	if (count <= limit)
		return page_done(req, count, NULL);
	return page_done(req, limit, pool_printf(req->pool, "%" PRIu64, last));
}
