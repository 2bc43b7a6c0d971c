/*
 * doc.h - what a cart holds, as one text: [{"p":3,"q":2,"c":129900},...] with product,
 * quantity and unit price in cents when last put, in order of insertion. The same bytes stand
 * in cart.doc, in cart_op.doc and in the mirror, so there is exactly one way to write a cart.
 * A cart that is not there any more is "deleted" or "gone", with the quotes: the mirror, which
 * has nothing but the text, must know it too.
 */
#ifndef HALLE_CARTS_DOC_H
#define HALLE_CARTS_DOC_H

#include "compat.h"

#define DOC_LINES_MAX    100
#define DOC_QUANTITY_MAX 999
#define DOC_LINE_TEXT    56 /* {"p":9223372036854775807,"q":999,"c":99999999999}, */
#define DOC_TEXT_MAX     (DOC_LINES_MAX * DOC_LINE_TEXT + 3) /* with the final NUL */
#define DOC_EMPTY        "[]"

/* cart.deleted */
enum cart_end {
	CART_THERE,
	CART_DELETED, /* by its owner, who may make it again */
	CART_GONE     /* with its account, for ever */
};

struct doc_line {
	uint64_t product;
	uint32_t quantity;
	int64_t cents;
};

struct doc {
	unsigned count;
	struct doc_line line[DOC_LINES_MAX];
};

/* Takes only what doc_write writes: no spaces, no leading zeros, members in that order, no
 * product twice, everything in range. A cart that is not there holds nothing. -1 otherwise. */
NODISCARD int doc_parse(const char *text, size_t len, struct doc *doc_r);

/* Writes the text with a final NUL; returns its length. Unless the cart is there, doc does not
 * matter. */
size_t doc_write(const struct doc *doc, enum cart_end end, char buf[DOC_TEXT_MAX]);

enum cart_end doc_end(const char *text, size_t len);

/* NULL when the product has no line. */
const struct doc_line *doc_find(const struct doc *doc, uint64_t product);

/* Sets the product's line, or appends one; -1 when there are DOC_LINES_MAX others.
 * quantity is 1..DOC_QUANTITY_MAX, cents 0..MONEY_MAX. */
NODISCARD int doc_set(struct doc *doc, uint64_t product, uint32_t quantity, int64_t cents);

/* False when the product has no line. */
bool doc_remove(struct doc *doc, uint64_t product);

#endif
