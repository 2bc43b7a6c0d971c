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

/* Cart writes go on while the mirror is away. */
static inline bool carts_degrades(const struct worker *w)
{
	return strcmp(cfg_str(w->svc->cfg, CFG_MIRROR_MODE), "degraded") == 0;
}

/* handlers */
int carts_show(struct req *req);
int carts_add(struct req *req);
int carts_edit(struct req *req);
int carts_remove(struct req *req);
int carts_empty(struct req *req);
int carts_history(struct req *req);
int carts_rollback(struct req *req);
int carts_event(struct req *req);
int carts_lines(struct req *req);

/* the same under /paniers, where the path names the user */
int paniers_show(struct req *req);
int paniers_create(struct req *req);
int paniers_add(struct req *req);
int paniers_edit(struct req *req);
int paniers_remove(struct req *req);
int paniers_empty(struct req *req);
int paniers_delete(struct req *req);
int paniers_history(struct req *req);
int paniers_rollback(struct req *req);

/* Job: empties carts that nobody changed for cart_idle_days. */
#define EXPIRY_PERIOD_MS 2000
void carts_expire(struct worker *w);

/* Facts of all lines, in their order. Some may not be known: products is never a reason not
 * to show a cart. */
void carts_facts(struct req *req, enum facts_source source, const struct doc *doc,
		 struct fact facts[DOC_LINES_MAX]);
/* Asks for those of a stored cart, so that FACTS_MEMORY has them. */
void carts_facts_warm(struct req *req, const char *text, size_t len);

/* The cart as one JSON object: prices are today's, a line that is not sold any more keeps the
 * price it had and does not count in the total, one that is not known keeps it and counts,
 * warnings tell what changed since the lines were put. */
void carts_json(struct jw *w, uint64_t user, uint64_t version, const struct doc *doc,
		const struct fact *facts);

#endif
