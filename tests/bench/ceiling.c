/*
 * ceiling.c - what MariaDB and Redis alone can do here: the other side of the bench's ratios.
 *
 * Usage: ceiling MODE THREADS SECONDS DB_SOCKET DB_USER [MIRROR_SOCKET [REDIS_USER PASSWORD_FILE]]
 *	select   one row by key, prepared, from halle_products.product
 *	upsert2  one transaction of two upserts
 *	cart     the statements and mirror calls of one cart write, each thread its own carts
 *	cart2    the same with the mirror in a second MariaDB server; one more thread promotes
 * Works in the database halle_bench (made by tests/bench/run). Prints operations per second.
 */
#include "compat.h"

#include "ceiling.h"

#define THREADS_MAX 64

void fail(struct client *c, const char *what)
{
	fprintf(stderr, "ceiling: %s: %s%s\n", what, c->my ? mysql_error(c->my) : "",
		c->redis ? c->redis->errstr : "");
	atomic_store(&c->bench->failed, true);
	atomic_store(&c->bench->stop, true);
}

bool query(struct client *c, const char *sql)
{
	if (mysql_query(c->my, sql) == 0)
		return true;
	fail(c, sql);
	return false;
}

MYSQL_STMT *prepare_on(struct client *c, MYSQL *my, const char *sql)
{
	MYSQL_STMT *s = mysql_stmt_init(my);

	if (s && mysql_stmt_prepare(s, sql, strlen(sql)) == 0)
		return s;
	fail(c, sql);
	return NULL;
}

static MYSQL_STMT *prepare(struct client *c, const char *sql)
{
	return prepare_on(c, c->my, sql);
}

MYSQL *dial(struct client *c, const char *socket)
{
	MYSQL *my = mysql_init(NULL);

	if (mysql_real_connect(my, NULL, c->bench->db_user, NULL, "halle_bench", 0, socket, 0))
		return my;
	fprintf(stderr, "ceiling: %s: %s\n", socket, mysql_error(my));
	mysql_close(my);
	fail(c, "connect");
	return NULL;
}

bool run(struct client *c, MYSQL_STMT *s, const struct param *params, unsigned n)
{
	MYSQL_BIND bind[13];

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

static bool cart_init(struct client *c)
{
	c->stmt[0] = prepare(c, "SELECT version, fence, NEXT VALUE FOR cart_fence, doc FROM cart "
				"WHERE user_id = ? FOR UPDATE");
	c->stmt[1] = prepare(c, "INSERT INTO cart_op (op_id, user_id, version, fence, route, "
				"fingerprint, status, doc, created_at) VALUES (?, ?, ?, ?, "
				"'POST /cart', ?, 201, ?, NOW(6))");
	c->stmt[2] = prepare(c, "UPDATE cart SET version = ?, fence = ?, doc = ?, "
				"updated_at = NOW(6) WHERE user_id = ?");
	return c->stmt[0] && c->stmt[1] && c->stmt[2] && mirror_init(c);
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
	{ "cart2", cart_init, cart_once },
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
	c->my = dial(c, b->db_socket);
	if (c->my && mode->init(c)) {
		while (!atomic_load_explicit(&b->stop, memory_order_relaxed) && mode->once(c))
			atomic_fetch_add_explicit(&b->done, 1, memory_order_relaxed);
	}
	for (size_t i = 0; i < COUNT(c->stmt); i++) {
		if (c->stmt[i])
			mysql_stmt_close(c->stmt[i]);
	}
	if (c->my)
		mysql_close(c->my);
	if (c->mirror)
		mysql_close(c->mirror);
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
	static struct client clients[THREADS_MAX], promoter;
	struct timespec nap = { .tv_nsec = 100000000 };
	unsigned long before;
	double start;

	for (unsigned i = 0; i < threads; i++) {
		clients[i] = (struct client){ .bench = b, .number = i };
		if (pthread_create(&clients[i].id, NULL, client_thread, &clients[i]) != 0)
			return 1;
	}
	promoter = (struct client){ .bench = b };
	if (b->mirror_socket && !b->redis_user &&
	    pthread_create(&promoter.id, NULL, promoter_thread, &promoter) != 0)
		return 1;
	nanosleep(&nap, NULL); /* connecting is not measured */
	before = atomic_load(&b->done);
	start = seconds_now();
	while (seconds_now() - start < b->seconds && !atomic_load(&b->stop))
		nanosleep(&nap, NULL);
	printf("%.0f\n", (double)(atomic_load(&b->done) - before) / (seconds_now() - start));
	atomic_store(&b->stop, true);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(clients[i].id, NULL);
	if (promoter.id)
		pthread_join(promoter.id, NULL);
	return atomic_load(&b->failed) ? 1 : 0;
}

int main(int argc, char **argv)
{
	static struct bench b = { .seconds = 1, .lock = PTHREAD_MUTEX_INITIALIZER };
	long threads;
	int wanted;

	wanted = argc < 2 ? 0 : strcmp(argv[1], "cart") == 0 ? 9 : strcmp(argv[1], "cart2") == 0 ? 7 : 6;
	if (argc < 2 || argc != wanted || !mode_of(argv[1])) {
		fprintf(stderr, "usage: ceiling select|upsert2|cart|cart2 THREADS SECONDS DB_SOCKET "
				"DB_USER [MIRROR_SOCKET [REDIS_USER PASSWORD_FILE]]\n");
		return 2;
	}
	b.mode = argv[1];
	threads = strtol(argv[2], NULL, 10);
	b.seconds = (int)strtol(argv[3], NULL, 10);
	b.db_socket = argv[4];
	b.db_user = argv[5];
	if (threads < 1 || threads > THREADS_MAX || b.seconds < 1)
		return 2;
	b.mirror_socket = argc > 6 ? argv[6] : NULL;
	b.redis_user = argc > 8 ? argv[7] : NULL;
	if (argc > 8 && read_password(&b, argv[8]) < 0)
		return 1;
	if (mysql_library_init(0, NULL, NULL))
		return 1;
	return measure(&b, (unsigned)threads);
}
