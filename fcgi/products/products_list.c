/*
 * products_list.c - GET /products: filter, search, order, pages.
 */
#include "compat.h"

#include "money.h"
#include "products.h"

#define LIMIT_DEFAULT 20
#define LIMIT_MAX     100
/* Rows before a numbered page: the server must read and drop them. */
#define OFFSET_MAX    2000

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
	[LIST_LIMIT] = FIELD_U64(struct list, limit, 1, LIMIT_MAX),
	[LIST_CURSOR] = FIELD_STR(struct list, cursor, 1, 2000),
	[LIST_PAGE] = FIELD_U64(struct list, page, 1, OFFSET_MAX),
	{ 0 }
};

static bool given(uint64_t present, int field)
{
	return present >> field & 1;
}

/* -- cursor: "<order>:<id>:<cents>:<created>:<name>" of the last product, Base64url -- */

static void cursor_encode(const struct product *last, enum product_sort sort,
			  struct sbuf *out)
{
	struct sbuf text;

	sbuf_init(&text, 2048);
	sbuf_printf(&text, "%d:%" PRIu64 ":%" PRId64 ":%" PRId64 ":%s", (int)sort,
		    last->id, last->price_cents, last->created_us, last->name);
	base64url_encode(sbuf_str(&text), text.len, out);
	sbuf_free(&text);
}

/* A number up to the next colon; moves *p behind it. */
static int cursor_number(const char **p, uint64_t *v_r)
{
	size_t n = strspn(*p, "0123456789");

	if (n == 0 || n > 18 || (*p)[n] != ':')
		return -1;
	*v_r = strtoull(*p, NULL, 10);
	*p += n + 1;
	return 0;
}

static int cursor_decode(struct pool *pool, const char *cursor, enum product_sort sort,
			 struct product *after)
{
	uint64_t order, cents, created;
	unsigned char *bytes;
	const char *p;
	size_t len;

	bytes = base64url_decode(cursor, strlen(cursor), &len, pool);
	if (!bytes || memchr(bytes, '\0', len) || utf8_length((char *)bytes, len) < 0)
		return -1;
	p = pool_dup(pool, bytes, len);
	if (cursor_number(&p, &order) < 0 || order != sort ||
	    cursor_number(&p, &after->id) < 0 || cursor_number(&p, &cents) < 0 ||
	    cursor_number(&p, &created) < 0)
		return -1;
	after->price_cents = (int64_t)cents;
	after->created_us = (int64_t)created;
	after->name = p;
	return 0;
}

/* -- reading the request ------------------------------------------------------------- */

static int refuse(struct req *req, const char *parameter, const char *code, int64_t bound,
		  enum field_type type)
{
	struct faults faults = { .count = 0 };

	fault_add(&faults, parameter, code, bound, type);
	return resp_faults(req, &faults);
}

/* Where the page begins; the last product of the page before is put into after. */
static int begin_of(struct req *req, const struct list *l, struct product_query *q,
		    struct product *after)
{
	if (l->cursor && l->page)
		return refuse(req, "page", "unknown", 0, FIELD_TYPE_U64);
	if (l->page && (l->page - 1) * q->limit > OFFSET_MAX)
		return refuse(req, "page", "max", OFFSET_MAX / (int64_t)q->limit + 1,
			      FIELD_TYPE_U64);
	if (l->page)
		q->offset = (l->page - 1) * q->limit;
	if (!l->cursor)
		return 0;
	if (cursor_decode(req->pool, l->cursor, q->sort, after) < 0)
		return refuse(req, "cursor", "format", 0, FIELD_TYPE_STR);
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
		.limit = given(present, LIST_LIMIT) ? l->limit : LIMIT_DEFAULT,
	};
	return begin_of(req, l, q, after);
}

/* -- answering ----------------------------------------------------------------------- */

/* The request's own address with its filters, without page and cursor. */
static const char *first_page(struct req *req)
{
	struct sbuf url;
	const char *text, *p = req->query;
	char join = '?';

	sbuf_init(&url, 8192);
	sbuf_addstr(&url, req->path);
	while (*p) {
		size_t len = strcspn(p, "&");

		if (len && strncmp(p, "page=", 5) != 0 && strncmp(p, "cursor=", 7) != 0) {
			sbuf_addch(&url, join);
			sbuf_add(&url, p, len);
			join = '&';
		}
		p += len + (p[len] == '&');
	}
	text = pool_strdup(req->pool, sbuf_str(&url));
	sbuf_free(&url);
	return text;
}

static void answer_links(struct req *req, const char *cursor)
{
	const char *first = first_page(req), *next = NULL;

	if (cursor)
		next = pool_printf(req->pool, "%s%ccursor=%s", first,
				   strchr(first, '?') ? '&' : '?', cursor);
	resp_links(req, first, next);
}

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
	struct sbuf cursor;
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
	jw_end_arr(&req->jw);
	jw_ku64(&req->jw, "count", count > limit ? limit : count);
	sbuf_init(&cursor, 4096);
	if (count > limit) {
		cursor_encode(&last, q.sort, &cursor);
		jw_kstr(&req->jw, "next_cursor", sbuf_str(&cursor));
	}
	products_cacheable(req);
	answer_links(req, count > limit ? sbuf_str(&cursor) : NULL);
	sbuf_free(&cursor);
	return resp_done(req);
}
