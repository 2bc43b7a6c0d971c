/* mirror_redis.c - the mirror in Redis: scripts and their answers. */
#include "compat.h"

#include <openssl/sha.h>

#include "mirror_conn.h"
#include "mirror_lua.h"
#include "rnd.h"

#define CART_KEY    "cart:"
#define PENDING_KEY CART_KEY "pending"
#define LIST_COUNT  256

enum script { SCRIPT_PREPARE, SCRIPT_PROMOTE, SCRIPT_ABORT, SCRIPT_FORCE, SCRIPT_COUNT };

static const char *const scripts[SCRIPT_COUNT] = {
	[SCRIPT_PREPARE] = LUA_PREPARE,
	[SCRIPT_PROMOTE] = LUA_PROMOTE,
	[SCRIPT_ABORT] = LUA_ABORT,
	[SCRIPT_FORCE] = LUA_FORCE,
};

struct store {
	struct redis redis;
	char sha[SCRIPT_COUNT][2 * SHA_DIGEST_LENGTH + 1];
};

static void arg_state(struct redis_args *a, const struct mirror_state *s, bool with_doc)
{
	redis_arg_u64(a, "", s->version);
	redis_arg_u64(a, "", s->fence);
	redis_arg(a, with_doc && s->doc ? s->doc : "", with_doc && s->doc ? s->len : 0);
}

static struct mirror *redis_open(const struct cfg *cfg)
{
	struct store *s = xcalloc(1, sizeof(*s));

	s->redis.base.store = &mirror_redis;
	for (unsigned i = 0; i < SCRIPT_COUNT; i++) {
		unsigned char digest[SHA_DIGEST_LENGTH];

		/* Redis names a script by its SHA-1 */
		SHA1((const unsigned char *)scripts[i], strlen(scripts[i]), digest);
		hex_encode(digest, sizeof(digest), s->sha[i]);
	}
	if (redis_init(&s->redis, cfg) < 0) {
		free(s);
		return NULL;
	}
	return &s->redis.base;
}

static void redis_close(struct mirror *m)
{
	struct store *s = (struct store *)m;

	redis_end(&s->redis);
	free(s);
}

/* The words of a script call; by_sha is false after Redis said that it lost the script. */
static void script_args(const struct store *s, struct redis_args *a, enum script script,
			bool by_sha, uint64_t user)
{
	a->count = 0;
	redis_arg_str(a, by_sha ? "EVALSHA" : "EVAL");
	redis_arg_str(a, by_sha ? s->sha[script] : scripts[script]);
	redis_arg_str(a, "2");
	redis_arg_u64(a, CART_KEY, user);
	redis_arg_str(a, PENDING_KEY);
	redis_arg_u64(a, "", user);
}

static bool is_noscript(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0;
}

static enum mirror_status verdict(struct redis *r, const redisReply *reply)
{
	static const struct {
		const char *word;
		enum mirror_status status;
	} words[] = {
		{ "OK", MIRROR_OK },	     { "NO", MIRROR_NO },
		{ "FENCED", MIRROR_FENCED }, { "BEHIND", MIRROR_BEHIND },
		{ "AHEAD", MIRROR_AHEAD },   { "DIFFERS", MIRROR_DIFFERS },
	};

	for (unsigned i = 0; reply->type == REDIS_REPLY_STRING && i < COUNT(words); i++)
		if (strcmp(reply->str, words[i].word) == 0)
			return words[i].status;
	return redis_fail(r, reply->type == REDIS_REPLY_ERROR ? reply->str : "unexpected answer");
}

static void prepare_args(const struct store *s, struct redis_args *a, bool by_sha,
			 uint64_t user, const struct mirror_state *base, bool with_base,
			 const struct mirror_state *next)
{
	script_args(s, a, SCRIPT_PREPARE, by_sha, user);
	arg_state(a, base, with_base);
	arg_state(a, next, true);
}

static enum mirror_status redis_prepare(struct mirror *m, uint64_t user,
					const struct mirror_state *base, bool with_base,
					const struct mirror_state *next)
{
	struct store *s = (struct store *)m;
	struct redis *r = &s->redis;
	enum mirror_status st;
	redisReply *reply;
	struct redis_args a;

	if (redis_ready(r) != MIRROR_OK)
		return MIRROR_DOWN;
	prepare_args(s, &a, true, user, base, with_base, next);
	reply = redis_call(r, &a);
	if (reply && is_noscript(reply)) {
		freeReplyObject(reply);
		prepare_args(s, &a, false, user, base, with_base, next);
		reply = redis_call(r, &a);
	}
	if (!reply)
		return MIRROR_DOWN;
	st = verdict(r, reply);
	freeReplyObject(reply);
	return st;
}

static enum mirror_status send_op(struct store *s, const struct mirror_op *op, bool by_sha)
{
	struct redis_args a;

