/* outbox.c - events between services: put, lease, deliver, and the receiver's memory. */
#include "compat.h"

#include "clock.h"
#include "json.h"
#include "log.h"
#include "metrics.h"
#include "outbox.h"

#define BATCH          64    /* as in DUE */
#define TOGETHER       4     /* leaves the receivers threads for the shoppers */
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
		" WHERE due_at <= NOW(6) ORDER BY due_at LIMIT 64 FOR UPDATE SKIP LOCKED",
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

/* Events that are delivered at once, and what the receivers answered. */
struct group {
	const struct event *events;
	unsigned count;
	int status[TOGETHER]; /* HTTP; 0: no answer */
};

static bool is_taken(const struct group *g, unsigned i)
{
	return g->status[i] >= 200 && g->status[i] <= 299;
}

static void send_group(struct peer *peer, int timeout_ms, struct group *g)
{
	struct peer_call calls[TOGETHER];
	struct sbuf bodies[TOGETHER];
	char paths[TOGETHER][64];

	for (unsigned i = 0; i < g->count; i++) {
		const struct event *e = &g->events[i];

		sbuf_init(&bodies[i], EVENT_MAX);
		write_event(e, &bodies[i]);
		snprintf(paths[i], sizeof(paths[i]), "/internal/%s/events", e->service);
		calls[i] = (struct peer_call){
			.service = e->service, .method = "POST", .path = paths[i],
			.body = sbuf_str(&bodies[i]), .body_len = bodies[i].len,
			/* no time: half an event is not sent */
			.timeout_ms = bodies[i].overflow ? 0 : timeout_ms,
		};
	}
	peer_send_all(peer, calls, g->count);
	for (unsigned i = 0; i < g->count; i++) {
		g->status[i] = calls[i].status;
		sbuf_free(&bodies[i]);
	}
}

/* Counts and tells, which settle may not: it may run several times. */
static int note(const struct group *g)
{
	char text[UUID_TEXT];
	int taken = 0;

	for (unsigned i = 0; i < g->count; i++) {
		const struct event *e = &g->events[i];

		if (is_taken(g, i)) {
			taken++;
			continue;
		}
		log_warn("outbox.failed", LOG_STR("event_id", uuid_text(e->uuid, text)),
			 LOG_STR("type", e->type), LOG_STR("to", e->service),
			 LOG_INT("status", g->status[i]), LOG_INT("attempts", e->attempts + 1));
	}
	metrics_add(M_OUTBOX_DELIVERED, (uint64_t)taken);
	metrics_add(M_OUTBOX_FAILED, g->count - (unsigned)taken);
	return taken;
}

static enum db_status settle(struct db *db, void *arg)
{
	const struct group *g = arg;
	enum db_status st = DB_OK;

	for (unsigned i = 0; st == DB_OK && i < g->count; i++) {
		const struct event *e = &g->events[i];

		st = is_taken(g, i) ? db_exec(db, &sql[DELETE], db_u(e->id)) :
				      db_exec(db, &sql[POSTPONE], db_u(backoff_us(e->attempts)),
					      db_u(e->id));
	}
	return st;
}

/* *done_r grows by the events that their receivers took; what cannot be settled is delivered
 * again. */
static enum db_status deliver(struct db *db, struct peer *peer, int timeout_ms,
			      const struct event *events, unsigned count, int *done_r)
{
	struct group g = { .events = events, .count = count };

	send_group(peer, timeout_ms, &g);
	*done_r += note(&g);
	return count == 1 ? settle(db, &g) : db_tx(db, settle, &g);
}

static int deliver_due(struct db *db, struct peer *peer, int timeout_ms)
{
	struct batch b;
	int done = 0;

	if (db_tx(db, lease, &b) != DB_OK)
		return -1;
	for (unsigned i = 0; i < b.count; i += TOGETHER) {
		int64_t used_ms = (clock_mono_us() - b.leased_us) / 1000;
		unsigned left = b.count - i;

		/* what does not fit into the lease comes due again after it */
		if (used_ms + timeout_ms > LEASE_MS)
			break;
		if (deliver(db, peer, timeout_ms, &b.events[i], left < TOGETHER ? left : TOGETHER,
			    &done) != DB_OK)
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
		(void)!deliver(db, peer, timeout_ms, &e, 1, &done);
	}
	db_use_pool(db, before);
	pool_free(&pool);
	return done > 0;
}
