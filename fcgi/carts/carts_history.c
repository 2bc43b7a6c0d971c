/* carts_history.c - the past states of a cart, and the way back to one of them. */
#include "compat.h"

#include "carts_cart.h"
#include "clock.h"
#include "page.h"

/* ---- reading */

struct list {
	uint64_t limit;
	const char *cursor;
};

static const struct field list_fields[] = {
	FIELD_U64(struct list, limit, 1, PAGE_LIMIT_MAX),
	FIELD_STR(struct list, cursor, 1, 2000),
	{ 0 }
};

/* Cursor: "<version>:" of the last row. */
static int read_list(struct req *req, uint64_t *limit_r, uint64_t *before_r)
{
	struct list in;
	const char *p;

	*before_r = INT64_MAX;
	if (req_query(req, list_fields, &in, sizeof(in), NULL) < 0)
		return -1;
	*limit_r = in.limit ? in.limit : PAGE_LIMIT;
	if (!in.cursor)
		return 0;
	p = page_cursor_text(req->pool, in.cursor);
	if (!p || page_cursor_number(&p, before_r) < 0 || *p)
		return page_refuse(req, "cursor", "format", 0, FIELD_TYPE_STR);
	return 0;
}

static int version_json(struct jw *w, const struct cart_version *v)
{
	char created[CLOCK_TEXT];
	struct doc doc;

	if (doc_parse(v->doc, v->len, &doc) < 0)
		return -1;
	jw_obj(w);
	jw_ku64(w, "version", v->version);
	jw_kstr(w, "operation", v->route);
	jw_kstr(w, "created_at", clock_rfc3339(v->created_us, true, created));
	jw_kbool(w, "deleted", v->deleted != CART_THERE);
	jw_key(w, "items");
	jw_arr(w);
	for (unsigned i = 0; i < doc.count; i++) {
		jw_obj(w);
		jw_ku64(w, "product_id", doc.line[i].product);
		jw_ku64(w, "quantity", doc.line[i].quantity);
		jw_kmoney(w, "unit_price", doc.line[i].cents);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_end_obj(w);
	return 0;
}

/* One row more than the page holds was asked for; count_r includes it. */
static enum db_status write_rows(struct req *req, uint64_t limit, uint64_t *count_r,
				 uint64_t *last_r)
{
	struct cart_version v;
	enum db_status st;

	*count_r = 0;
	while ((st = carts_db_history_next(req->db, &v)) == DB_OK) {
		if ((*count_r)++ == limit)
			continue;
		if (version_json(&req->jw, &v) < 0)
			return DB_FAIL;
		*last_r = v.version;
	}
	return st;
}

int cart_history(struct req *req, uint64_t user)
{
	uint64_t limit, before, count, last = 0;
	struct cart_row row;
	enum db_status st;

	if (read_list(req, &limit, &before) < 0 || cart_find(req, user, &row) < 0)
		return -1;
	st = carts_db_history(req->db, user, before, limit + 1);
	if (st != DB_OK)
		return resp_db(req, st);
	jw_arr(resp_data(req, 200));
	st = write_rows(req, limit, &count, &last);
	if (st != DB_NONE)
		return resp_db(req, st);
	if (count <= limit)
		return page_done(req, count, NULL);
	return page_done(req, limit,
			 page_cursor(req->pool, pool_printf(req->pool, "%" PRIu64 ":", last)));
}

/* ---- going back */

struct rollback_body {
	uint64_t version;
};

static const struct field rollback_fields[] = {
	FIELD_U64(struct rollback_body, version, 1, INT64_MAX, .required = true),
	{ 0 }
};

/* Under the row lock, and by its own read: what is purged before is not there, what is read
 * cannot go. */
static int apply_rollback(struct req *req, const struct change *c, struct doc *doc)
{
	const char *text;
	size_t len;
	enum db_status st = carts_db_version(req->db, c->user, c->version, &text, &len);

	if (st == DB_NONE)
		return resp_error(req, ERR_CART_VERSION_NOT_FOUND);
	if (st == DB_OK && doc_parse(text, len, doc) < 0)
		st = DB_FAIL;
	return st == DB_OK ? 0 : resp_db(req, st);
}

/* The answer that is stored for a key shows the old lines: see warm_facts in carts_write.c. */
static void warm_version(struct req *req, const struct change *c)
{
	const char *text;
	size_t len;

	if (carts_db_version(req->db, c->user, c->version, &text, &len) == DB_OK)
		carts_facts_warm(req, text, len);
}

int cart_rollback(struct req *req, struct change c)
{
	c.action = "ROLLBACK";
	c.status = 200;
	c.revives = true;
	c.apply = apply_rollback;
	if (req->idempotency_key || (c.again && c.again->fingerprint))
		warm_version(req, &c);
	return carts_write(req, &c);
}

int cart_rollback_asked(struct req *req, struct change c)
{
	struct rollback_body in;

	if (req_body(req, rollback_fields, &in, sizeof(in), NULL) < 0)
		return -1;
	c.product = 0;
	c.version = in.version;
	return cart_rollback(req, c);
}
