/* products_settle.c - what becomes of a reservation: prolonged, sold, given back. */
#include "compat.h"

#include "crash.h"
#include "products_reservation.h"
#include "rnd.h"

/* -- what orders sends --------------------------------------------------------------- */

int reservation_caller(struct req *req)
{
	return strcmp(req->who.username, "orders") == 0 ? 0 : resp_error(req, ERR_FORBIDDEN);
}

int reservation_body(struct req *req, const struct field *table, void *dst, size_t size)
{
	struct body_report report;

	switch (body_parse_known(req->body, req->body_len, table, dst, size, req->pool,
				 &report)) {
	case BODY_OK:
		return 0;
	case BODY_MALFORMED:
		return resp_error_detail(req, ERR_MALFORMED_JSON, "%s (byte %zu)",
					 report.reason, report.offset);
	case BODY_FAULTY:
		return resp_faults(req, &report.faults);
	}
	BUG_ON(true);
}

void reservation_id_of(const char *text, unsigned char id[RESERVATION_ID])
{
	BUG_ON(uuid_parse(text, strlen(text), id) < 0);
}

int reservation_short(struct req *req, const struct lines *lines)
{
	struct jw *w = resp_problem(req, ERR_ORDER_OUT_OF_STOCK);

	jw_key(w, "lines");
	jw_arr(w);
	for (unsigned i = 0; i < lines->count; i++) {
		const struct line *l = &lines->line[i];

		if (l->quantity <= l->stock)
			continue;
		jw_obj(w);
		jw_ku64(w, "product_id", l->product_id);
		jw_ki64(w, "requested", l->quantity);
		jw_ki64(w, "available", l->stock);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	return resp_problem_done(req);
}

/* -- commit and release -------------------------------------------------------------- */

static enum db_status lock_products(struct db *db, struct pool *pool,
				    const unsigned char *id, struct lines *lines)
{
	enum db_status st = reservation_lines(db, id, lines);

	if (st == DB_OK)
		st = products_lock_lines(db, pool, lines);
	if (st == DB_OK && CRASH_POINT("settle_locked"))
		st = DB_DOWN;
	return st;
}

static enum db_status move_and_set(struct db *db, const unsigned char *id,
				   const struct lines *lines, enum stock_move move,
				   enum reservation_state state)
{
	enum db_status st = reservation_move(db, id, lines, move);

	if (st == DB_OK && CRASH_POINT("settle_moved"))
		st = DB_DOWN;
	if (st == DB_OK)
		st = reservation_set(db, id, state);
	if (st == DB_OK && CRASH_POINT("settle_done"))
		st = DB_RETRY;
	return st;
}

enum db_status reservation_commit(struct db *db, struct pool *pool, const unsigned char *id,
				  enum settled *result, struct lines *lines)
{
	enum reservation_state state;
	enum db_status st = reservation_lock(db, id, &state);
	bool held;

	*result = SETTLED_NOT_HELD;
	if (st == DB_NONE || (st == DB_OK && state == RESERVATION_RELEASED))
		return DB_OK;
	*result = SETTLED;
	if (st != DB_OK || state == RESERVATION_COMMITTED)
		return st;
	st = lock_products(db, pool, id, lines);
	if (st != DB_OK)
		return st;
	held = state == RESERVATION_HELD;
	if (!held && lines_short(lines)) {
		*result = SETTLED_SHORT;
		return DB_OK;
	}
	return move_and_set(db, id, lines, held ? MOVE_SELL : MOVE_TAKE,
			    RESERVATION_COMMITTED);
}

enum db_status reservation_release(struct db *db, struct pool *pool, const unsigned char *id)
{
	enum reservation_state state;
	struct lines lines;
	enum db_status st = reservation_lock(db, id, &state);

	if (st == DB_NONE || (st == DB_OK && state == RESERVATION_RELEASED))
		return DB_OK;
	if (st != DB_OK)
		return st;
	if (state == RESERVATION_EXPIRED)
		return reservation_set(db, id, RESERVATION_RELEASED);
	st = lock_products(db, pool, id, &lines);
	if (st != DB_OK)
		return st;
	return move_and_set(db, id, &lines,
			    state == RESERVATION_HELD ? MOVE_RELEASE : MOVE_RETURN,
			    RESERVATION_RELEASED);
}

enum db_status reservation_let_go(struct db *db, struct pool *pool, const unsigned char *id)
{
	enum reservation_state state;
	struct lines lines;
	enum db_status st = reservation_lock(db, id, &state);

	if (st == DB_NONE || (st == DB_OK && state != RESERVATION_HELD))
		return DB_OK;
	if (st == DB_OK)
		st = lock_products(db, pool, id, &lines);
	if (st == DB_OK)
		st = move_and_set(db, id, &lines, MOVE_RELEASE, RESERVATION_EXPIRED);
	return st;
}

/* -- the routes ---------------------------------------------------------------------- */

struct named {
	const char *reservation_id;
	uint64_t hold_s;
	bool again; /* release: it may be held anew */
};

static const struct field release_fields[] = {
	FIELD_STR(struct named, reservation_id, 36, 36, .required = true, .check = uuid_is),
	FIELD_BOOL(struct named, again),
	{ 0 }
};

static const struct field named_fields[] = {
	FIELD_STR(struct named, reservation_id, 36, 36, .required = true, .check = uuid_is),
	{ 0 }
};

static const struct field extend_fields[] = {
	FIELD_STR(struct named, reservation_id, 36, 36, .required = true, .check = uuid_is),
	FIELD_U64(struct named, hold_s, 1, HOLD_S_MAX, .required = true),
	{ 0 }
};

static int read_named(struct req *req, const struct field *fields, struct named *in,
		      unsigned char id[RESERVATION_ID])
{
	if (reservation_caller(req) < 0 || reservation_body(req, fields, in, sizeof(*in)) < 0)
		return -1;
	reservation_id_of(in->reservation_id, id);
	return 0;
}

static int answer_state(struct req *req, enum reservation_state state)
{
	struct jw *w = resp_data(req, 200);

	jw_obj(w);
	jw_kstr(w, "state", reservation_state_name(state));
	jw_end_obj(w);
	return resp_done(req);
}

int products_extend(struct req *req)
{
	unsigned char id[RESERVATION_ID];
	enum reservation_state state;
	struct named in;
	enum db_status st;

	if (read_named(req, extend_fields, &in, id) < 0)
		return -1;
	st = reservation_lock(req->db, id, &state);
	if (st == DB_NONE || (st == DB_OK && state != RESERVATION_HELD))
		return resp_error(req, ERR_STOCK_NOT_HELD);
	if (st == DB_OK)
		st = reservation_hold(req->db, id, in.hold_s);
	return st == DB_OK ? answer_state(req, RESERVATION_HELD) : resp_db(req, st);
}

int products_commit(struct req *req)
{
	unsigned char id[RESERVATION_ID];
	enum settled result;
	struct lines lines;
	struct named in;
	enum db_status st;

	if (read_named(req, named_fields, &in, id) < 0)
		return -1;
	st = reservation_commit(req->db, req->pool, id, &result, &lines);
	if (st != DB_OK)
		return resp_db(req, st);
	switch (result) {
	case SETTLED:
		return answer_state(req, RESERVATION_COMMITTED);
	case SETTLED_SHORT:
		return reservation_short(req, &lines);
	case SETTLED_NOT_HELD:
		return resp_error(req, ERR_STOCK_NOT_HELD);
	}
	BUG_ON(true);
}

int products_release(struct req *req)
{
	unsigned char id[RESERVATION_ID];
	struct named in;
	enum db_status st;

	if (read_named(req, release_fields, &in, id) < 0)
		return -1;
	if (in.again)
		st = reservation_let_go(req->db, req->pool, id);
	else
		st = reservation_release(req->db, req->pool, id);
	return st == DB_OK ? answer_state(req, in.again ? RESERVATION_EXPIRED : RESERVATION_RELEASED) :
			     resp_db(req, st);
}
