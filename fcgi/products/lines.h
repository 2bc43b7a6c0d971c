/*
 * lines.h - the lines of a reservation: products and how many of each. Pure; no database.
 */
#ifndef HALLE_PRODUCTS_LINES_H
#define HALLE_PRODUCTS_LINES_H

#include "compat.h"

#define LINES_ASKED_MAX 100 /* of one request, before duplicates are folded */
#define LINES_MAX	(2 * LINES_ASKED_MAX) /* those of two reservations at once */
#define LINE_QUANTITY_MAX 999 /* of one line of a request */

struct line {
	uint64_t product_id;
	int64_t quantity;
	/* of the product, where the database was asked; found: there is or was one */
	bool found, on_sale;
	const char *name;
	int64_t price_cents, stock;
};

struct lines {
	unsigned count;
	struct line line[LINES_MAX];
};

/* Appends; the caller keeps count within LINES_MAX (BUG_ON). */
void lines_add(struct lines *lines, uint64_t product_id, int64_t quantity);
/* In order of product id, each product once with the sum of its quantities. */
void lines_fold(struct lines *lines);
/* The same products and quantities; both folded. */
bool lines_equal(const struct lines *a, const struct lines *b);
/* Sum of quantity × price; -1 when it exceeds MONEY_MAX. */
NODISCARD int lines_total(const struct lines *lines, int64_t *cents_r);
/* Whether any line wants more than its stock. */
bool lines_short(const struct lines *lines);

#endif
