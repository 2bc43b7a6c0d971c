/* outbox.c - events between services: put, lease, deliver, and the receiver's memory. */
#include "compat.h"

#include "clock.h"
#include "json.h"
#include "log.h"
#include "metrics.h"
#include "outbox.h"

#define BATCH          16    /* as in DUE */
#define LEASE_MS       10000 /* as in LEASE */
#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 60000
#define EVENT_MAX      (1u << 20)

enum sql { PUT, DUE, ONE, LEASE, DELETE, POSTPONE, ENTER, PURGE };

static const struct db_stmt sql[] = {
	[PUT] = { "outbox_put",
		"INSERT INTO outbox (event_id, service, type, data, due_at)"
		" VALUES (?, ?, ?, ?, NOW(6))", "bsss", "" },
	[DUE] = { "outbox_due",
		"SELECT id, event_id, service, type, data, attempts FROM outbox"
		" WHERE due_at <= NOW(6) ORDER BY due_at LIMIT 16 FOR UPDATE SKIP LOCKED",
		"", "ubsssu" },
	[ONE] = { "outbox_one",
		"SELECT id, event_id, service, type, data, attempts FROM outbox"
		" WHERE event_id = ?", "b", "ubsssu" },
	[LEASE] = { "outbox_lease",
		"UPDATE outbox SET due_at = NOW(6) + INTERVAL 10 SECOND WHERE id = ?",
		"u", "" },
	[DELETE] = { "outbox_delete", "DELETE FROM outbox WHERE id = ?", "u", "" },
	[POSTPONE] = { "outbox_postpone",
		"UPDATE outbox SET attempts = attempts + 1,"
		" due_at = NOW(6) + INTERVAL ? MICROSECOND WHERE id = ?", "uu", "" },
	[ENTER] = { "inbox_enter", "INSERT INTO inbox (event_id) VALUES (?)", "b", "" },
	[PURGE] = { "inbox_purge",
		"DELETE FROM inbox WHERE received_at < NOW(6) - INTERVAL 30 DAY"
		" ORDER BY received_at LIMIT 1000", "", "" },
};

enum db_status outbox_put(struct db *db, const char *service, const char *type,
			  const char *data, size_t len, unsigned char id_r[16])
{
	struct db_val text = { .type = 's', .s = data, .len = len };
	unsigned char id[16];

	rnd_uuid7(id);
	if (id_r)
		memcpy(id_r, id, sizeof(id));
	return db_exec(db, &sql[PUT], db_b(id, sizeof(id)), db_s(service), db_s(type),
		       text);
}

enum db_status inbox_enter(struct db *db, const unsigned char id[16])
{
	return db_exec(db, &sql[ENTER], db_b(id, 16));
}

enum db_status inbox_purge(struct db *db)
{
	return db_exec(db, &sql[PURGE]);
}

struct event {
	uint64_t id, attempts;
	const unsigned char *uuid;
	const char *service, *type, *data;
	size_t data_len;
};

struct batch {
	struct event events[BATCH];
	unsigned count;
	int64_t leased_us;
};

static struct event read_event(const struct db_val *row)
{
	BUG_ON(row[1].len != 16);
	return (struct event){
		.id = row[0].u, .uuid = (const unsigned char *)row[1].s,
		.service = row[2].s, .type = row[3].s,
		.data = row[4].s, .data_len = row[4].len, .attempts = row[5].u,
	};
}

static enum db_status read_due(struct db *db, struct batch *b)
{
	const struct db_val *row;
	enum db_status st = db_open(db, &sql[DUE]);

	b->count = 0;
	while (st == DB_OK && (st = db_next(db, &row)) == DB_OK) {
		BUG_ON(b->count == BATCH);
		b->events[b->count++] = read_event(row);
	}
	return st == DB_NONE ? DB_OK : st;
}

static enum db_status lease(struct db *db, void *arg)
{
	struct batch *b = arg;
	enum db_status st = read_due(db, b);

