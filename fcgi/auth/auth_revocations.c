/* auth_revocations.c - what every worker must refuse, for the other services and for this one. */
#include "compat.h"

#include "auth.h"
#include "auth_db_revocation.h"
#include "rnd.h"

struct page {
	uint64_t seconds, after;
};

static const struct field page_fields[] = {
	FIELD_U64(struct page, seconds, 1, INT64_MAX),
	FIELD_U64(struct page, after, 1, INT64_MAX),
	{ 0 }
};

static int read_query(struct req *req, struct page *page)
{
	uint64_t max = (uint64_t)cfg_int(req->worker->svc->cfg, CFG_ACCESS_TTL) +
		       REVOCATION_LEEWAY_S;
	struct faults faults = { .count = 0 };

	if (req_query(req, page_fields, page, sizeof(*page), NULL) < 0)
		return -1;
	if (page->seconds <= max)
		return 0;
	fault_add(&faults, "seconds", "max", (int64_t)max, FIELD_TYPE_U64);
	return resp_faults(req, &faults);
}

static void write_row(struct jw *w, const struct revocation *row)
{
	char text[UUID_TEXT];

	jw_obj(w);
	jw_ku64(w, "id", row->id);
	if (row->of_session) {
		jw_kstr(w, "session_id", uuid_text(row->session_id, text));
	} else {
		jw_ku64(w, "user_id", row->user_id);
		jw_kstr(w, "role", role_name(row->role));
	}
	jw_ki64(w, "expires_at", row->expires_s);
	jw_end_obj(w);
}

int auth_revocations(struct req *req)
{
	struct revocation row;
	struct page page;
	uint64_t count = 0, last = 0;
	enum db_status st;

	if (read_query(req, &page) < 0)
		return -1;
	st = auth_db_revocations_open(req->db, page.seconds, page.after);
	if (st != DB_OK)
		return resp_db(req, st);
	jw_arr(resp_data(req, 200));
	while ((st = auth_db_revocations_next(req->db, &row)) == DB_OK && count < REVOCATIONS_PAGE) {
		write_row(&req->jw, &row);
		last = row.id;
		count++;
	}
	if (st != DB_OK && st != DB_NONE)
		return resp_db(req, st);
	jw_end_arr(&req->jw);
	jw_ku64(&req->jw, "count", count);
	if (st == DB_OK)
		jw_ku64(&req->jw, "next", last);
	return resp_done(req);
}

/* One page into this process' own list; *after_r 0: it was the last one. */
static enum db_status read_page(struct db *db, uint64_t seconds, uint64_t *after)
{
	enum db_status st = auth_db_revocations_open(db, seconds, *after);
	struct revocation row = { .id = 0 };
	unsigned count = 0;

	while (st == DB_OK && (st = auth_db_revocations_next(db, &row)) == DB_OK) {
		revoked_add(&row);
		count++;
	}
	*after = count > REVOCATIONS_PAGE ? row.id : 0;
	return st == DB_NONE ? DB_OK : st;
}

int auth_own_revocations(void *arg, int64_t seconds)
{
	struct worker *w = arg;
	uint64_t after = 0;
	enum db_status st;

	do
		st = read_page(w->db, (uint64_t)seconds, &after);
	while (st == DB_OK && after);
	return st == DB_OK ? 0 : -1;
}
