/*
 * carts.h - what the files of halle-carts share: the process's own things, the handlers, and
 * a cart as clients see it.
 */
#ifndef HALLE_CARTS_H
#define HALLE_CARTS_H

#include "doc.h"
#include "facts.h"
#include "journal.h"
#include "mirror.h"
#include "promoter.h"
#include "reconciler.h"
#include "svc.h"

/* svc.data: one per process. worker.local is the thread's struct mirror. */
struct carts {
	struct facts *facts;
	struct journal *journal;
	struct promoter *promoter;
	struct reconciler *reconciler;
};

static inline struct carts *carts_of(const struct worker *w)
{
	return w->svc->data;
}

/* handlers */
int carts_show(struct req *req);
int carts_add(struct req *req);
int carts_edit(struct req *req);
int carts_remove(struct req *req);
int carts_empty(struct req *req);
int carts_event(struct req *req);

/* Facts of all lines, in their order; see facts_get. */
NODISCARD int carts_facts(struct req *req, enum facts_source source, const struct doc *doc,
			  struct fact facts[DOC_LINES_MAX]);

/* The cart as one JSON object: prices are today's, a line that is not sold any more keeps the
 * price it had and does not count in the total, warnings tell what changed since the lines
 * were put. */
void carts_json(struct jw *w, uint64_t user, uint64_t version, const struct doc *doc,
		const struct fact *facts);

#endif
