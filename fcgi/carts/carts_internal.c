/* carts_internal.c - what hallectl asks of stores: compare, repair, show, restore. */
#include "compat.h"

#include "carts.h"
#include "carts_db_admin.h"
#include "carts_internal.h"
#include "clock.h"
#include "compare.h"
#include "restore.h"
#include "rnd.h"

#define STEP_US   INT64_C(700000)
#define SHOWN_OPS 10

/* One call: its own pool, emptied between batches, so that it does not grow with the shop. */
struct step {
	struct req *req;
	struct mirror *mirror;
	struct pool *pool, *before;
	int64_t end_us;
};

int carts_operator(struct req *req)
{
	return strcmp(req->who.username, "hallectl") == 0 ? 0 : resp_error(req, ERR_FORBIDDEN);
}

static void step_begin(struct step *s, struct req *req)
{
	*s = (struct step){ .req = req, .mirror = req->worker->local, .pool = pool_new(),
			    .end_us = clock_mono_us() + STEP_US };
	s->mirror->limit_ms = (int)cfg_int(req->worker->svc->cfg, CFG_MIRROR_MS);
	s->before = db_use_pool(req->db, s->pool);
}

static void step_end(struct step *s)
{
	db_use_pool(s->req->db, s->before);
	pool_free(&s->pool);
}

static bool step_time_left(const struct step *s)
{
	return clock_mono_us() < s->end_us && !svc_stopping();
}

/* Where the next call goes on. */

#define AFTER_MAX 32
#define AT_ROWS   "rows:"
#define AT_MIRROR "mirror:"

struct position {
	bool in_mirror;
	uint64_t at;
};

static int position_read(struct req *req, const char *text, struct position *p)
{
	struct faults faults = { .count = 0 };
	const char *digits = text;
	char *end;

	*p = (struct position){ .in_mirror = strncmp(text, AT_MIRROR, strlen(AT_MIRROR)) == 0 };
	if (p->in_mirror)
		digits += strlen(AT_MIRROR);
	else if (strncmp(text, AT_ROWS, strlen(AT_ROWS)) == 0)
		digits += strlen(AT_ROWS);
	p->at = strtoull(digits, &end, 10);
	if (digits > text && *digits >= '0' && *digits <= '9' && !*end)
		return 0;
	fault_add(&faults, "#/after", "format", 0, FIELD_TYPE_STR);
	return resp_faults(req, &faults);
}

static void position_write(struct jw *w, const struct position *p)
{
	char text[AFTER_MAX + 1];

	snprintf(text, sizeof(text), "%s%" PRIu64, p->in_mirror ? AT_MIRROR : AT_ROWS, p->at);
	jw_kstr(w, "next", text);
}

/* ---- compare and repair */

struct verify_body {
	const char *after;
	uint64_t user_id;
	bool repair;
};

static const struct field verify_fields[] = {
	FIELD_STR(struct verify_body, after, 1, AFTER_MAX),
	FIELD_U64(struct verify_body, user_id, 1, INT64_MAX),
	FIELD_BOOL(struct verify_body, repair),
	{ 0 }
};

struct listing {
	struct jw *w;
	uint64_t count;
};

static void list_compared(void *arg, const struct compared *c)
{
	struct listing *l = arg;

	l->count++;
	jw_obj(l->w);
	jw_ku64(l->w, "user_id", c->user);
	jw_kstr(l->w, "verdict", compare_name(c->verdict));
	jw_ku64(l->w, "database_version", c->ours);
	jw_ku64(l->w, "mirror_version", c->theirs);
	jw_kbool(l->w, "repaired", c->repaired);
	jw_end_obj(l->w);
}

/* MariaDB's carts first, then those that only the mirror knows. *checked_r counts a stranger
 * when he is listed. */
static bool verify_some(struct step *s, const struct compare *c, struct position *at,
			uint64_t *checked_r, bool *more_r)
{
	const struct listing *l = c->arg;
	unsigned n;

	for (*more_r = true; *more_r && step_time_left(s); pool_reset(s->pool)) {
		uint64_t listed = l->count;

		if (at->in_mirror) {
			if (!compare_strangers(c, &at->at, &n))
				return false;
			*checked_r += l->count - listed;
			*more_r = at->at != 0;
		} else {
			if (!compare_rows(c, &at->at, &n))
				return false;
			*checked_r += n;
			if (n < COMPARE_BATCH)
				*at = (struct position){ .in_mirror = true };
		}
	}
	return true;
}

