/*
 * mirror_mariadb.c - the mirror in another MariaDB server: one row per user, as sql/mirror
 * describes it. What is one script in Redis is one statement here where it can be, and else a
 * short transaction that locks the row first.
 *
 * The life of the store (mirror_epoch) has three parts: an id in a MEMORY table, which is gone
 * after a restart, whatever the server lost then or was given from a backup; the server's id,
 * which differs after a failover to a replica; and the time at which the table was made, which
 * differs after a dump was loaded. The life that is verified stands in the table itself, as the
 * row of user 0, and so goes when the table is emptied.
 */
#include "compat.h"

#include "clock.h"
#include "db.h"
#include "log.h"
#include "metrics.h"
#include "mirror.h"
#include "rnd.h"

#define LIFE_ID    8 /* bytes */
#define LIST_COUNT 256

enum sql {
	PREPARE, PROMOTE, ABORT, LOCK, ADD, INSTALL, CLEAR, READ, FORGET, PENDING, LIST,
	LIFE, LIFE_MAKE, VERIFY, PING
};

static const struct db_stmt sql[] = {
	[PREPARE] = { "mirror_prepare",
		"UPDATE cart_mirror SET pv = ?, pf = ?, pd = ?, mf = ?"
		" WHERE user_id = ? AND mf < ? AND v = ?", "uubuuuu", "" },
	[PROMOTE] = { "mirror_promote",
		"UPDATE cart_mirror SET v = pv, f = pf, d = pd, pv = NULL, pf = NULL, pd = NULL"
		" WHERE user_id = ? AND pv = ? AND pf = ?", "uuu", "" },
	[ABORT] = { "mirror_abort",
		"UPDATE cart_mirror SET pv = NULL, pf = NULL, pd = NULL"
		" WHERE user_id = ? AND pv = ? AND pf = ?", "uuu", "" },
	[LOCK] = { "mirror_lock",
		"SELECT v, f, COALESCE(pv, 0), COALESCE(pf, 0), mf, d = ? FROM cart_mirror"
		" WHERE user_id = ? FOR UPDATE", "bu", "uuuuuu" },
	[ADD] = { "mirror_add",
		"INSERT INTO cart_mirror (user_id, v, f, d) VALUES (?, ?, ?, ?)", "uuub", "" },
	[INSTALL] = { "mirror_install",
		"UPDATE cart_mirror SET v = ?, f = ?, d = ? WHERE user_id = ?", "uubu", "" },
	[CLEAR] = { "mirror_clear",
		"UPDATE cart_mirror SET pv = NULL, pf = NULL, pd = NULL WHERE user_id = ?", "u", "" },
	[READ] = { "mirror_read",
		"SELECT v, f, d, COALESCE(pv, 0), COALESCE(pf, 0), pd, GREATEST(mf, f)"
		" FROM cart_mirror WHERE user_id = ?", "u", "uubuubu" },
	[FORGET] = { "mirror_forget", "DELETE FROM cart_mirror WHERE user_id = ?", "u", "" },
	[PENDING] = { "mirror_pending",
		"SELECT user_id FROM cart_mirror WHERE pv IS NOT NULL ORDER BY RAND() LIMIT ?",
		"u", "u" },
	[LIST] = { "mirror_list",
		"SELECT user_id FROM cart_mirror WHERE user_id > ? ORDER BY user_id LIMIT ?",
		"uu", "u" },
	[LIFE] = { "mirror_life",
		"SELECT CONCAT(l.id, '-', @@server_id, '-', COALESCE(UNIX_TIMESTAMP(t.create_time), 0)),"
		" (SELECT d FROM cart_mirror WHERE user_id = 0)"
		" FROM server_life AS l JOIN information_schema.tables AS t"
		" ON t.table_schema = DATABASE() AND t.table_name = 'cart_mirror'", "", "sb" },
	[LIFE_MAKE] = { "mirror_life_make",
		"INSERT IGNORE INTO server_life (one, id) VALUES (1, ?)", "s", "" },
	[VERIFY] = { "mirror_verify",
		"INSERT INTO cart_mirror (user_id, d) VALUES (0, ?)"
		" ON DUPLICATE KEY UPDATE d = VALUES(d)", "b", "" },
	[PING] = { "mirror_ping", "SELECT 1", "", "u" },
};

struct store {
	struct mirror base;
	struct db *db;
	struct pool *scratch; /* for what is read and not given away */
};

/* A locked row; zeros where there is none. */
struct row {
	bool there;
	uint64_t v, f, pv, pf, mf;
	bool same; /* the committed content is the one that was asked about */
};

static struct store *store_of(struct mirror *m)
{
	return (struct store *)m;
}

