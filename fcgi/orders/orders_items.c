/* orders_items.c - reading the items of an order. */
#include "compat.h"

#include "orders_items.h"
#include "resp.h"

static const struct field fields[] = {
	FIELD_U64(struct item, product_id, 1, INT64_MAX, .required = true),
	FIELD_U64(struct item, quantity, 1, ITEM_QUANTITY_MAX, .required = true),
	{ 0 }
};

struct reading {
	struct req *req;
	struct items *items;
	struct faults faults;
	unsigned index;
};

/* A fault of an item stands where the item does. */
static int take(void *dst, const struct faults *faults, void *arg)
{
	const struct item *item = dst;
	struct reading *r = arg;

	if (r->index == ORDER_LINES_MAX) {
		fault_add(&r->faults, "#/items", "max_length", ORDER_LINES_MAX, FIELD_TYPE_ARRAY);
		return -1;
	}
	for (unsigned i = 0; i < faults->count; i++) {
		const struct fault *f = &faults->list[i];

		fault_add(&r->faults,
			  pool_printf(r->req->pool, "#/items/%u%s", r->index, f->where + 1),
			  f->code, f->bound, f->type);
	}
	r->items->item[r->index++] = *item;
	return 0;
}

int items_read(struct req *req, const char *array, struct items *items)
{
	struct reading r = { .req = req, .items = items };
	struct item scratch;
	const char *text = pool_printf(req->pool, "{\"items\":%s}", array);

	items->count = 0;
	if (body_each_judged(text, strlen(text), "items", fields, &scratch, sizeof(scratch),
			     take, &r, req->pool) < 0 && r.faults.count == 0)
		return resp_error(req, ERR_MALFORMED_JSON);
	if (r.faults.count)
		return resp_faults(req, &r.faults);
	items->count = r.index;
	return items->count ? 0 : resp_error(req, ERR_MISSING_ITEMS);
}

int items_add(struct items *items, uint64_t product_id, uint64_t quantity)
{
	while (quantity > 0) {
		uint64_t part = quantity < ITEM_QUANTITY_MAX ? quantity : ITEM_QUANTITY_MAX;

		if (items->count == ORDER_LINES_MAX)
			return -1;
		items->item[items->count++] = (struct item){ product_id, part };
		quantity -= part;
	}
	return 0;
}

void items_of(const struct order *o, struct items *items)
{
	items->count = 0;
	for (unsigned i = 0; i < o->count; i++)
		BUG_ON(items_add(items, o->line[i].product_id,
				 (uint64_t)o->line[i].quantity) < 0);
}