static int verify(struct step *s, const struct verify_body *in, struct position *at)
{
	struct listing listing = { .w = resp_data(s->req, 200) };
	const struct compare c = {
		.db = s->req->db, .mirror = s->mirror, .pool = s->pool,
		.journal = carts_of(s->req->worker)->journal, .repair = in->repair,
		.tell = list_compared, .arg = &listing };
	uint64_t checked = 1;
	bool more = false, up;

	jw_obj(listing.w);
	jw_key(listing.w, "carts");
	jw_arr(listing.w);
	if (in->user_id) {
		up = compare_user(&c, in->user_id);
	} else {
		checked = 0;
		up = verify_some(s, &c, at, &checked, &more);
	}
	if (!up)
		return resp_error(s->req, ERR_SERVICE_UNAVAILABLE);
	jw_end_arr(listing.w);
	jw_ku64(listing.w, "checked", checked);
	if (more)
		position_write(listing.w, at);
	jw_end_obj(listing.w);
	return resp_done(s->req);
}

int carts_verify(struct req *req)
{
	struct position at = { .at = 0 };
	struct verify_body in;
	struct step s;
	int rc;

	if (carts_operator(req) < 0 || req_body(req, verify_fields, &in, sizeof(in), NULL) < 0 ||
	    (in.after && position_read(req, in.after, &at) < 0))
		return -1;
	step_begin(&s, req);
	rc = verify(&s, &in, &at);
	step_end(&s);
	return rc;
}

/* ---- one cart */

struct inspect_body {
	uint64_t user_id;
};

static const struct field inspect_fields[] = {
	FIELD_U64(struct inspect_body, user_id, 1, INT64_MAX, .required = true),
	{ 0 }
};

