/*
 * products_facts.c - what other services need to know of products, many at once.
 */
#include "compat.h"

#include "products.h"

#define FACTS_MAX 100

struct wanted {
	uint64_t id;
};

static const struct field id_field[] = {
	FIELD_U64(struct wanted, id, 1, INT64_MAX),
	{ 0 }
};

struct ids {
	struct wanted next;
	unsigned count;
	struct sbuf json;
};

static int add_id(void *dst, void *arg)
{
	const struct wanted *wanted = dst;
	struct ids *ids = arg;

	if (ids->count++ == FACTS_MAX)
		return -1;
	if (ids->count > 1)
		sbuf_addch(&ids->json, ',');
	sbuf_addu64(&ids->json, wanted->id);
	return 0;
}

/* The ids of the body as a JSON array; NULL: not acceptable. */
static const char *read_ids(struct req *req)
{
	struct ids ids = { .count = 0 };
	const char *text = NULL;

	sbuf_init(&ids.json, 8192);
	if (body_each(req->body, req->body_len, "ids", id_field, &ids.next,
		      sizeof(ids.next), add_id, &ids, req->pool) == 0)
		text = pool_printf(req->pool, "[%s]", sbuf_str(&ids.json));
	sbuf_free(&ids.json);
	return text;
}

static void fact_json(struct jw *w, const struct fact *f, struct pool *pool)
{
	jw_obj(w);
	jw_ku64(w, "id", f->id);
	jw_kstr(w, "name", f->name);
	jw_ki64(w, "price_cents", f->price_cents);
	jw_ki64(w, "stock", f->stock);
	product_json_image(w, f->id, f->image_hash, pool);
	jw_kbool(w, "available", f->available);
	jw_end_obj(w);
}

int products_facts(struct req *req)
{
	const char *ids = read_ids(req);
	struct faults faults = { .count = 0 };
	struct fact f;
	enum db_status st;

	if (!ids) {
		fault_add(&faults, "#/ids", "format", 0, FIELD_TYPE_U64);
		return resp_faults(req, &faults);
	}
	st = facts_open(req->db, ids);
	if (st != DB_OK)
		return resp_db(req, st);
	jw_arr(resp_data(req, 200));
	while ((st = facts_next(req->db, &f)) == DB_OK)
		fact_json(&req->jw, &f, req->pool);
	if (st != DB_NONE)
		return resp_db(req, st);
	jw_end_arr(&req->jw);
	return resp_done(req);
}