/* ---- connection */

static struct mirror *maria_open(const struct cfg *cfg)
{
	const struct db_target target = {
		.socket = cfg_str(cfg, CFG_MIRROR_SOCKET), .host = cfg_str(cfg, CFG_MIRROR_HOST),
		.user = cfg_str(cfg, CFG_MIRROR_USER), .name = cfg_str(cfg, CFG_MIRROR_DATABASE),
		.port = (unsigned)cfg_int(cfg, CFG_MIRROR_PORT), .password = CFG_MIRROR_PASSWORD,
	};
	struct store *s = xcalloc(1, sizeof(*s));

	s->base.store = &mirror_mariadb;
	s->base.limit_ms = (int)cfg_int(cfg, CFG_MIRROR_MS);
	s->db = db_new_for(cfg, &target);
	s->scratch = pool_new();
	return &s->base;
}

static void maria_close(struct mirror *m)
{
	struct store *s = store_of(m);

	db_free(&s->db);
	pool_free(&s->scratch);
	free(s);
}

/* Whatever it was, nobody knows what became of the verb. */
static enum mirror_status failed(struct store *s)
{
	snprintf(s->base.error, sizeof(s->base.error), "%s", db_error(s->db));
	db_drop(s->db);
	metrics_add(M_MIRROR_ERRORS, 1);
	return MIRROR_DOWN;
}

static enum db_status make_life(struct store *s)
{
	unsigned char id[LIFE_ID];
	char hex[2 * LIFE_ID + 1];

	rnd_bytes(id, sizeof(id));
	hex_encode(id, sizeof(id), hex);
	return db_exec(s->db, &sql[LIFE_MAKE], db_s(hex));
}

static enum db_status ask_life(struct store *s, char epoch_r[MIRROR_EPOCH_MAX], bool *verified_r)
{
	const struct db_val *row;
	enum db_status st;

	pool_reset(s->scratch);
	db_use_pool(s->db, s->scratch);
	*verified_r = false;
	st = db_one(s->db, &sql[LIFE], &row);
	if (st == DB_NONE && (st = make_life(s)) == DB_OK)
		st = db_one(s->db, &sql[LIFE], &row);
	if (st != DB_OK)
		return st == DB_NONE ? DB_FAIL : st;
	snprintf(epoch_r, MIRROR_EPOCH_MAX, "%s", row[0].s);
	*verified_r = !row[1].null && strcmp(row[1].s, epoch_r) == 0;
	return DB_OK;
}

static void begin_wait(struct store *s)
{
	db_until(s->db, clock_mono_us() + s->base.limit_ms * INT64_C(1000));
}

/* Before every call: within the limit from now on, and connected. */
static enum db_status ready(struct store *s, struct pool *pool)
{
	begin_wait(s);
	db_use_pool(s->db, pool);
	return db_ready(s->db);
}

/* ---- verbs, in a transaction unless they are one statement */

static enum db_status lock(struct db *db, uint64_t user, const struct mirror_state *compared,
			   struct row *r)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[LOCK], &row, db_b(compared->doc, compared->len),
				   db_u(user));

	*r = (struct row){ .there = st == DB_OK };
	if (st != DB_OK)
		return st == DB_NONE ? DB_OK : st;
	r->v = row[0].u;
	r->f = row[1].u;
	r->pv = row[2].u;
	r->pf = row[3].u;
	r->mf = row[4].u;
	r->same = !row[5].null && row[5].u;
	return DB_OK;
}

static enum db_status install(struct db *db, uint64_t user, const struct row *r,
			      const struct mirror_state *s)
{
	enum db_status st;

	if (r->there)
		return db_exec(db, &sql[INSTALL], db_u(s->version), db_u(s->fence),
			       db_b(s->doc, s->len), db_u(user));
	st = db_exec(db, &sql[ADD], db_u(user), db_u(s->version), db_u(s->fence),
		     db_b(s->doc, s->len));
	/* another one made the row after it was looked for */
	return st == DB_CONFLICT ? DB_RETRY : st;
}

struct prepare {
	uint64_t user;
	const struct mirror_state *base, *next;
	bool with_base;
	enum mirror_status result;
};

/* DB_NONE: not as simple as this. */
static enum db_status prepare_simply(struct db *db, const struct prepare *p)
{
	const uint64_t f = p->next->fence;

	return db_changed(db, db_exec(db, &sql[PREPARE], db_u(p->next->version), db_u(f),
				      db_b(p->next->doc, p->next->len), db_u(f), db_u(p->user),
				      db_u(f), db_u(p->base->version)));
}