/* null when there is none; "items" null when they cannot be read. */
static void write_state(struct jw *w, const char *key, const struct mirror_state *s)
{
	struct doc doc;

	jw_key(w, key);
	if (s->version == 0) {
		jw_null(w);
		return;
	}
	jw_obj(w);
	jw_ku64(w, "version", s->version);
	jw_ku64(w, "fence", s->fence);
	jw_kbool(w, "deleted", s->doc && doc_end(s->doc, s->len) != CART_THERE);
	jw_key(w, "items");
	if (!s->doc || doc_parse(s->doc, s->len, &doc) < 0) {
		jw_null(w);
		jw_end_obj(w);
		return;
	}
	jw_arr(w);
	for (unsigned i = 0; i < doc.count; i++) {
		jw_obj(w);
		jw_ku64(w, "product_id", doc.line[i].product);
		jw_ku64(w, "quantity", doc.line[i].quantity);
		jw_kmoney(w, "unit_price", doc.line[i].cents);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_end_obj(w);
}

static enum db_status write_ops(struct step *s, struct jw *w, uint64_t user)
{
	char id[UUID_TEXT], at[CLOCK_TEXT];
	struct cart_op op;
	int64_t created_us;
	enum db_status st = carts_db_ops(s->req->db, user, SHOWN_OPS);

	jw_key(w, "operations");
	jw_arr(w);
	while (st == DB_OK && (st = carts_db_ops_next(s->req->db, &op, &created_us)) == DB_OK) {
		jw_obj(w);
		jw_ku64(w, "version", op.version);
		jw_ku64(w, "fence", op.fence);
		jw_kstr(w, "operation", op.route);
		jw_ku64(w, "status", op.status);
		jw_kstr(w, "op_id", uuid_text(op.id, id));
		jw_kstr(w, "created_at", clock_rfc3339(created_us, true, at));
		jw_end_obj(w);
	}
	jw_end_arr(w);
	return st == DB_NONE ? DB_OK : st;
}

static int inspect(struct step *s, uint64_t user)
{
	struct cart_row row = { .version = 0 };
	struct mirror_state ours;
	struct mirror_slots slots;
	struct jw *w;
	enum db_status st = carts_db_read(s->req->db, user, &row);

	if (st != DB_OK && st != DB_NONE)
		return resp_db(s->req, st);
	if (mirror_read(s->mirror, user, &slots, s->pool) != MIRROR_OK)
		return resp_error(s->req, ERR_SERVICE_UNAVAILABLE);
	ours = (struct mirror_state){ row.version, row.fence, row.doc, row.len };
	w = resp_data(s->req, 200);
	jw_obj(w);
	jw_ku64(w, "user_id", user);
	jw_kstr(w, "verdict", compare_name(compare_judge(&ours, &slots, UINT64_MAX)));
	write_state(w, "database", &ours);
	write_state(w, "mirror", &slots.committed);
	write_state(w, "prepared", &slots.prepared);
	jw_ku64(w, "mirror_fence", slots.fence);
	st = write_ops(s, w, user);
	if (st != DB_OK)
		return resp_db(s->req, st);
	jw_end_obj(w);
	return resp_done(s->req);
}

int carts_inspect(struct req *req)
{
	struct inspect_body in;
	struct step s;
	int rc;

	if (carts_operator(req) < 0 || req_body(req, inspect_fields, &in, sizeof(in), NULL) < 0)
		return -1;
	step_begin(&s, req);
	rc = inspect(&s, in.user_id);
	step_end(&s);
	return rc;
}

/* ---- restore */

struct restore_body {
	const char *after;
	uint64_t fence;
	bool committed_only;
};

static const struct field restore_fields[] = {
	FIELD_STR(struct restore_body, after, 1, AFTER_MAX),
	FIELD_U64(struct restore_body, fence, 0, INT64_MAX),
	FIELD_BOOL(struct restore_body, committed_only),
	{ 0 }
};

static void list_restored(struct jw *w, uint64_t user, const struct restored *r)
{
	jw_obj(w);
	jw_ku64(w, "user_id", user);
	jw_kstr(w, "result", restore_name(r->outcome));
	jw_ku64(w, "before", r->before);
	jw_ku64(w, "after", r->after);
	jw_end_obj(w);
}

/* *cursor moves on when the batch was done within the time; else it is done again, and finds
 * the first of it done. */
static bool restore_batch(struct step *s, const struct restore *r, uint64_t *cursor,
			  uint64_t *fence, uint64_t *checked, bool *done_r)
{
	struct restored done;
	uint64_t *users, next = *cursor;
	unsigned count;

	*done_r = false;
	if (mirror_list(s->mirror, &next, &users, &count, s->pool) != MIRROR_OK)
		return false;
	for (unsigned i = 0; i < count; i++) {
		if (!step_time_left(s))
			return true;
		if (!restore_user(r, users[i], &done))
			return false;
		if (done.fence > *fence)
			*fence = done.fence;
		if (done.outcome != RESTORE_KEPT)
			list_restored(&s->req->jw, users[i], &done);
	}
	*checked += count;
	*cursor = next;
	*done_r = true;
	pool_reset(s->pool);
	return true;
}

/* Only at the end may fences grow past those of the mirror: until then it is by them that a
 * lost cart is known. */
static int restore(struct step *s, const struct restore_body *in, struct position *at)
{
	const struct restore r = { .db = s->req->db, .mirror = s->mirror, .pool = s->pool,
				   .committed_only = in->committed_only };
	struct jw *w = resp_data(s->req, 200);
	uint64_t checked = 0, fence = in->fence;
	bool end = false, done;

	jw_obj(w);
	jw_key(w, "carts");
	jw_arr(w);
	while (!end && step_time_left(s)) {
		if (!restore_batch(s, &r, &at->at, &fence, &checked, &done))
			return resp_error(s->req, ERR_SERVICE_UNAVAILABLE);
		end = done && at->at == 0;
	}
	if (end && carts_db_fence_past(s->req->db, fence) != DB_OK)
		return resp_error(s->req, ERR_SERVICE_UNAVAILABLE);
	jw_end_arr(w);
	jw_ku64(w, "checked", checked);
	jw_ku64(w, "fence", fence);
	if (!end)
		position_write(w, at);
	jw_end_obj(w);
	return resp_done(s->req);
}

int carts_restore(struct req *req)
{
	struct position at = { .in_mirror = true };
	struct restore_body in;
	struct step s;
	int rc;

	if (carts_operator(req) < 0 || req_body(req, restore_fields, &in, sizeof(in), NULL) < 0 ||
	    (in.after && position_read(req, in.after, &at) < 0))
		return -1;
	step_begin(&s, req);
	rc = restore(&s, &in, &at);
	step_end(&s);
	return rc;
}
