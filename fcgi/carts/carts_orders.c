/*
 * carts_orders.c - what orders needs: to read a cart, and to tell that what was in it is
 * ordered now.
 */
#include "compat.h"

#include "carts_orders.h"
#include "rnd.h"

/* ---- GET */

static void write_lines(struct jw *w, const struct doc *doc)
{
	jw_key(w, "items");
	jw_arr(w);
	for (unsigned i = 0; i < doc->count; i++) {
		jw_obj(w);
		jw_ku64(w, "product_id", doc->line[i].product);
		jw_ku64(w, "quantity", doc->line[i].quantity);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

int carts_lines(struct req *req)
{
	struct cart_row row;
	struct doc doc;
	enum db_status st;
	struct jw *w;

	if (strcmp(req->who.username, "orders") != 0)
		return resp_error(req, ERR_FORBIDDEN);
	st = carts_db_read(req->db, req->arg[0], &row);
	if (st == DB_NONE || (st == DB_OK && (row.deleted || row.version == 0)))
		return resp_error(req, ERR_CART_NOT_FOUND);
	if (st == DB_OK && doc_parse(row.doc, row.len, &doc) < 0)
		st = DB_FAIL;
	if (st != DB_OK)
		return resp_db(req, st);
	w = resp_data(req, 200);
	jw_obj(w);
	jw_ku64(w, "user_id", req->arg[0]);
	jw_ku64(w, "version", row.version);
	write_lines(w, &doc);
	jw_end_obj(w);
	return resp_done(req);
}

/* ---- the event order.created */

struct created {
	uint64_t user_id, order_id, cart_version;
};

static const struct field created_fields[] = {
	FIELD_U64(struct created, user_id, 1, INT64_MAX, .required = true),
	FIELD_U64(struct created, order_id, 1, INT64_MAX, .required = true),
	FIELD_U64(struct created, cart_version, 1, INT64_MAX, .required = true),
	{ 0 }
};

struct item {
	uint64_t product_id, quantity;
};

static const struct field item_fields[] = {
	FIELD_U64(struct item, product_id, 1, INT64_MAX, .required = true),
	FIELD_U64(struct item, quantity, 1, DOC_QUANTITY_MAX, .required = true),
	{ 0 }
};

static int add_item(void *dst, void *arg)
{
	const struct item *item = dst;

	return doc_set(arg, item->product_id, (uint32_t)item->quantity, 0);
}

/* A cart that is not there keeps being not there. */
static bool is_absent(const struct change *c UNUSED, const struct cart_row *base)
{
	return base->version == 0 || base->deleted;
}

/* A cart that is still as it was ordered holds nothing else, and is empty afterwards. */
static int apply_ordered(struct req *req UNUSED, const struct change *c, struct doc *doc)
{
	for (unsigned i = 0; i < c->taken->count; i++) {
		const struct doc_line *taken = &c->taken->line[i];
		const struct doc_line *line = doc_find(doc, taken->product);

		if (!line)
			continue;
		if (line->quantity <= taken->quantity)
			doc_remove(doc, taken->product);
		else if (doc_set(doc, taken->product, line->quantity - taken->quantity,
				 line->cents) < 0)
			return resp_error(req, ERR_INTERNAL);
	}
	return 0;
}

static int refuse_items(struct req *req)
{
	struct faults faults = { .count = 0 };

	fault_add(&faults, "#/data/items", "format", 0, FIELD_TYPE_STR);
	return resp_faults(req, &faults);
}

int carts_ordered(struct req *req, const struct event *event)
{
	struct doc taken = { .count = 0 };
	struct change c = { .path = event->type, .action = "ORDER", .status = 204,
			    .event_id = event->id, .taken = &taken,
			    .settled = is_absent, .apply = apply_ordered };
	struct created in;
	struct item item;

	if (event_data(req, event, created_fields, &in, sizeof(in)) < 0)
		return -1;
	if (body_each(event->data, strlen(event->data), "items", item_fields, &item, sizeof(item),
		      add_item, &taken, req->pool) < 0)
		return refuse_items(req);
	c.user = in.user_id;
	return carts_write(req, &c);
}
