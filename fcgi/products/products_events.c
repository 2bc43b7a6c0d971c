/* products_events.c - what orders tells of reservations, and what is told to it. */
#include "compat.h"

#include "event.h"
#include "outbox.h"
#include "products_reservation.h"
#include "rnd.h"

struct news {
	const char *reservation_id;
	uint64_t order_id;
};

static const struct field fields[] = {
	FIELD_STR(struct news, reservation_id, 36, 36, .required = true, .check = uuid_is),
	FIELD_U64(struct news, order_id, 1, INT64_MAX, .required = true),
	{ 0 }
};

/* An order was paid whose stock is gone: orders must hear of it. */
static enum db_status tell_lost(struct req *req, const struct news *in)
{
	enum db_status st;
	struct sbuf data;
	struct jw w;

	sbuf_init(&data, 256);
	jw_init(&w, &data);
	jw_obj(&w);
	jw_kstr(&w, "reservation_id", in->reservation_id);
	jw_ku64(&w, "order_id", in->order_id);
	jw_end_obj(&w);
	st = outbox_put(req->db, "orders", "reservation.lost", sbuf_str(&data), data.len,
			req->event[req->events]);
	sbuf_free(&data);
	if (st == DB_OK)
		req->events++;
	return st;
}

static enum db_status act(struct req *req, bool commit, const struct news *in)
{
	unsigned char id[RESERVATION_ID];
	enum settled result;
	struct lines lines;
	enum db_status st;

	reservation_id_of(in->reservation_id, id);
	if (!commit)
		return reservation_release(req->db, req->pool, id);
	st = reservation_commit(req->db, req->pool, id, &result, &lines);
	/* events may overtake each other: after a release, orders knows why and ignores this */
	if (st == DB_OK && result != SETTLED)
		st = tell_lost(req, in);
	return st;
}

int products_event(struct req *req)
{
	struct event event;
	struct news in;
	enum db_status st;
	bool commit;

	if (event_read(req, "orders", &event) < 0)
		return -1;
	commit = strcmp(event.type, "reservation.commit") == 0;
	if (!commit && strcmp(event.type, "reservation.release") != 0)
		return event_unknown(req);
	if (event_data(req, &event, fields, &in, sizeof(in)) < 0)
		return -1;
	st = inbox_enter(req->db, event.id);
	if (st == DB_CONFLICT)
		return resp_empty(req, 204);
	if (st == DB_OK)
		st = act(req, commit, &in);
	return st == DB_OK ? resp_empty(req, 204) : resp_db(req, st);
}