	switch (op->verb) {
	case MIRROR_PROMOTE:
	case MIRROR_ABORT:
		script_args(s, &a, op->verb == MIRROR_ABORT ? SCRIPT_ABORT : SCRIPT_PROMOTE, by_sha,
			    op->user);
		redis_arg_u64(&a, "", op->state.version);
		redis_arg_u64(&a, "", op->state.fence);
		break;
	case MIRROR_FORCE:
	case MIRROR_OVERWRITE:
		script_args(s, &a, SCRIPT_FORCE, by_sha, op->user);
		arg_state(&a, &op->state, true);
		redis_arg_str(&a, op->verb == MIRROR_OVERWRITE ? "1" : "0");
		break;
	}
	return redis_send(&s->redis, &a);
}

/* Reads one answer; *again_r when the script has to be sent whole. */
static void take_op(struct redis *r, struct mirror_op *op, bool *again_r)
{
	redisReply *reply = redis_reply(r);

	*again_r = false;
	if (!reply)
		return;
	if (is_noscript(reply))
		*again_r = true;
	else
		op->result = verdict(r, reply);
	freeReplyObject(reply);
}

static enum mirror_status redis_run(struct mirror *m, struct mirror_op *ops, unsigned count)
{
	struct store *s = (struct store *)m;
	struct redis *r = &s->redis;
	bool again[MIRROR_BATCH] = { false }, still;

	BUG_ON(count > MIRROR_BATCH);
	for (unsigned i = 0; i < count; i++)
		ops[i].result = MIRROR_DOWN;
	if (redis_ready(r) != MIRROR_OK)
		return MIRROR_DOWN;
	for (unsigned i = 0; i < count; i++)
		if (send_op(s, &ops[i], true) != MIRROR_OK)
			return MIRROR_DOWN;
	for (unsigned i = 0; i < count && r->ctx; i++)
		take_op(r, &ops[i], &again[i]);
	for (unsigned i = 0; i < count && r->ctx; i++)
		if (again[i] && send_op(s, &ops[i], false) == MIRROR_OK)
			take_op(r, &ops[i], &still);
	return r->ctx ? MIRROR_OK : MIRROR_DOWN;
}

/* Digits that our scripts wrote; anything else counts as 0, which no state has. */
static uint64_t digits_u64(const char *s, size_t len)
{
	uint64_t v = 0;

	if (len > 19)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return 0;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	return v;
}

static uint64_t reply_u64(const redisReply *e)
{
	return e->type == REDIS_REPLY_STRING ? digits_u64(e->str, (size_t)e->len) : 0;
}

/* Three fields: version, fence, document. */
static struct mirror_state read_state(redisReply *const *e, struct pool *pool)
{
	struct mirror_state s = { .version = reply_u64(e[0]), .fence = reply_u64(e[1]) };

	if (e[2]->type == REDIS_REPLY_STRING) {
		s.doc = pool_dup(pool, e[2]->str, (size_t)e[2]->len);
		s.len = (size_t)e[2]->len;
	}
	return s;
}

/* A mirror that was filled anew has seen no attempt but those that its states are of. */
static void read_slots(redisReply *const *e, struct mirror_slots *s, struct pool *pool)
{
	*s = (struct mirror_slots){
		.committed = read_state(e, pool),
		.prepared = read_state(e + 3, pool),
		.fence = reply_u64(e[6]),
	};
	if (s->fence < s->committed.fence)
		s->fence = s->committed.fence;
}

static enum mirror_status redis_read(struct mirror *m, uint64_t user,
				     struct mirror_slots *slots_r, struct pool *pool)
{
	static const char *const fields[] = { "v", "f", "d", "pv", "pf", "pd", "mf" };
	struct redis *r = (struct redis *)m;
	struct redis_args a = { 0 };
	redisReply *reply;

	if (redis_ready(r) != MIRROR_OK)
		return MIRROR_DOWN;
	redis_arg_str(&a, "HMGET");
	redis_arg_u64(&a, CART_KEY, user);
	for (unsigned i = 0; i < COUNT(fields); i++)
		redis_arg_str(&a, fields[i]);
	reply = redis_call(r, &a);
	if (reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == COUNT(fields))
		read_slots(reply->element, slots_r, pool);
	return redis_expect(r, reply, REDIS_REPLY_ARRAY);
}

static enum mirror_status redis_forget(struct mirror *m, uint64_t user)
{
	struct redis *r = (struct redis *)m;
	struct redis_args del = { 0 }, srem = { 0 };

	if (redis_ready(r) != MIRROR_OK)
		return MIRROR_DOWN;
	redis_arg_str(&del, "DEL");
	redis_arg_u64(&del, CART_KEY, user);
	redis_arg_str(&srem, "SREM");
	redis_arg_str(&srem, PENDING_KEY);
	redis_arg_u64(&srem, "", user);
	if (redis_expect(r, redis_call(r, &del), REDIS_REPLY_INTEGER) != MIRROR_OK)
		return MIRROR_DOWN;
	return redis_expect(r, redis_call(r, &srem), REDIS_REPLY_INTEGER);
}