static enum mirror_status judge(const struct prepare *p, const struct row *r)
{
	if (p->next->fence <= r->mf)
		return MIRROR_FENCED;
	if (r->v > p->base->version)
		return MIRROR_AHEAD;
	if (r->v == p->base->version || (p->with_base && p->base->len))
		return MIRROR_OK;
	return MIRROR_BEHIND;
}

static enum db_status prepare_locked(struct db *db, void *arg)
{
	static const struct mirror_state nothing = { .doc = "" };
	struct prepare *p = arg;
	enum db_status st;
	struct row r;

	st = lock(db, p->user, &nothing, &r);
	if (st != DB_OK)
		return st;
	p->result = judge(p, &r);
	if (p->result != MIRROR_OK)
		return DB_OK;
	if (r.v < p->base->version)
		st = install(db, p->user, &r, p->base);
	else if (!r.there)
		st = install(db, p->user, &r, &nothing);
	if (st == DB_OK)
		st = prepare_simply(db, p);
	return st == DB_NONE ? DB_FAIL : st;
}

static enum mirror_status maria_prepare(struct mirror *m, uint64_t user,
					const struct mirror_state *base, bool with_base,
					const struct mirror_state *next)
{
	struct prepare p = { .user = user, .base = base, .with_base = with_base, .next = next,
			     .result = MIRROR_OK };
	struct store *s = store_of(m);
	enum db_status st = ready(s, NULL);

	if (st == DB_OK)
		st = prepare_simply(s->db, &p);
	if (st == DB_NONE || st == DB_RETRY)
		st = db_tx(s->db, prepare_locked, &p);
	return st == DB_OK ? p.result : failed(s);
}

static enum db_status settle(struct db *db, struct mirror_op *op)
{
	const struct db_stmt *stmt = &sql[op->verb == MIRROR_ABORT ? ABORT : PROMOTE];
	enum db_status st = db_exec(db, stmt, db_u(op->user), db_u(op->state.version),
				    db_u(op->state.fence));

	op->result = db_affected(db) ? MIRROR_OK : MIRROR_NO;
	return st;
}

static enum db_status force(struct db *db, struct mirror_op *op)
{
	const struct mirror_state *ours = &op->state;
	enum db_status st;
	struct row r;

	st = lock(db, op->user, ours, &r);
	if (st != DB_OK)
		return st;
	op->result = MIRROR_NO;
	if (r.pv && r.pv <= ours->version) {
		op->result = MIRROR_OK;
		st = db_exec(db, &sql[CLEAR], db_u(op->user));
	}
	if (ours->version < r.v)
		op->result = MIRROR_AHEAD;
	else if (ours->version == r.v && ours->fence == r.f && r.same)
		return st;
	else if (ours->version == r.v && op->verb != MIRROR_OVERWRITE)
		op->result = MIRROR_DIFFERS;
	else if (st == DB_OK) {
		op->result = MIRROR_OK;
		st = install(db, op->user, &r, ours);
	}
	return st;
}

struct batch {
	struct store *store;
	struct mirror_op *op[MIRROR_BATCH];
	unsigned count;
};

static enum db_status run_locked(struct db *db, void *arg)
{
	struct batch *b = arg;
	enum db_status st = DB_OK;

	for (unsigned i = 0; i < b->count && st == DB_OK; i++) {
		bool settles = b->op[i]->verb == MIRROR_PROMOTE || b->op[i]->verb == MIRROR_ABORT;

		begin_wait(b->store);
		st = settles ? settle(db, b->op[i]) : force(db, b->op[i]);
	}
	begin_wait(b->store);
	return st;
}

/* In order of users, so that two batches never wait for each other; those of one user stay as
 * they were. */
static void take(struct batch *b, struct mirror_op *op)
{
	unsigned i = b->count++;

	for (; i > 0 && b->op[i - 1]->user > op->user; i--)
		b->op[i] = b->op[i - 1];
	b->op[i] = op;
}

/* One transaction, so that it becomes durable once. The limit holds for each verb of it. */
static enum mirror_status maria_run(struct mirror *m, struct mirror_op *ops, unsigned count)
{
	struct store *s = store_of(m);
	struct batch b = { .store = s, .count = 0 };
	enum db_status st;

	BUG_ON(count > MIRROR_BATCH);
	for (unsigned i = 0; i < count; i++)
		take(&b, &ops[i]);
	st = ready(s, NULL);
	if (st == DB_OK && count == 1 && ops->verb != MIRROR_FORCE &&
	    ops->verb != MIRROR_OVERWRITE)
		st = settle(s->db, ops);
	else if (st == DB_OK)
		st = db_tx(s->db, run_locked, &b);
	for (unsigned i = 0; i < count && st != DB_OK; i++)
		ops[i].result = MIRROR_DOWN;
	return st == DB_OK ? MIRROR_OK : failed(s);
}

