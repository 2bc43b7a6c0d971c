/* carts_json.c - a cart as clients see it. */
#include "compat.h"

#include "carts.h"
#include "log.h"

void carts_facts(struct req *req, enum facts_source source, const struct doc *doc,
		 struct fact facts[DOC_LINES_MAX])
{
	uint64_t ids[DOC_LINES_MAX];

	for (unsigned i = 0; i < doc->count; i++)
		ids[i] = doc->line[i].product;
	if (facts_get(carts_of(req->worker)->facts, req, source, ids, doc->count, facts) < 0)
		log_warn("cart.facts", LOG_INT("lines", doc->count));
}

void carts_facts_warm(struct req *req, const char *text, size_t len)
{
	struct fact facts[DOC_LINES_MAX];
	struct doc doc;

	if (doc_parse(text, len, &doc) == 0)
		carts_facts(req, FACTS_STALE, &doc, facts);
}

static int64_t unit_price(const struct doc_line *l, const struct fact *f)
{
	return f->available ? f->cents : l->cents;
}

/* Cannot overflow: at most 100 lines of 999 times MONEY_MAX. */
static int64_t line_total(const struct doc_line *l, const struct fact *f)
{
	return unit_price(l, f) * (int64_t)l->quantity;
}

static void item(struct jw *w, const struct doc_line *l, const struct fact *f)
{
	jw_obj(w);
	jw_ku64(w, "product_id", l->product);
	jw_kstr(w, "name", f->name);
	jw_ku64(w, "quantity", l->quantity);
	jw_kmoney(w, "unit_price", unit_price(l, f));
	jw_kmoney(w, "line_total", line_total(l, f));
	jw_key(w, "available");
	if (f->known)
		jw_bool(w, f->available);
	else
		jw_null(w);
	jw_kstr(w, "image", f->image);
	jw_end_obj(w);
}

static void warning_begin(struct jw *w, const char *code, uint64_t product)
{
	jw_obj(w);
	jw_kstr(w, "code", code);
	jw_ku64(w, "product_id", product);
}

static void line_warnings(struct jw *w, const struct doc_line *l, const struct fact *f)
{
	if (!f->known)
		return;
	if (!f->available) {
		warning_begin(w, "UNAVAILABLE", l->product);
		jw_end_obj(w);
		return;
	}
	if (f->cents != l->cents) {
		warning_begin(w, "PRICE_CHANGED", l->product);
		jw_kmoney(w, "old", l->cents);
		jw_kmoney(w, "new", f->cents);
		jw_end_obj(w);
	}
	if (f->stock < l->quantity) {
		warning_begin(w, f->stock ? "LOW_STOCK" : "OUT_OF_STOCK", l->product);
		jw_ku64(w, "requested", l->quantity);
		jw_ku64(w, "available", f->stock);
		jw_end_obj(w);
	}
}

static void warnings(struct jw *w, const struct doc *doc, const struct fact *facts)
{
	bool all_known = true;

	for (unsigned i = 0; i < doc->count; i++) {
		line_warnings(w, &doc->line[i], &facts[i]);
		all_known &= facts[i].known;
	}
	if (!all_known) {
		jw_obj(w);
		jw_kstr(w, "code", "PRODUCTS_UNAVAILABLE");
		jw_end_obj(w);
	}
}

void carts_json(struct jw *w, uint64_t user, uint64_t version, const struct doc *doc,
		const struct fact *facts)
{
	int64_t total = 0;

	jw_obj(w);
	jw_ku64(w, "user_id", user);
	jw_ku64(w, "version", version);
	jw_key(w, "items");
	jw_arr(w);
	for (unsigned i = 0; i < doc->count; i++) {
		item(w, &doc->line[i], &facts[i]);
		if (facts[i].available || !facts[i].known)
			total += line_total(&doc->line[i], &facts[i]);
	}
	jw_end_arr(w);
	jw_kmoney(w, "total", total);
	jw_kstr(w, "currency", "EUR");
	jw_key(w, "warnings");
	jw_arr(w);
	warnings(w, doc, facts);
	jw_end_arr(w);
	jw_end_obj(w);
}
