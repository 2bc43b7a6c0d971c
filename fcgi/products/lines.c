/* lines.c - folding, comparing and adding up the lines of a reservation. */
#include "compat.h"

#include "lines.h"
#include "money.h"

void lines_add(struct lines *lines, uint64_t product_id, int64_t quantity)
{
	BUG_ON(lines->count == LINES_MAX);
	lines->line[lines->count++] =
		(struct line){ .product_id = product_id, .quantity = quantity };
}

static int by_product(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return (x->product_id > y->product_id) - (x->product_id < y->product_id);
}

void lines_fold(struct lines *lines)
{
	unsigned kept = 0;

	qsort(lines->line, lines->count, sizeof(lines->line[0]), by_product);
	for (unsigned i = 0; i < lines->count; i++) {
		const struct line *l = &lines->line[i];

		if (kept && lines->line[kept - 1].product_id == l->product_id)
			lines->line[kept - 1].quantity += l->quantity;
		else
			lines->line[kept++] = *l;
	}
	lines->count = kept;
}

bool lines_equal(const struct lines *a, const struct lines *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++) {
		if (a->line[i].product_id != b->line[i].product_id ||
		    a->line[i].quantity != b->line[i].quantity)
			return false;
	}
	return true;
}

int lines_total(const struct lines *lines, int64_t *cents_r)
{
	int64_t sum = 0, part;

	for (unsigned i = 0; i < lines->count; i++) {
		const struct line *l = &lines->line[i];

		if (money_times(l->price_cents, l->quantity, &part) < 0 ||
		    money_add(sum, part, &sum) < 0)
			return -1;
	}
	*cents_r = sum;
	return 0;
}

bool lines_short(const struct lines *lines)
{
	for (unsigned i = 0; i < lines->count; i++) {
		if (lines->line[i].quantity > lines->line[i].stock)
			return true;
	}
	return false;
}
