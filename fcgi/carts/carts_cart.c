/* carts_cart.c - the caller's own cart: read it, add, edit, remove, empty. */
#include "compat.h"

#include "carts.h"
#include "carts_db.h"
#include "carts_write.h"

#define ITEM_PATH "/cart/items/{product_id}"

int carts_show(struct req *req)
{
	struct cart_row row = { .version = 0, .doc = DOC_EMPTY, .len = strlen(DOC_EMPTY) };
	struct fact facts[DOC_LINES_MAX];
	struct doc doc = { 0 };
	enum db_status st = carts_db_read(req->db, req->who.user_id, &row);

	if (st != DB_OK && st != DB_NONE)
		return resp_db(req, st);
	if (row.deleted)
		return resp_error(req, ERR_CART_NOT_FOUND);
	if (doc_parse(row.doc, row.len, &doc) < 0)
		return resp_db(req, DB_FAIL);
	resp_etag_version(req, row.version);
	if (resp_not_modified(req))
		return 0;
	if (carts_facts(req, FACTS_STALE, &doc, facts) < 0)
		return resp_error(req, ERR_SERVICE_UNAVAILABLE);
	carts_json(resp_data(req, 200), req->who.user_id, row.version, &doc, facts);
	return resp_done(req);
}

static int refuse_quantity(struct req *req)
{
	struct faults faults = { .count = 0 };

	fault_add(&faults, "#/quantity", "max", DOC_QUANTITY_MAX, FIELD_TYPE_U64);
	return resp_faults(req, &faults);
}

static int refuse_stock(struct req *req, const struct change *c, uint64_t quantity)
{
	struct jw *w = resp_problem(req, ERR_OUT_OF_STOCK);

	jw_ku64(w, "product_id", c->product);
	jw_ku64(w, "requested", quantity);
	jw_ku64(w, "available", c->fact->stock);
	return resp_problem_done(req);
}

/* The line as it shall be, if it can be bought so today. */
static int put_line(struct req *req, const struct change *c, struct doc *doc, uint64_t quantity)
{
	if (!c->fact->available)
		return resp_error(req, ERR_CART_PRODUCT_NOT_FOUND);
	if (quantity > DOC_QUANTITY_MAX)
		return refuse_quantity(req);
	if (quantity > c->fact->stock)
		return refuse_stock(req, c, quantity);
	if (doc_set(doc, c->product, (uint32_t)quantity, c->fact->cents) < 0)
		return resp_error(req, ERR_CART_FULL);
	return 0;
}

static int apply_add(struct req *req, const struct change *c, struct doc *doc)
{
	const struct doc_line *line = doc_find(doc, c->product);

	return put_line(req, c, doc, c->quantity + (line ? line->quantity : 0));
}

static int apply_edit(struct req *req, const struct change *c, struct doc *doc)
{
	if (!doc_find(doc, c->product))
		return resp_error(req, ERR_CART_ITEM_NOT_FOUND);
	return put_line(req, c, doc, c->quantity);
}

static int apply_remove(struct req *req, const struct change *c, struct doc *doc)
{
	return doc_remove(doc, c->product) ? 0 : resp_error(req, ERR_CART_ITEM_NOT_FOUND);
}

static int apply_empty(struct req *req UNUSED, const struct change *c UNUSED, struct doc *doc)
{
	doc->count = 0;
	return 0;
}

/* Facts are fetched before the row is locked: another service is never waited for then. */
static int write_with_fact(struct req *req, struct change c)
{
	struct fact fact;

	if (facts_get(carts_of(req->worker)->facts, req, FACTS_FRESH, &c.product, 1, &fact) < 0)
		return resp_error(req, ERR_SERVICE_UNAVAILABLE);
	c.fact = &fact;
	return carts_write(req, &c);
}

struct add_body {
	uint64_t product_id, quantity;
};

static const struct field add_fields[] = {
	FIELD_U64(struct add_body, product_id, 1, INT64_MAX, .required = true,
		  .alias = "id_product"),
	FIELD_U64(struct add_body, quantity, 1, DOC_QUANTITY_MAX, .required = true),
	{ 0 }
};

int carts_add(struct req *req)
{
	struct add_body in;
	struct change c = { .path = "/cart", .action = "ADD", .status = 201,
			    .user = req->who.user_id, .apply = apply_add };

	if (req_body(req, add_fields, &in, sizeof(in), NULL) < 0)
		return -1;
	c.product = in.product_id;
	c.quantity = in.quantity;
	return write_with_fact(req, c);
}

struct edit_body {
	uint64_t quantity;
};

static const struct field edit_fields[] = {
	FIELD_U64(struct edit_body, quantity, 0, DOC_QUANTITY_MAX, .required = true),
	{ 0 }
};

int carts_edit(struct req *req)
{
	struct edit_body in;
	struct change c = { .path = ITEM_PATH, .action = "EDIT", .status = 200,
			    .user = req->who.user_id, .product = req->arg[0],
			    .apply = apply_edit };

	if (req_body(req, edit_fields, &in, sizeof(in), NULL) < 0)
		return -1;
	c.quantity = in.quantity;
	if (in.quantity > 0)
		return write_with_fact(req, c);
	c.apply = apply_remove;
	return carts_write(req, &c);
}

int carts_remove(struct req *req)
{
	const struct change c = { .path = ITEM_PATH, .action = "REMOVE", .status = 200,
				  .user = req->who.user_id, .product = req->arg[0],
				  .apply = apply_remove };

	return carts_write(req, &c);
}

int carts_empty(struct req *req)
{
	const struct change c = { .path = "/cart", .action = "EMPTY", .status = 200,
				  .user = req->who.user_id, .apply = apply_empty };

	return carts_write(req, &c);
}
