/*
 * ceiling.c - what MariaDB and Redis alone can do here: the other side of the bench's ratios.
 *
 * Usage: ceiling MODE THREADS SECONDS DB_SOCKET DB_USER [REDIS_SOCKET REDIS_USER PASSWORD_FILE]
 *	select   one row by key, prepared, from halle_products.product
 *	upsert2  one transaction of two upserts
 *	cart     the statements and mirror calls of one cart write, each thread its own carts
 * Works in the database halle_bench (made by tests/bench/run). Prints operations per second.
 */
#include "compat.h"

#include <hiredis/hiredis.h>
#include <mysql.h>
#include <pthread.h>
#include <stdatomic.h>

#define THREADS_MAX 64
#define CARTS       64 /* per thread */
#define DOC         "[{\"p\":1,\"q\":2,\"c\":7999},{\"p\":2,\"q\":1,\"c\":129900}]"

struct bench {
	const char *mode, *db_socket, *db_user, *redis_socket, *redis_user;
	char redis_password[256];
	int seconds;
	atomic_bool stop, failed;
	atomic_ulong done;
};

struct client {
	struct bench *bench;
	unsigned number;
	pthread_t id;
	MYSQL *my;
	MYSQL_STMT *stmt[4];
	redisContext *redis;
	unsigned long cart;
	char prepare_sha[41], promote_sha[41];
	unsigned promotes;
};

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

static void fail(struct client *c, const char *what)
{
	fprintf(stderr, "ceiling: %s: %s%s\n", what, c->my ? mysql_error(c->my) : "",
		c->redis ? c->redis->errstr : "");
	atomic_store(&c->bench->failed, true);
	atomic_store(&c->bench->stop, true);
}

static bool query(struct client *c, const char *sql)
{
	if (mysql_query(c->my, sql) == 0)
		return true;
	fail(c, sql);
	return false;
}

static MYSQL_STMT *prepare(struct client *c, const char *sql)
{
	MYSQL_STMT *s = mysql_stmt_init(c->my);

	if (s && mysql_stmt_prepare(s, sql, strlen(sql)) == 0)
		return s;
	fail(c, sql);
	return NULL;
}

struct param {
	enum enum_field_types type;
	const void *data;
	unsigned long len;
};

static bool run(struct client *c, MYSQL_STMT *s, const struct param *params, unsigned n)
{
	MYSQL_BIND bind[8];

	memset(bind, 0, sizeof(bind));
	for (unsigned i = 0; i < n; i++) {
		bind[i].buffer_type = params[i].type;
		bind[i].buffer = (void *)(uintptr_t)params[i].data;
		bind[i].buffer_length = params[i].len;
		bind[i].is_unsigned = 1;
	}
	if (!mysql_stmt_bind_param(s, bind) && !mysql_stmt_execute(s))
		return true;
	fail(c, mysql_stmt_error(s));
	return false;
}

#define P_U64(v)     { MYSQL_TYPE_LONGLONG, &(v), sizeof(v) }
#define P_BLOB(p, n) { MYSQL_TYPE_BLOB, (p), (n) }

static bool fetch_all(struct client *c, MYSQL_STMT *s, uint64_t *values, unsigned n)
{
	MYSQL_BIND out[16];
	char text[16][512];

	memset(out, 0, sizeof(out));
	for (unsigned i = 0; i < mysql_stmt_field_count(s) && i < 16; i++) {
		out[i].buffer_type = i < n ? MYSQL_TYPE_LONGLONG : MYSQL_TYPE_STRING;
		out[i].buffer = i < n ? (void *)&values[i] : (void *)text[i];
		out[i].buffer_length = i < n ? sizeof(uint64_t) : sizeof(text[i]);
	}
	if (mysql_stmt_bind_result(s, out) || mysql_stmt_fetch(s) == 1) {
		fail(c, mysql_stmt_error(s));
		return false;
	}
	while (mysql_stmt_fetch(s) == 0)
		;
	mysql_stmt_free_result(s);
	return true;
}

/* ---- select ---- */