	b->leased_us = clock_mono_us();
	for (unsigned i = 0; st == DB_OK && i < b->count; i++)
		st = db_exec(db, &sql[LEASE], db_u(b->events[i].id));
	return st;
}

static void write_event(const struct event *e, struct sbuf *out)
{
	char text[UUID_TEXT];
	struct jw w;

	sbuf_reset(out);
	jw_init(&w, out);
	jw_obj(&w);
	jw_kstr(&w, "event_id", uuid_text(e->uuid, text));
	jw_kstr(&w, "type", e->type);
	jw_key(&w, "data");
	jw_raw(&w, e->data, e->data_len);
	jw_end_obj(&w);
}

static uint64_t backoff_us(uint64_t attempts)
{
	uint64_t ms = BACKOFF_MIN_MS << (attempts < 9 ? attempts : 9);

	return 1000 * (ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS);
}

static enum db_status postpone(struct db *db, const struct event *e, int status)
{
	char text[UUID_TEXT];

	metrics_add(M_OUTBOX_FAILED, 1);
	log_warn("outbox.failed", LOG_STR("event_id", uuid_text(e->uuid, text)),
		 LOG_STR("type", e->type), LOG_STR("to", e->service),
		 LOG_INT("status", status), LOG_INT("attempts", e->attempts + 1));
	return db_exec(db, &sql[POSTPONE], db_u(backoff_us(e->attempts)), db_u(e->id));
}

/* *done_r grows when the receiver took the event. */
static enum db_status deliver(struct db *db, struct peer *peer, int timeout_ms,
			      const struct event *e, int *done_r)
{
	struct peer_call call = {
		.service = e->service, .method = "POST", .timeout_ms = timeout_ms,
	};
	char path[64];
	struct sbuf body;

	sbuf_init(&body, EVENT_MAX);
	write_event(e, &body);
	snprintf(path, sizeof(path), "/internal/%s/events", e->service);
	call.path = path;
	call.body = sbuf_str(&body);
	call.body_len = body.len;
	if (body.overflow || peer_send(peer, &call) < 0)
		call.status = 0;
	sbuf_free(&body);
	if (call.status < 200 || call.status > 299)
		return postpone(db, e, call.status);
	metrics_add(M_OUTBOX_DELIVERED, 1);
	++*done_r;
	return db_exec(db, &sql[DELETE], db_u(e->id));
}

static int deliver_due(struct db *db, struct peer *peer, int timeout_ms)
{
	struct batch b;
	int done = 0;

	if (db_tx(db, lease, &b) != DB_OK)
		return -1;
	for (unsigned i = 0; i < b.count; i++) {
		int64_t used_ms = (clock_mono_us() - b.leased_us) / 1000;

		/* what does not fit into the lease comes due again after it */
		if (used_ms + timeout_ms > LEASE_MS)
			break;
		if (deliver(db, peer, timeout_ms, &b.events[i], &done) != DB_OK)
			return -1;
	}
	return done;
}

int outbox_deliver(struct db *db, struct peer *peer, int timeout_ms)
{
	struct pool *pool = pool_new(), *before = db_use_pool(db, pool);
	int done = deliver_due(db, peer, timeout_ms);

	db_use_pool(db, before);
	pool_free(&pool);
	return done;
}

bool outbox_deliver_one(struct db *db, struct peer *peer, const unsigned char id[16],
			int timeout_ms)
{
	struct pool *pool = pool_new(), *before = db_use_pool(db, pool);
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[ONE], &row, db_b(id, 16));
	int done = st == DB_NONE;

	if (st == DB_OK) {
		struct event e = read_event(row);

		/* not deleted is not lost: it is delivered again */
		(void)!deliver(db, peer, timeout_ms, &e, &done);
	}
	db_use_pool(db, before);
	pool_free(&pool);
	return done > 0;
}
