/*
 * products_list.c - GET /products: filter, search, order, pages.
 */
#include "compat.h"

#include "money.h"
#include "page.h"
#include "products.h"

/* Each order has its key in the database; "price" means "price,name". */
static const struct {
	const char *spec;
	enum product_sort sort;
} sorts[] = {
	{ "id", SORT_ID },
	{ "-id", SORT_ID_DESC },
	{ "price", SORT_PRICE },
	{ "-price", SORT_PRICE_DESC },
	{ "name", SORT_NAME },
	{ "-name", SORT_NAME_DESC },
	{ "date_creation", SORT_CREATED },
	{ "-date_creation", SORT_CREATED_DESC },
	{ "price,name", SORT_PRICE },
	{ "-price,name", SORT_PRICE_DESC },
};

static bool is_sort(const char *spec)
{
	for (size_t i = 0; i < COUNT(sorts); i++) {
		if (strcmp(sorts[i].spec, spec) == 0)
			return true;
	}
	return false;
}

static enum product_sort sort_of(const char *spec)
{
	for (size_t i = 0; spec && i < COUNT(sorts); i++) {
		if (strcmp(sorts[i].spec, spec) == 0)
			return sorts[i].sort;
	}
	return SORT_ID;
}

struct list {
	const char *q, *sort, *cursor;
	int64_t min_price, max_price;
	bool in_stock;
	uint64_t limit, page;
};

enum { LIST_Q, LIST_MIN, LIST_MAX, LIST_IN_STOCK,
       LIST_SORT, LIST_LIMIT, LIST_CURSOR, LIST_PAGE };

static const struct field fields[] = {
	[LIST_Q] = FIELD_STR(struct list, q, 1, 200),
	[LIST_MIN] = FIELD_MONEY(struct list, min_price, 0, MONEY_MAX),
	[LIST_MAX] = FIELD_MONEY(struct list, max_price, 0, MONEY_MAX),
	[LIST_IN_STOCK] = FIELD_BOOL(struct list, in_stock),
	[LIST_SORT] = FIELD_STR(struct list, sort, 1, 32, .check = is_sort),
	[LIST_LIMIT] = FIELD_U64(struct list, limit, 1, PAGE_LIMIT_MAX),
	[LIST_CURSOR] = FIELD_STR(struct list, cursor, 1, 2000),
	[LIST_PAGE] = FIELD_U64(struct list, page, 1, PAGE_OFFSET_MAX),
	{ 0 }
};

static bool given(uint64_t present, int field)
{
	return present >> field & 1;
}

/* -- cursor: "<order>:<id>:<cents>:<created>:<name>" of the last product, Base64url -- */

static const char *cursor_of(struct pool *pool, const struct product *last,
			     enum product_sort sort)
{
	return page_cursor(pool, pool_printf(pool,
					     "%d:%" PRIu64 ":%" PRId64 ":%" PRId64 ":%s",
					     (int)sort, last->id, last->price_cents,
					     last->created_us, last->name));
}

static int cursor_decode(struct pool *pool, const char *cursor, enum product_sort sort,
			 struct product *after)
{
	const char *p = page_cursor_text(pool, cursor);
	uint64_t order, cents, created;

	if (!p || page_cursor_number(&p, &order) < 0 || order != sort ||
	    page_cursor_number(&p, &after->id) < 0 ||
	    page_cursor_number(&p, &cents) < 0 || page_cursor_number(&p, &created) < 0)
		return -1;
	after->price_cents = (int64_t)cents;
	after->created_us = (int64_t)created;
	after->name = p;
	return 0;
}

/* -- reading the request ------------------------------------------------------------- */

/* Where the page begins; the last product of the page before is put into after. */
static int begin_of(struct req *req, const struct list *l, struct product_query *q,
		    struct product *after)
{
	if (page_offset(req, l->page, l->cursor, q->limit, &q->offset) < 0)
		return -1;
	if (!l->cursor)
		return 0;
	if (cursor_decode(req->pool, l->cursor, q->sort, after) < 0)
		return page_refuse(req, "cursor", "format", 0, FIELD_TYPE_STR);
	q->after = after;
	return 0;
}

static int list_parse(struct req *req, struct list *l, struct product_query *q,
		      struct product *after)
{
	uint64_t present;

	if (req_query(req, fields, l, sizeof(*l), &present) < 0)
		return -1;
	*q = (struct product_query){
		.sort = sort_of(l->sort),
		.min_price = l->min_price,
		.max_price = given(present, LIST_MAX) ? l->max_price : MONEY_MAX,
		.with_stock = !given(present, LIST_IN_STOCK) || l->in_stock,
		.without_stock = !given(present, LIST_IN_STOCK) || !l->in_stock,
		.text = l->q,
		.limit = given(present, LIST_LIMIT) ? l->limit : PAGE_LIMIT,
	};
	return begin_of(req, l, q, after);
}

/* -- answering ----------------------------------------------------------------------- */

/* One product more than a page holds was asked for: it tells whether there is a next. */
static enum db_status answer_rows(struct req *req, uint64_t limit, uint64_t *count_r,
				  struct product *last)
{
	struct product p;
	enum db_status st;

	*count_r = 0;
	while ((st = products_next(req->db, &p)) == DB_OK) {
		if ((*count_r)++ == limit)
			continue;
		product_json(&req->jw, &p, req->pool);
		*last = p;
	}
	return st;
}

int products_list(struct req *req)
{
	struct list l;
	struct product_query q;
	struct product after = { .id = 0 }, last = { .id = 0 };
	enum db_status st;
	uint64_t limit, count;

	if (list_parse(req, &l, &q, &after) < 0)
		return -1;
	limit = q.limit++;
	st = products_open(req->db, req->pool, &q);
	if (st != DB_OK)
		return resp_db(req, st);
	jw_arr(resp_data(req, 200));
	st = answer_rows(req, limit, &count, &last);
	if (st != DB_NONE)
		return resp_db(req, st);
	products_cacheable(req);
	if (count <= limit)
		return page_done(req, count, NULL);
	return page_done(req, limit, cursor_of(req->pool, &last, q.sort));
}