static bool select_init(struct client *c)
{
	c->stmt[0] = prepare(c, "SELECT id, version, price_cents, storage_quantity, name, "
				"description, created_at FROM halle_products.product "
				"WHERE id = ? AND deleted_at IS NULL");
	return c->stmt[0];
}

static bool select_once(struct client *c)
{
	uint64_t id = 1, row[4];
	const struct param p[] = { P_U64(id) };

	return run(c, c->stmt[0], p, 1) && fetch_all(c, c->stmt[0], row, 4);
}

/* ---- upsert2 ---- */

static bool upsert2_init(struct client *c)
{
	c->stmt[0] = prepare(c, "INSERT INTO up (id, n) VALUES (?, 1) "
				"ON DUPLICATE KEY UPDATE n = n + 1");
	c->stmt[1] = prepare(c, "INSERT INTO up2 (id, n) VALUES (?, 1) "
				"ON DUPLICATE KEY UPDATE n = n + 1");
	return c->stmt[0] && c->stmt[1];
}

static bool upsert2_once(struct client *c)
{
	uint64_t id = c->number * 1000 + c->cart++ % CARTS;
	const struct param p[] = { P_U64(id) };

	return query(c, "START TRANSACTION") && run(c, c->stmt[0], p, 1) &&
	       run(c, c->stmt[1], p, 1) && query(c, "COMMIT");
}

/* ---- cart ---- */

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

	c->redis = redisConnectUnix(c->bench->redis_socket);
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

static bool cart_init(struct client *c)
{
	c->stmt[0] = prepare(c, "SELECT version, fence, NEXT VALUE FOR cart_fence, doc FROM cart "
				"WHERE user_id = ? FOR UPDATE");
	c->stmt[1] = prepare(c, "INSERT INTO cart_op (op_id, user_id, version, fence, route, "
				"fingerprint, status, doc, created_at) VALUES (?, ?, ?, ?, "
				"'POST /cart', ?, 201, ?, NOW(6))");
	c->stmt[2] = prepare(c, "UPDATE cart SET version = ?, fence = ?, doc = ?, "
				"updated_at = NOW(6) WHERE user_id = ?");
	return c->stmt[0] && c->stmt[1] && c->stmt[2] && redis_init(c);
}

/* Sends base only when the mirror says that it is behind, as the protocol does. */
static redisReply *send_prepare(struct client *c, uint64_t user, const uint64_t row[3],
				const char *base)
{
	return redisCommand(c->redis, "EVALSHA %s 1 cart:bench:%llu %llu %llu %s %llu %llu %s %llu",
			    c->prepare_sha, (unsigned long long)user, (unsigned long long)row[0],
			    (unsigned long long)row[1], base, (unsigned long long)row[0] + 1,
			    (unsigned long long)row[2], DOC, (unsigned long long)user);
}

static bool mirror_prepare(struct client *c, uint64_t user, const uint64_t row[3])
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

static void mirror_promote(struct client *c, uint64_t user, const uint64_t row[3])
{
	int done = 0;

	redisAppendCommand(c->redis, "EVALSHA %s 1 cart:bench:%llu %llu %llu %llu", c->promote_sha,
			   (unsigned long long)user, (unsigned long long)row[0] + 1,
			   (unsigned long long)row[2], (unsigned long long)user);
	while (!done && redisBufferWrite(c->redis, &done) == REDIS_OK)
		;
	c->promotes++;
}

static bool cart_once(struct client *c)
{
	uint64_t user = 1 + c->number * CARTS + c->cart++ % CARTS, row[3], next;
	unsigned char op[16] = { 0 }, print[32] = { 0 };
	const struct param key[] = { P_U64(user) };
	const struct param ins[] = { P_BLOB(op, 16), P_U64(user), P_U64(next), P_U64(row[2]),
				     P_BLOB(print, 32), P_BLOB(DOC, sizeof(DOC) - 1) };
	const struct param upd[] = { P_U64(next), P_U64(row[2]), P_BLOB(DOC, sizeof(DOC) - 1),
				     P_U64(user) };

	memcpy(op, &c->number, 4);
	memcpy(op + 4, &c->cart, 8);
	if (!query(c, "START TRANSACTION") || !run(c, c->stmt[0], key, 1) ||
	    !fetch_all(c, c->stmt[0], row, 3))
		return false;
	next = row[0] + 1;
	if (!run(c, c->stmt[1], ins, 6) || !run(c, c->stmt[2], upd, 4) ||
	    !mirror_prepare(c, user, row) || !query(c, "COMMIT"))
		return false;
	mirror_promote(c, user, row);
	return true;
}

