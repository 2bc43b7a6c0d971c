/* revoked.c - a hash table of revocations, and how it is kept up to date. */
#include "compat.h"

#include <pthread.h>

#include "body.h"
#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "revoked.h"
#include "rnd.h"

#define SLOTS_MIN 64  /* a power of two, as every number of slots */
#define OVERLAP_S 30  /* a transaction may commit this long after it wrote its row */
#define RECENT_S  60  /* further back, reading all costs no more */
#define SWEEP     200 /* readings from one dropping of what expired to the next */
#define CALL_MS   500 /* of one page */
#define ALL_MS    3000 /* of one page of all rows: until it has them, a worker lets everybody in */

struct entry {
	uint64_t key[2]; /* the session's id, or 0 and the user's */
	uint64_t row;    /* 0: this slot is free */
	uint32_t expires_s;
	bool of_session;
	uint8_t role;
};

struct table {
	struct entry *slot; /* open addressing, at most 3/4 full */
	size_t slots, count;
	int64_t complete_ms; /* wall clock: every row from before is here */
};

/* Requests hold the lock for one look-up and do not wait for each other. The one thread that
 * writes holds it to fill a slot or to swap in a table that it built beside; because nobody
 * else writes, it reads without. Writers go first, or a stream of requests would keep a
 * revocation out. */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static struct table list;

/* of the thread that writes */
static int64_t last_good_us;
static unsigned readings;
static bool failing;

/* ---- the table */

static int64_t wall_s(void)
{
	return clock_wall_us() / 1000000;
}

static struct entry session_key(const unsigned char id[16])
{
	struct entry e = { .of_session = true };

	memcpy(e.key, id, sizeof(e.key));
	return e;
}

static struct entry user_key(uint64_t id)
{
	return (struct entry){ .key = { 0, id } };
}

/* Ids may differ in any of their bits; all of them reach the low ones here. */
static size_t hash(const struct entry *e)
{
	uint64_t h = e->key[0] ^ e->key[1];

	h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(h >> 32);
}

/* The entry of this key, or the free slot for it. */
static struct entry *find(const struct table *t, const struct entry *key)
{
	size_t i = hash(key);

	for (;; i++) {
		struct entry *e = &t->slot[i & (t->slots - 1)];

		if (!e->row || (e->key[0] == key->key[0] && e->key[1] == key->key[1] &&
				e->of_session == key->of_session))
			return e;
	}
}

static void put(struct table *t, const struct entry *e)
{
	struct entry *at = find(t, e);

	t->count += !at->row;
	*at = *e;
}

static bool is_wanted(const struct entry *e, uint64_t first_row, int64_t now_s)
{
	return e->row && e->row >= first_row && (int64_t)e->expires_s > now_s;
}

/* Into a new table, at most half full: what has not expired, of rows from first_row on. */
static void rebuild(uint64_t first_row, int64_t now_s)
{
	struct table next = { .slots = SLOTS_MIN, .complete_ms = list.complete_ms };
	struct entry *old = list.slot;
	size_t live = 0;

	for (size_t i = 0; i < list.slots; i++)
		live += is_wanted(&list.slot[i], first_row, now_s);
	while (next.slots < 2 * live)
		next.slots *= 2;
	next.slot = xcalloc(next.slots, sizeof(*next.slot));
	for (size_t i = 0; i < list.slots; i++) {
		if (is_wanted(&list.slot[i], first_row, now_s))
			put(&next, &list.slot[i]);
	}
	pthread_rwlock_wrlock(&lock);
	list = next;
	pthread_rwlock_unlock(&lock);
	free(old);
}

