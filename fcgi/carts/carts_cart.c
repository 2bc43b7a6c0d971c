/* carts_cart.c - reading and changing a cart; the caller's own one. */
#include "compat.h"

#include "carts_cart.h"

/* ---- reading */

int cart_find(struct req *req, uint64_t user, struct cart_row *row)
{
	enum db_status st = carts_db_read(req->db, user, row);

	if (st == DB_NONE && user == req->who.user_id) {
		*row = (struct cart_row){ .doc = DOC_EMPTY, .len = strlen(DOC_EMPTY) };
		return 0;
	}
	if (st == DB_NONE || (st == DB_OK && row->deleted == CART_GONE))
		return resp_error(req, ERR_CART_NOT_FOUND);
	return st == DB_OK ? 0 : resp_db(req, st);
}

int cart_show(struct req *req, uint64_t user)
{
	struct fact facts[DOC_LINES_MAX];
	struct cart_row row;
	struct doc doc;

	if (cart_find(req, user, &row) < 0)
		return -1;
	if (row.deleted)
		return resp_error(req, ERR_CART_NOT_FOUND);
	if (doc_parse(row.doc, row.len, &doc) < 0)
		return resp_db(req, DB_FAIL);
	resp_etag_version(req, row.version);
	if (resp_not_modified(req))
		return 0;
	carts_facts(req, FACTS_STALE, &doc, facts);
	carts_json(resp_data(req, 200), user, row.version, &doc, facts);
	return resp_done(req);
}

/* ---- lines */

static int refuse_quantity(struct req *req, const struct change *c)
{
	struct faults faults = { .count = 0 };

	fault_add(&faults, c->pointer, "max", DOC_QUANTITY_MAX, FIELD_TYPE_U64);
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
		return resp_error(req, ERR_BODY_PRODUCT_NOT_FOUND);
	if (quantity > DOC_QUANTITY_MAX)
		return refuse_quantity(req, c);
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

int cart_add(struct req *req, struct change c)
{
	c.action = "ADD";
	c.status = 201;
	c.revives = true;
	c.apply = apply_add;
	return write_with_fact(req, c);
}

int cart_edit(struct req *req, struct change c)
{
	c.action = "EDIT";
	c.status = 200;
	c.apply = c.quantity ? apply_edit : apply_remove;
	return c.quantity ? write_with_fact(req, c) : carts_write(req, &c);
}

int cart_remove(struct req *req, struct change c)
{
	c.action = "REMOVE";
	c.status = 200;
	c.apply = apply_remove;
	return carts_write(req, &c);
}

/* ---- the whole */

static bool is_there(const struct change *c UNUSED, const struct cart_row *base)
{
	return base->version > 0 && !base->deleted;
}

int cart_create(struct req *req, struct change c)
{
	c.action = "CREATE";
	c.status = 201;
	c.revives = true;
	c.settled = is_there;
	c.apply = apply_empty;
	return carts_write(req, &c);
}

int cart_empty(struct req *req, struct change c)
{
	c.action = "EMPTY";
	c.status = 200;
	c.apply = apply_empty;
	return carts_write(req, &c);
}

int cart_delete(struct req *req, struct change c)
{
	c.action = "DELETE";
	c.status = 200;
	c.deleted = CART_DELETED;
	c.apply = apply_empty;
	return carts_write(req, &c);
}

/* ---- /cart */

static struct change own(const struct req *req, const char *path)
{
	return (struct change){ .path = path, .location = "/cart", .pointer = "#/quantity",
				.user = req->who.user_id, .product = req->arg[0] };
}

int carts_show(struct req *req)
{
	return cart_show(req, req->who.user_id);
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
	struct change c = own(req, "/cart");
	struct add_body in;

	if (req_body(req, add_fields, &in, sizeof(in), NULL) < 0)
		return -1;
	c.product = in.product_id;
	c.quantity = in.quantity;
	return cart_add(req, c);
}

struct edit_body {
	uint64_t quantity;
};

static const struct field edit_fields[] = {
	FIELD_U64(struct edit_body, quantity, 0, DOC_QUANTITY_MAX, .required = true),
	{ 0 }
};

#define ITEM_PATH "/cart/items/{product_id}"

int carts_edit(struct req *req)
{
	struct change c = own(req, ITEM_PATH);
	struct edit_body in;

	if (req_body(req, edit_fields, &in, sizeof(in), NULL) < 0)
		return -1;
	c.quantity = in.quantity;
	return cart_edit(req, c);
}

int carts_remove(struct req *req)
{
	return cart_remove(req, own(req, ITEM_PATH));
}

int carts_empty(struct req *req)
{
	return cart_empty(req, own(req, "/cart"));
}

int carts_history(struct req *req)
{
	return cart_history(req, req->who.user_id);
}

int carts_rollback(struct req *req)
{
	return cart_rollback_asked(req, own(req, "/cart/rollback"));
}
