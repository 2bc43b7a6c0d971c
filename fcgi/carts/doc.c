/* doc.c - the text of a cart. */
#include "compat.h"

#include "doc.h"
#include "money.h"

struct reader {
	const char *at, *end;
};

static bool skip(struct reader *r, const char *literal)
{
	size_t n = strlen(literal);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, literal, n) != 0)
		return false;
	r->at += n;
	return true;
}

/* A canonical decimal in lo..hi; hi is at most INT64_MAX. */
static bool number(struct reader *r, uint64_t lo, uint64_t hi, uint64_t *v_r)
{
	const char *start = r->at;
	uint64_t v = 0;

	for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
		unsigned digit = (unsigned)(*r->at - '0');

		if (v > (hi - digit) / 10 || (r->at > start && *start == '0'))
			return false;
		v = v * 10 + digit;
	}
	*v_r = v;
	return r->at > start && v >= lo && v <= hi;
}

static bool read_line(struct reader *r, struct doc *doc)
{
	uint64_t product, quantity, cents;

	if (doc->count == DOC_LINES_MAX || !skip(r, "{\"p\":") ||
	    !number(r, 1, INT64_MAX, &product) || !skip(r, ",\"q\":") ||
	    !number(r, 1, DOC_QUANTITY_MAX, &quantity) || !skip(r, ",\"c\":") ||
	    !number(r, 0, MONEY_MAX, &cents) || !skip(r, "}"))
		return false;
	if (doc_find(doc, product))
		return false;
	doc->line[doc->count++] = (struct doc_line){ .product = product,
						     .quantity = (uint32_t)quantity,
						     .cents = (int64_t)cents };
	return true;
}

static const char *const ends[] = {
	[CART_DELETED] = "\"deleted\"",
	[CART_GONE] = "\"gone\"",
};

enum cart_end doc_end(const char *text, size_t len)
{
	for (enum cart_end end = CART_DELETED; end <= CART_GONE; end++)
		if (len == strlen(ends[end]) && memcmp(text, ends[end], len) == 0)
			return end;
	return CART_THERE;
}

int doc_parse(const char *text, size_t len, struct doc *doc_r)
{
	struct reader r = { .at = text, .end = text + len };

	doc_r->count = 0;
	if (doc_end(text, len) != CART_THERE)
		return 0;
	if (!skip(&r, "["))
		return -1;
	if (!skip(&r, "]")) {
		do {
			if (!read_line(&r, doc_r))
				return -1;
		} while (skip(&r, ","));
		if (!skip(&r, "]"))
			return -1;
	}
	return r.at == r.end ? 0 : -1;
}

size_t doc_write(const struct doc *doc, enum cart_end end, char buf[DOC_TEXT_MAX])
{
	size_t len = 0;

	if (end != CART_THERE)
		return (size_t)snprintf(buf, DOC_TEXT_MAX, "%s", ends[end]);
	buf[len++] = '[';
	for (unsigned i = 0; i < doc->count; i++) {
		const struct doc_line *l = &doc->line[i];

		len += (size_t)snprintf(buf + len, DOC_TEXT_MAX - len,
					"%s{\"p\":%" PRIu64 ",\"q\":%" PRIu32 ",\"c\":%" PRId64 "}",
					i ? "," : "", l->product, l->quantity, l->cents);
		BUG_ON(len + 2 > DOC_TEXT_MAX);
	}
	buf[len++] = ']';
	buf[len] = '\0';
	return len;
}

const struct doc_line *doc_find(const struct doc *doc, uint64_t product)
{
	for (unsigned i = 0; i < doc->count; i++)
		if (doc->line[i].product == product)
			return &doc->line[i];
	return NULL;
}

int doc_set(struct doc *doc, uint64_t product, uint32_t quantity, int64_t cents)
{
	const struct doc_line *old = doc_find(doc, product);
	size_t i = old ? (size_t)(old - doc->line) : doc->count;

	if (i == DOC_LINES_MAX)
		return -1;
	BUG_ON(quantity < 1 || quantity > DOC_QUANTITY_MAX || cents < 0 || cents > MONEY_MAX);
	doc->line[i] = (struct doc_line){ .product = product, .quantity = quantity, .cents = cents };
	if (!old)
		doc->count++;
	return 0;
}

bool doc_remove(struct doc *doc, uint64_t product)
{
	const struct doc_line *old = doc_find(doc, product);
	size_t i;

	if (!old)
		return false;
	i = (size_t)(old - doc->line);
	doc->count--;
	memmove(&doc->line[i], &doc->line[i + 1], (doc->count - i) * sizeof(doc->line[0]));
	return true;
}