/* ---- reading and the rest */

/* Three columns: version, fence, document. */
static struct mirror_state state_of(const struct db_val *row)
{
	struct mirror_state s = { .version = row[0].u, .fence = row[1].u };

	if (s.version) {
		s.doc = row[2].s;
		s.len = row[2].len;
	}
	return s;
}

static enum mirror_status maria_read(struct mirror *m, uint64_t user,
				     struct mirror_slots *slots_r, struct pool *pool)
{
	struct store *s = store_of(m);
	const struct db_val *row;
	enum db_status st = ready(s, pool);

	*slots_r = (struct mirror_slots){ .committed.version = 0 };
	if (st == DB_OK)
		st = db_one(s->db, &sql[READ], &row, db_u(user));
	if (st == DB_NONE)
		return MIRROR_OK;
	if (st != DB_OK)
		return failed(s);
	slots_r->committed = state_of(row);
	slots_r->prepared = state_of(row + 3);
	slots_r->fence = row[6].u;
	return MIRROR_OK;
}

static enum mirror_status maria_forget(struct mirror *m, uint64_t user)
{
	struct store *s = store_of(m);
	enum db_status st = ready(s, NULL);

	if (st == DB_OK)
		st = db_exec(s->db, &sql[FORGET], db_u(user));
	return st == DB_OK ? MIRROR_OK : failed(s);
}

/* The rows of the query that was opened, at most most; st: how that went. */
static enum mirror_status take_users(struct store *s, enum db_status st, unsigned most,
				     uint64_t **users_r, unsigned *count_r, struct pool *pool)
{
	const struct db_val *row;

	*count_r = 0;
	*users_r = pool_alloc(pool, most * sizeof(**users_r));
	while (st == DB_OK && *count_r < most && (st = db_next(s->db, &row)) == DB_OK)
		(*users_r)[(*count_r)++] = row[0].u;
	return st == DB_OK || st == DB_NONE ? MIRROR_OK : failed(s);
}

static enum mirror_status maria_pending(struct mirror *m, uint64_t **users_r,
					unsigned *count_r, struct pool *pool)
{
	struct store *s = store_of(m);
	enum db_status st = ready(s, pool);

	if (st == DB_OK)
		st = db_open(s->db, &sql[PENDING], db_u(MIRROR_PENDING));
	return take_users(s, st, MIRROR_PENDING, users_r, count_r, pool);
}

static enum mirror_status maria_list(struct mirror *m, uint64_t *cursor, uint64_t **users_r,
				     unsigned *count_r, struct pool *pool)
{
	struct store *s = store_of(m);
	enum db_status st = ready(s, pool);
	enum mirror_status ms;

	if (st == DB_OK)
		st = db_open(s->db, &sql[LIST], db_u(*cursor), db_u(LIST_COUNT));
	ms = take_users(s, st, LIST_COUNT, users_r, count_r, pool);
	if (ms == MIRROR_OK)
		*cursor = *count_r == LIST_COUNT ? (*users_r)[*count_r - 1] : 0;
	return ms;
}

static enum mirror_status maria_epoch(struct mirror *m, char epoch_r[MIRROR_EPOCH_MAX],
				      bool *verified_r)
{
	struct store *s = store_of(m);
	enum db_status st = ready(s, NULL);

	if (st == DB_OK)
		st = ask_life(s, epoch_r, verified_r);
	return st == DB_OK ? MIRROR_OK : failed(s);
}

static enum mirror_status maria_verify(struct mirror *m, const char *epoch)
{
	struct store *s = store_of(m);
	enum db_status st = ready(s, NULL);

	if (st == DB_OK)
		st = db_exec(s->db, &sql[VERIFY], db_b(epoch, strlen(epoch)));
	return st == DB_OK ? MIRROR_OK : failed(s);
}

static enum mirror_status maria_ping(struct mirror *m)
{
	struct store *s = store_of(m);
	const struct db_val *row;
	enum db_status st = ready(s, NULL);

	if (st == DB_OK)
		st = db_one(s->db, &sql[PING], &row);
	return st == DB_OK ? MIRROR_OK : failed(s);
}

const struct mirror_store mirror_mariadb = {
	.open = maria_open,
	.close = maria_close,
	.prepare = maria_prepare,
	.run = maria_run,
	.read = maria_read,
	.forget = maria_forget,
	.pending = maria_pending,
	.list = maria_list,
	.epoch = maria_epoch,
	.verify = maria_verify,
	.ping = maria_ping,
};