static void read_users(const redisReply *list, uint64_t **users_r, unsigned *count_r,
		       struct pool *pool)
{
	*users_r = pool_alloc(pool, list->elements * sizeof(**users_r));
	for (size_t i = 0; i < list->elements; i++) {
		uint64_t user = reply_u64(list->element[i]);

		if (user)
			(*users_r)[(*count_r)++] = user;
	}
}

static enum mirror_status redis_pending(struct mirror *m, uint64_t **users_r,
					unsigned *count_r, struct pool *pool)
{
	struct redis *r = (struct redis *)m;
	struct redis_args a = { 0 };
	redisReply *reply;

	*users_r = NULL;
	*count_r = 0;
	if (redis_ready(r) != MIRROR_OK)
		return MIRROR_DOWN;
	redis_arg_str(&a, "SRANDMEMBER");
	redis_arg_str(&a, PENDING_KEY);
	redis_arg_u64(&a, "", MIRROR_PENDING);
	reply = redis_call(r, &a);
	if (reply && reply->type == REDIS_REPLY_ARRAY)
		read_users(reply, users_r, count_r, pool);
	return redis_expect(r, reply, REDIS_REPLY_ARRAY);
}

/* SCAN's cursor may be any 64-bit number, 0 at the end. */
static bool read_cursor(const redisReply *e, uint64_t *cursor_r)
{
	char *end;

	if (e->type != REDIS_REPLY_STRING)
		return false;
	*cursor_r = strtoull(e->str, &end, 10);
	return end != e->str && *end == '\0';
}

/* The list of pending users has a name like a cart's, but no number. */
static void read_keys(const redisReply *list, uint64_t **users_r, unsigned *count_r,
		      struct pool *pool)
{
	const size_t skip = strlen(CART_KEY);

	*users_r = pool_alloc(pool, list->elements * sizeof(**users_r));
	for (size_t i = 0; i < list->elements; i++) {
		const redisReply *e = list->element[i];
		uint64_t user = 0;

		if (e->type == REDIS_REPLY_STRING && (size_t)e->len > skip)
			user = digits_u64(e->str + skip, (size_t)e->len - skip);
		if (user)
			(*users_r)[(*count_r)++] = user;
	}
}

static enum mirror_status redis_list(struct mirror *m, uint64_t *cursor, uint64_t **users_r,
				     unsigned *count_r, struct pool *pool)
{
	struct redis *r = (struct redis *)m;
	struct redis_args a = { 0 };
	enum mirror_status st = MIRROR_OK;
	redisReply *reply;

	*users_r = NULL;
	*count_r = 0;
	if (redis_ready(r) != MIRROR_OK)
		return MIRROR_DOWN;
	redis_arg_str(&a, "SCAN");
	redis_arg_u64(&a, "", *cursor);
	redis_arg_str(&a, "MATCH");
	redis_arg_str(&a, CART_KEY "*");
	redis_arg_str(&a, "COUNT");
	redis_arg_u64(&a, "", LIST_COUNT);
	reply = redis_call(r, &a);
	if (!reply)
		return MIRROR_DOWN;
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
	    read_cursor(reply->element[0], cursor) &&
	    reply->element[1]->type == REDIS_REPLY_ARRAY)
		read_keys(reply->element[1], users_r, count_r, pool);
	else
		st = redis_fail(r, reply->type == REDIS_REPLY_ERROR ? reply->str :
								      "unexpected answer");
	freeReplyObject(reply);
	return st;
}

static enum mirror_status redis_epoch(struct mirror *m, char epoch_r[MIRROR_EPOCH_MAX],
				      bool *verified_r)
{
	struct redis *r = (struct redis *)m;

	return redis_ready(r) == MIRROR_OK ? redis_ask_epoch(r, epoch_r, verified_r) : MIRROR_DOWN;
}

static enum mirror_status redis_verify(struct mirror *m, const char *epoch)
{
	struct redis *r = (struct redis *)m;
	struct redis_args a = { 0 };

	if (redis_ready(r) != MIRROR_OK)
		return MIRROR_DOWN;
	redis_arg_str(&a, "SET");
	redis_arg_str(&a, REDIS_VERIFIED_KEY);
	redis_arg_str(&a, epoch);
	return redis_expect(r, redis_call(r, &a), REDIS_REPLY_STATUS);
}

static enum mirror_status redis_ping(struct mirror *m)
{
	struct redis *r = (struct redis *)m;
	struct redis_args a = { 0 };

	if (redis_ready(r) != MIRROR_OK)
		return MIRROR_DOWN;
	redis_arg_str(&a, "PING");
	return redis_expect(r, redis_call(r, &a), REDIS_REPLY_STATUS);
}

const struct mirror_store mirror_redis = {
	.open = redis_open,
	.close = redis_close,
	.prepare = redis_prepare,
	.run = redis_run,
	.read = redis_read,
	.forget = redis_forget,
	.pending = redis_pending,
	.list = redis_list,
	.epoch = redis_epoch,
	.verify = redis_verify,
	.ping = redis_ping,
};
