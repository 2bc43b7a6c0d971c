/* ceiling_mirror.c - the mirror calls of one cart write, in Redis or in a second MariaDB. */
#include "compat.h"

#include "ceiling.h"

#define BATCH     64
#define GATHER_NS 2000000

/* ---- Redis */

static const char prepare_lua[] =
	"local h=redis.call('HMGET',KEYS[1],'v','pv','pf','mf') "
	"local v,pv,mf=tonumber(h[1] or 0),tonumber(h[2] or 0),tonumber(h[4] or 0) "
	"local bv=tonumber(ARGV[1]) "
	"if tonumber(ARGV[5])<=mf then return 'FENCED' end "
	"if v<bv then if pv==bv and h[3]==ARGV[2] then "
	"redis.call('HSET',KEYS[1],'v',pv,'f',h[3],'d',redis.call('HGET',KEYS[1],'pd')) "
	"elseif ARGV[3]~='' then redis.call('HSET',KEYS[1],'v',bv,'f',ARGV[2],'d',ARGV[3]) "
	"else return 'BEHIND' end elseif v>bv then return 'AHEAD' end "
	"redis.call('HSET',KEYS[1],'pv',ARGV[4],'pf',ARGV[5],'pd',ARGV[6],'mf',ARGV[5]) "
	"redis.call('SADD','cart:pending',ARGV[7]) return 'OK'";
static const char promote_lua[] =
	"local h=redis.call('HMGET',KEYS[1],'pv','pf','pd') "
	"if h[1]~=ARGV[1] or h[2]~=ARGV[2] then return 'NO' end "
	"redis.call('HSET',KEYS[1],'v',h[1],'f',h[2],'d',h[3]) "
	"redis.call('HDEL',KEYS[1],'pv','pf','pd') redis.call('SREM','cart:pending',ARGV[3]) "
	"return 'OK'";

static bool script(struct client *c, const char *lua, char sha[41])
{
	redisReply *r = redisCommand(c->redis, "SCRIPT LOAD %s", lua);

	if (!r || r->type != REDIS_REPLY_STRING || r->len != 40) {
		fail(c, r && r->str ? r->str : "SCRIPT LOAD");
		return false;
	}
	memcpy(sha, r->str, 41);
	freeReplyObject(r);
	return true;
}

static bool redis_init(struct client *c)
{
	redisReply *r;
	bool ok;

	c->redis = redisConnectUnix(c->bench->mirror_socket);
	if (!c->redis || c->redis->err) {
		fail(c, "redis");
		return false;
	}
	r = redisCommand(c->redis, "AUTH %s %s", c->bench->redis_user, c->bench->redis_password);
	ok = r && r->type == REDIS_REPLY_STATUS;
	if (r)
		freeReplyObject(r);
	return ok && script(c, prepare_lua, c->prepare_sha) && script(c, promote_lua, c->promote_sha);
}

static redisReply *send_prepare(struct client *c, uint64_t user, const uint64_t row[3],
				const char *base)
{
	return redisCommand(c->redis, "EVALSHA %s 1 cart:bench:%llu %llu %llu %s %llu %llu %s %llu",
			    c->prepare_sha, (unsigned long long)user, (unsigned long long)row[0],
			    (unsigned long long)row[1], base, (unsigned long long)row[0] + 1,
			    (unsigned long long)row[2], DOC, (unsigned long long)user);
}

static bool redis_prepare(struct client *c, uint64_t user, const uint64_t row[3])
{
	redisReply *r = NULL;
	bool ok;

	for (; c->promotes; c->promotes--) {
		if (redisGetReply(c->redis, (void **)&r) != REDIS_OK)
			return false;
		freeReplyObject(r);
	}
	r = send_prepare(c, user, row, "");
	if (r && r->str && strcmp(r->str, "BEHIND") == 0) {
		freeReplyObject(r);
		r = send_prepare(c, user, row, DOC);
	}
	ok = r && r->type == REDIS_REPLY_STRING && strcmp(r->str, "OK") == 0;
	if (!ok)
		fail(c, r && r->str ? r->str : "PREPARE");
	if (r)
		freeReplyObject(r);
	return ok;
}

