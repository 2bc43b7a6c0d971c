/*
 * facts.h - what carts must know of products: name, price, stock, picture, whether it is sold.
 * Asked from products in one batched call and remembered for a short time in a table of fixed
 * size, one per process. Thread-safe.
 */
#ifndef HALLE_CARTS_FACTS_H
#define HALLE_CARTS_FACTS_H

#include "req.h"

#define FACTS_MAX      100 /* ids of one call */
#define FACTS_STALE_US INT64_C(60000000)

struct fact {
	uint64_t id;
	bool known;        /* false: products did not say, and nothing below is set */
	const char *name;  /* NULL: it never existed */
	const char *image; /* URL or NULL */
	int64_t cents;
	uint64_t stock;
	bool available; /* false: never existed, or is not sold any more */
};

struct facts;

struct facts *facts_new(int64_t fresh_us);
void facts_free(struct facts **facts);

enum facts_source {
	FACTS_FRESH,  /* not older than fresh_us, else asked for */
	FACTS_STALE,  /* the same, but when products does not answer, up to FACTS_STALE_US old */
	FACTS_MEMORY  /* up to FACTS_STALE_US old, nothing asked; fails when one is missing */
};

/* Fills out[i] for ids[i]; strings live in req->pool. 0, or -1 when some are not known,
 * because products did not answer. No answer is made. */
NODISCARD int facts_get(struct facts *facts, struct req *req, enum facts_source source,
			const uint64_t *ids, unsigned count, struct fact *out);

#endif
