/* orders_items.h - what a client wants to order, as he sends it. */
#ifndef HALLE_ORDERS_ITEMS_H
#define HALLE_ORDERS_ITEMS_H

#include "orders_db.h"
#include "req.h"

#define ITEM_QUANTITY_MAX 999

struct item {
	uint64_t product_id, quantity;
};

struct items {
	unsigned count;
	struct item item[ORDER_LINES_MAX];
};

/* The JSON array of a body's member "items". 0, or -1 after 400 was answered. */
NODISCARD int items_read(struct req *req, const char *array, struct items *items_r);
/* A folded quantity beyond ITEM_QUANTITY_MAX takes several items. -1 when there are more
 * than ORDER_LINES_MAX. */
NODISCARD int items_add(struct items *items, uint64_t product_id, uint64_t quantity);
/* Those of an order's lines: its own came from so many items, so they fit again. */
void items_of(const struct order *order, struct items *items_r);

#endif