static void redis_promote(struct client *c, uint64_t user, const uint64_t row[3])
{
	int done = 0;

	redisAppendCommand(c->redis, "EVALSHA %s 1 cart:bench:%llu %llu %llu %llu", c->promote_sha,
			   (unsigned long long)user, (unsigned long long)row[0] + 1,
			   (unsigned long long)row[2], (unsigned long long)user);
	while (!done && redisBufferWrite(c->redis, &done) == REDIS_OK)
		;
	c->promotes++;
}

/* ---- MariaDB */

static bool maria_init(struct client *c)
{
	c->mirror = dial(c, c->bench->mirror_socket);
	if (!c->mirror)
		return false;
	c->stmt[3] = prepare_on(c, c->mirror,
				"UPDATE cart_mirror SET f = IF(v = ?, f, pf), d = IF(v = ?, d, pd), "
				"v = ?, pv = ?, pf = ?, pd = ?, mf = ? WHERE user_id = ? AND mf < ? "
				"AND (v = ? OR (v < ? AND pv = ? AND pf = ?))");
	return c->stmt[3];
}

static bool maria_prepare(struct client *c, uint64_t user, const uint64_t row[3])
{
	const uint64_t next = row[0] + 1;
	const struct param p[] = {
		P_U64(row[0]), P_U64(row[0]), P_U64(row[0]), P_U64(next), P_U64(row[2]),
		P_BLOB(DOC, sizeof(DOC) - 1), P_U64(row[2]), P_U64(user), P_U64(row[2]),
		P_U64(row[0]), P_U64(row[0]), P_U64(row[0]), P_U64(row[1]),
	};

	if (!run(c, c->stmt[3], p, COUNT(p)))
		return false;
	if (mysql_stmt_affected_rows(c->stmt[3]) == 1)
		return true;
	fail(c, "PREPARE changed nothing");
	return false;
}

static void maria_promote(struct client *c, uint64_t user, const uint64_t row[3])
{
	struct bench *b = c->bench;

	pthread_mutex_lock(&b->lock);
	if (b->count < RING)
		b->ring[(b->head + b->count++) % RING] =
			(struct promote){ user, row[0] + 1, row[2] };
	pthread_mutex_unlock(&b->lock);
}

static unsigned take(struct bench *b, struct promote *out)
{
	unsigned n = 0;

	pthread_mutex_lock(&b->lock);
	for (; n < BATCH && b->count; n++, b->count--) {
		out[n] = b->ring[b->head];
		b->head = (b->head + 1) % RING;
	}
	pthread_mutex_unlock(&b->lock);
	return n;
}

static bool promote_batch(struct client *c, const struct promote *batch, unsigned n)
{
	if (!query(c, "START TRANSACTION"))
		return false;
	for (unsigned i = 0; i < n; i++) {
		const struct param p[] = { P_U64(batch[i].user), P_U64(batch[i].version),
					   P_U64(batch[i].fence) };

		if (!run(c, c->stmt[0], p, COUNT(p)))
			return false;
	}
	return query(c, "COMMIT");
}

void *promoter_thread(void *arg)
{
	const struct timespec gather = { .tv_nsec = GATHER_NS };
	struct client *c = arg;
	struct promote batch[BATCH];
	unsigned n;

	mysql_thread_init();
	c->my = dial(c, c->bench->mirror_socket);
	if (c->my)
		c->stmt[0] = prepare_on(c, c->my, "UPDATE cart_mirror SET v = pv, f = pf, d = pd, pv = NULL, "
					"pf = NULL, pd = NULL WHERE user_id = ? AND pv = ? AND pf = ?");
	while (c->stmt[0] && !atomic_load(&c->bench->stop)) {
		n = take(c->bench, batch);
		if (n && !promote_batch(c, batch, n))
			break;
		if (n < BATCH)
			nanosleep(&gather, NULL);
	}
	if (c->stmt[0])
		mysql_stmt_close(c->stmt[0]);
	if (c->my)
		mysql_close(c->my);
	mysql_thread_end();
	return NULL;
}

/* ---- either */

static bool in_redis(const struct client *c)
{
	return c->bench->redis_user;
}

bool mirror_init(struct client *c)
{
	return in_redis(c) ? redis_init(c) : maria_init(c);
}

bool mirror_prepare(struct client *c, uint64_t user, const uint64_t row[3])
{
	return in_redis(c) ? redis_prepare(c, user, row) : maria_prepare(c, user, row);
}

void mirror_promote(struct client *c, uint64_t user, const uint64_t row[3])
{
	if (in_redis(c))
		redis_promote(c, user, row);
	else
		maria_promote(c, user, row);
}
