/* bank_audit.c - POST /internal/bank/audit: the ledger in pages, and where it contradicts itself. */
#include "compat.h"

#include "bank.h"
#include "bank_db.h"
#include "page.h"
#include "rnd.h"

static void row_json(struct jw *w, const struct charge *c)
{
	char key[UUID_TEXT];

	jw_obj(w);
	jw_kstr(w, "key", uuid_text(c->key, key));
	jw_ku64(w, "amount_cents", c->amount_cents);
	jw_kstr(w, "outcome", c->outcome);
	jw_ku64(w, "refunded_cents", c->refunded_cents);
	jw_end_obj(w);
}

static void wrong_json(struct jw *w, const struct charge *c)
{
	char key[UUID_TEXT];

	jw_obj(w);
	jw_kstr(w, "what", "refunded_cents is not the sum of the refunds");
	jw_kstr(w, "key", uuid_text(c->key, key));
	jw_end_obj(w);
}

static enum db_status write_rows(struct req *req, struct sbuf *wrong, uint64_t *next_r,
				 uint64_t *count_r)
{
	struct charge c;
	enum db_status st;
	uint64_t sum;
	struct jw w;

	jw_init(&w, wrong);
	jw_arr(&w);
	while ((st = bank_db_audit_next(req->db, &c, &sum)) == DB_OK) {
		row_json(&req->jw, &c);
		if (sum != c.refunded_cents)
			wrong_json(&w, &c);
		*next_r = c.number;
		(*count_r)++;
	}
	jw_end_arr(&w);
	return st;
}

int bank_audit(struct req *req)
{
	struct audit_page in;
	struct sbuf wrong;
	enum db_status st;
	uint64_t next = 0, count = 0;
	struct jw *w;

	if (page_audit(req, &in) < 0)
		return -1;
	st = bank_db_audit(req->db, in.after, in.limit);
	if (st != DB_OK)
		return resp_db(req, st);
	sbuf_init(&wrong, 1u << 17);
	w = resp_data(req, 200);
	jw_obj(w);
	jw_key(w, "rows");
	jw_arr(w);
	st = write_rows(req, &wrong, &next, &count);
	jw_end_arr(w);
	jw_key(w, "wrong");
	jw_raw(w, sbuf_str(&wrong), wrong.len);
	jw_key(w, "next");
	if (count == in.limit)
		jw_u64(w, next);
	else
		jw_null(w);
	jw_end_obj(w);
	sbuf_free(&wrong);
	return st == DB_NONE ? resp_done(req) : resp_db(req, st);
}