/* ---- main ---- */

static const struct mode {
	const char *name;
	bool (*init)(struct client *c);
	bool (*once)(struct client *c);
} modes[] = {
	{ "select", select_init, select_once },
	{ "upsert2", upsert2_init, upsert2_once },
	{ "cart", cart_init, cart_once },
};

static const struct mode *mode_of(const char *name)
{
	for (size_t i = 0; i < COUNT(modes); i++) {
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	}
	return NULL;
}

static void *client_thread(void *arg)
{
	struct client *c = arg;
	struct bench *b = c->bench;
	const struct mode *mode = mode_of(b->mode);

	mysql_thread_init();
	c->my = mysql_init(NULL);
	if (!mysql_real_connect(c->my, NULL, b->db_user, NULL, "halle_bench", 0, b->db_socket, 0))
		fail(c, "connect");
	else if (mode->init(c)) {
		while (!atomic_load_explicit(&b->stop, memory_order_relaxed) && mode->once(c))
			atomic_fetch_add_explicit(&b->done, 1, memory_order_relaxed);
	}
	for (size_t i = 0; i < COUNT(c->stmt); i++) {
		if (c->stmt[i])
			mysql_stmt_close(c->stmt[i]);
	}
	mysql_close(c->my);
	if (c->redis)
		redisFree(c->redis);
	mysql_thread_end();
	return NULL;
}

static int read_password(struct bench *b, const char *path)
{
	FILE *f = fopen(path, "re");

	if (!f || !fgets(b->redis_password, sizeof(b->redis_password), f)) {
		fprintf(stderr, "ceiling: cannot read %s\n", path);
		if (f)
			fclose(f);
		return -1;
	}
	b->redis_password[strcspn(b->redis_password, "\n")] = '\0';
	fclose(f);
	return 0;
}

static double seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int measure(struct bench *b, unsigned threads)
{
	static struct client clients[THREADS_MAX];
	struct timespec nap = { .tv_nsec = 100000000 };
	unsigned long before;
	double start;

	for (unsigned i = 0; i < threads; i++) {
		clients[i] = (struct client){ .bench = b, .number = i };
		if (pthread_create(&clients[i].id, NULL, client_thread, &clients[i]) != 0)
			return 1;
	}
	nanosleep(&nap, NULL); /* connecting is not measured */
	before = atomic_load(&b->done);
	start = seconds_now();
	while (seconds_now() - start < b->seconds && !atomic_load(&b->stop))
		nanosleep(&nap, NULL);
	printf("%.0f\n", (double)(atomic_load(&b->done) - before) / (seconds_now() - start));
	atomic_store(&b->stop, true);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(clients[i].id, NULL);
	return atomic_load(&b->failed) ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct bench b = { .seconds = 1 };
	long threads;

	if (argc < 6 || !mode_of(argv[1]) || (strcmp(argv[1], "cart") == 0 && argc < 9)) {
		fprintf(stderr, "usage: ceiling select|upsert2|cart THREADS SECONDS DB_SOCKET DB_USER "
				"[REDIS_SOCKET REDIS_USER PASSWORD_FILE]\n");
		return 2;
	}
	b.mode = argv[1];
	threads = strtol(argv[2], NULL, 10);
	b.seconds = (int)strtol(argv[3], NULL, 10);
	b.db_socket = argv[4];
	b.db_user = argv[5];
	if (threads < 1 || threads > THREADS_MAX || b.seconds < 1)
		return 2;
	if (argc > 8) {
		b.redis_socket = argv[6];
		b.redis_user = argv[7];
		if (read_password(&b, argv[8]) < 0)
			return 1;
	}
	if (mysql_library_init(0, NULL, NULL))
		return 1;
	return measure(&b, (unsigned)threads);
}
