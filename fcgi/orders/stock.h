/*
 * stock.h - what orders asks of products and carts, over peer.h. Every call takes what is left
 * of the request's time. Not inside a transaction.
 */
#ifndef HALLE_ORDERS_STOCK_H
#define HALLE_ORDERS_STOCK_H

#include "orders_items.h"
#include "svc.h"

struct wish {
	const unsigned char *reservation; /* UUID_BYTES */
	const unsigned char *instead_of;  /* or NULL */
	const struct items *items;
	bool guarded;      /* the total must be expected_cents */
	int64_t expected_cents;
	uint64_t hold_s;
};

enum stock_result {
	STOCK_HELD,
	STOCK_REFUSED, /* an error was answered: 4xx; nothing is held */
	STOCK_UNKNOWN  /* 503 was answered; perhaps it is held, then it expires by itself */
};

/* Holds the stock; fills lines and total of the order. STOCK_REFUSED with req->error
 * ERR_ORDER_OUT_OF_STOCK: some are short; ERR_STOCK_NOT_HELD: the order of this name is closed. */
enum stock_result stock_reserve(struct req *req, const struct wish *wish, struct order *o);
/* Gives back what is held, for this time. Best effort: else it expires by itself. */
void stock_let_go(struct req *req, const unsigned char *reservation);

/* Prolongs a hold; for jobs. 0, or -1 when products did not do so. */
NODISCARD int stock_extend(struct worker *w, const unsigned char *reservation, uint64_t hold_s,
			   int timeout_ms);

/* The caller's cart as items. A cart that is not there is empty. 0, or -1 when an error was
 * answered. */
NODISCARD int cart_read(struct req *req, struct items *items_r, uint64_t *version_r);

#endif