static int compare(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* The row from which on the newest keep entries are. */
static uint64_t row_to_keep_from(size_t keep)
{
	uint64_t *rows = xmalloc(list.count * sizeof(*rows)), first;
	size_t n = 0;

	for (size_t i = 0; i < list.slots; i++) {
		if (list.slot[i].row)
			rows[n++] = list.slot[i].row;
	}
	qsort(rows, n, sizeof(*rows), compare);
	first = rows[n - keep];
	free(rows);
	return first;
}

static void make_room(int64_t now_s)
{
	const size_t keep = (size_t)REVOKED_MAX / 8 * 7;

	if (list.count < list.slots / 4 * 3 && list.count < REVOKED_MAX)
		return;
	rebuild(0, now_s);
	/* not full to the last one again, or every further row would cost a rebuild */
	if (list.count <= keep)
		return;
	log_error("revocations.overflow", LOG_INT("count", list.count), LOG_INT("kept", keep));
	rebuild(row_to_keep_from(keep), now_s);
}

void revoked_add(const struct revocation *row)
{
	int64_t now_s = wall_s();
	struct entry e = row->of_session ? session_key(row->session_id) : user_key(row->user_id);

	if (row->id == 0 || row->expires_s <= now_s)
		return;
	e.row = row->id;
	e.role = (uint8_t)row->role;
	e.expires_s = row->expires_s < UINT32_MAX ? (uint32_t)row->expires_s : UINT32_MAX;
	if (list.count && find(&list, &e)->row >= e.row)
		return; /* known, as most rows of a reading are */
	make_room(now_s);
	pthread_rwlock_wrlock(&lock);
	put(&list, &e);
	pthread_rwlock_unlock(&lock);
}

size_t revoked_count(void)
{
	return list.count;
}

/* ---- asking */

static bool session_is_listed(const struct claims *c)
{
	unsigned char id[16];
	struct entry key;

	if (uuid_parse(c->sid, strlen(c->sid), id) < 0)
		return false;
	key = session_key(id);
	return find(&list, &key)->row;
}

/* When the token was made: jti is a UUIDv7, which begins with that millisecond. 0: unknown. */
static int64_t made_ms(const struct claims *c)
{
	unsigned char id[16];
	int64_t ms = 0;

	if (uuid_parse(c->jti, strlen(c->jti), id) < 0)
		return 0;
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | id[i];
	return ms;
}

/* A token younger than the list may be right where the list is not: after two changes the list
 * may know the first only. The next reading, within a second, knows. */
static bool role_is_outdated(const struct claims *c)
{
	struct entry key = user_key(c->user_id);
	const struct entry *e = find(&list, &key);

	return e->row && e->role != c->role && made_ms(c) <= list.complete_ms;
}

bool revoked_is(const struct claims *c)
{
	bool is;

	pthread_rwlock_rdlock(&lock);
	is = list.count && (session_is_listed(c) || role_is_outdated(c));
	pthread_rwlock_unlock(&lock);
	return is;
}

/* ---- reading */

/* 0: all. */
static int64_t window_s(int64_t start_us)
{
	int64_t s = (start_us - last_good_us) / 1000000 + 1 + OVERLAP_S;

	return last_good_us && s <= RECENT_S ? s : 0;
}

static void tell(bool fails)
{
	if (fails && !failing)
		log_warn("revocations.unavailable", LOG_INT("count", list.count));
	else if (!fails && failing)
		log_info("revocations.available", LOG_INT("count", list.count));
	failing = fails;
}

int revoked_update(revoked_source source, void *arg)
{
	int64_t start_us = clock_mono_us(), start_ms = clock_wall_us() / 1000;
	int rc = source(arg, window_s(start_us));

	tell(rc < 0);
	if (++readings % SWEEP == 0 && list.count)
		rebuild(0, wall_s());
	if (rc < 0) {
		metrics_add(M_REVOCATION_ERRORS, 1);
		return -1;
	}
	last_good_us = start_us;
	pthread_rwlock_wrlock(&lock);
	list.complete_ms = start_ms;
	pthread_rwlock_unlock(&lock);
	return 0;
}

/* ---- from auth's internal route */

struct answer_row {
	uint64_t id, user_id;
	const char *session_id, *role;
	int64_t expires_at;
};

static const struct field row_fields[] = {
	FIELD_U64(struct answer_row, id, 1, INT64_MAX, .required = true),
	FIELD_U64(struct answer_row, user_id, 1, INT64_MAX),
	FIELD_STR(struct answer_row, session_id, UUID_TEXT - 1, UUID_TEXT - 1),
	FIELD_STR(struct answer_row, role, 1, 16),
	FIELD_I64(struct answer_row, expires_at, 0, INT64_MAX, .required = true),
	{ 0 }
};

static int take_row(void *dst, void *arg UNUSED)
{
	const struct answer_row *a = dst;
	struct revocation row = { .id = a->id, .user_id = a->user_id, .expires_s = a->expires_at };

	row.of_session = a->session_id;
	if (a->session_id ? uuid_parse(a->session_id, strlen(a->session_id), row.session_id) < 0 :
			    !a->user_id || !a->role)
		return -1;
	/* a role that only a newer program knows is refused like none: on the safe side */
	row.role = a->role ? role_parse(a->role) : ROLE_NONE;
	revoked_add(&row);
	return 0;
}

struct answer_page {
	uint64_t next;
};

static const struct field page_fields[] = {
	FIELD_U64(struct answer_page, next, 1, INT64_MAX),
	{ 0 }
};

/* *after is set to where the next page begins, 0: this was the last one. */
static int read_page(const struct peer_call *call, uint64_t *after, struct pool *pool)
{
	const char *text = sbuf_str(&call->reply);
	struct body_report report;
	struct answer_page page;
	struct answer_row row;

	if (call->status != 200 ||
	    body_each(text, call->reply.len, "data", row_fields, &row, sizeof(row), take_row, NULL,
		      pool) < 0 ||
	    body_parse_known(text, call->reply.len, page_fields, &page, sizeof(page), pool,
			     &report) != BODY_OK)
		return -1;
	if (page.next && page.next <= *after)
		return -1; /* it would never end */
	*after = page.next;
	return 0;
}

static int ask_page(struct peer *peer, int64_t seconds, uint64_t *after)
{
	struct peer_call call = { .service = "auth", .method = "GET",
				  .timeout_ms = seconds ? CALL_MS : ALL_MS, .quiet = true };
	struct pool *pool = pool_new();
	int rc;

	call.path = *after ? pool_printf(pool, "/internal/auth/revocations?after=%" PRIu64, *after) :
		    seconds ? pool_printf(pool, "/internal/auth/revocations?seconds=%" PRId64, seconds) :
			      "/internal/auth/revocations";
	rc = peer_send(peer, &call) < 0 ? -1 : read_page(&call, after, pool);
	pool_free(&pool);
	return rc;
}

int revoked_from_auth(void *peer, int64_t seconds)
{
	uint64_t after = 0;
	int rc;

	do
		rc = ask_page(peer, seconds, &after);
	while (rc == 0 && after);
	return rc;
}
