/* test_db_faults.c - transactions, lost connections, dead and hung servers. */
#include "compat.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

#include <cmocka.h>

#include "clock.h"
#include "db.h"
#include "db_fixture.h"
#include "metrics.h"

enum sql {
	ADD, GET, RENAME, CONNECTION, SLEEPER, SLOW_ADD, LOCK_READ, COUNT_ALL
};

static const struct db_stmt sql[] = {
	[ADD] = { "add", "INSERT INTO thing (name, small) VALUES (?, ?)", "si", "" },
	[GET] = { "get", "SELECT id, small FROM thing WHERE name = ?", "s", "ui" },
	[RENAME] = { "rename", "UPDATE thing SET name = ? WHERE id = ?", "su", "" },
	[CONNECTION] = { "connection", "SELECT CONNECTION_ID()", "", "u" },
	[SLEEPER] = { "sleeper", "SELECT SLEEP(?)", "u", "u" },
	[SLOW_ADD] = { "slow_add", "INSERT INTO thing (name) SELECT CONCAT('slow', SLEEP(1))",
		       "", "" },
	[LOCK_READ] = { "lock_read", "SELECT name FROM thing WHERE id = ? FOR UPDATE", "u", "s" },
	[COUNT_ALL] = { "count_all", "SELECT COUNT(*) FROM thing", "", "u" },
};

static struct db *db;
static struct pool *pool;
static const struct db_val *row;

static int up(void **state)
{
	fixture_up(state);
	fixture_sql("CREATE TABLE thing (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,"
		    " name VARCHAR(90) NOT NULL, small TINYINT NOT NULL DEFAULT 0,"
		    " UNIQUE KEY username (name));"
		    "GRANT ALL ON halle_auth.* TO 'halle-auth'@'localhost'");
	return 0;
}

static int each_up(void **state UNUSED)
{
	fixture_sql("DELETE FROM thing; "
		    "INSERT INTO thing (id, name) VALUES (1, 'one'), (2, 'two'), (3, 'three')");
	pool = pool_new();
	db = db_new(fixture_cfg());
	db_use_pool(db, pool);
	return 0;
}

static int each_down(void **state UNUSED)
{
	fixture_server_signal(SIGCONT); /* a failed test may have left it stopped */
	db_free(&db);
	pool_free(&pool);
	return 0;
}

static struct db *second_db(void)
{
	struct db *other = db_new(fixture_cfg());

	db_use_pool(other, pool);
	return other;
}

static void kill_connection(uint64_t id)
{
	char text[64];

	snprintf(text, sizeof(text), "KILL %" PRIu64, id);
	fixture_sql(text);
	/* its thread notices a moment later */
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
}

static uint64_t connection_id(struct db *of)
{
	assert_int_equal(db_one(of, &sql[CONNECTION], &row), DB_OK);
	return row[0].u;
}

/* So late is a hang; how busy the machine is decides nothing. */
#define NEVER_MS 20000

static int64_t ms_since(int64_t start)
{
	return (clock_mono_us() - start) / 1000;
}

static void stale_connection_is_replaced_unseen(void **state UNUSED)
{
	uint64_t id = connection_id(db);

	kill_connection(id);
	assert_int_equal(db_one(db, &sql[GET], &row, db_s("two")), DB_OK);
	assert_int_equal(row[0].u, 2);
	id = connection_id(db);
	kill_connection(id);
	assert_int_equal(db_exec(db, &sql[ADD], db_s("after"), db_i(0)), DB_OK);
	id = connection_id(db);
	kill_connection(id);
	assert_int_equal(db_begin(db), DB_OK);
	assert_int_equal(db_commit(db), DB_OK);
	assert_string_equal(fixture_ask("SELECT COUNT(*) FROM thing WHERE name = 'after'"), "1");
}

struct killer {
	uint64_t id;
	pthread_t thread;
};

static void *kill_later(void *arg)
{
	struct killer *k = arg;

	nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
	kill_connection(k->id);
	return NULL;
}

static void start_killer(struct killer *k)
{
	k->id = connection_id(db);
	assert_int_equal(pthread_create(&k->thread, NULL, kill_later, k), 0);
}

static void write_cut_while_running_is_uncertain(void **state UNUSED)
{
	struct killer k;
	uint64_t before = metrics_get(M_DB_UNCERTAIN);

	start_killer(&k);
	assert_int_equal(db_exec(db, &sql[SLOW_ADD]), DB_UNCERTAIN);
	pthread_join(k.thread, NULL);
	assert_int_equal(metrics_get(M_DB_UNCERTAIN), before + 1);
	assert_int_equal(db_one(db, &sql[COUNT_ALL], &row), DB_OK);
}

static void read_cut_while_running_is_repeated(void **state UNUSED)
{
	struct killer k;
	int64_t start = clock_mono_us();

	start_killer(&k);
	assert_int_equal(db_one(db, &sql[SLEEPER], &row, db_u(1)), DB_OK);
	pthread_join(k.thread, NULL);
	assert_true(ms_since(start) >= 1200);
	assert_true(connection_id(db) != k.id);
}

static void slow_statement_is_cut_off(void **state UNUSED)
{
	int64_t start = clock_mono_us();

	assert_int_equal(db_one(db, &sql[SLEEPER], &row, db_u(10)), DB_DOWN);
	assert_in_range(ms_since(start), 1500, NEVER_MS);
	assert_int_equal(db_one(db, &sql[COUNT_ALL], &row), DB_OK);
	assert_true(db_take_us(db) > 1500000);
	assert_true(db_take_us(db) == 0);
}

/* -- transactions -- */

struct plan {
	unsigned runs;
	unsigned kills; /* so many runs lose their connection */
	bool swallow;   /* the failure is not passed on */
	enum db_status end;
};

static enum db_status planned(struct db *of, void *arg)
{
	struct plan *p = arg;
	enum db_status st = db_exec(of, &sql[ADD], db_s("tx"), db_i(0));

	p->runs++;
	if (st == DB_OK && p->runs <= p->kills) {
		kill_connection(connection_id(of));
		st = db_exec(of, &sql[ADD], db_s("tx2"), db_i(0));
		assert_int_equal(st, DB_DOWN);
		assert_int_equal(db_exec(of, &sql[ADD], db_s("tx3"), db_i(0)), DB_DOWN);
	}
	if (st != DB_OK && !p->swallow)
		return st;
	return p->end;
}

static const char *things(void)
{
	return fixture_ask("SELECT GROUP_CONCAT(name ORDER BY id) FROM thing WHERE id > 3");
}

static void transaction_ends_as_its_function_says(void **state UNUSED)
{
	static const struct {
		struct plan plan;
		enum db_status st;
		unsigned runs;
		const char *left;
	} cases[] = {
		{ { .end = DB_OK }, DB_OK, 1, "tx" },
		{ { .end = DB_NONE }, DB_NONE, 1, "NULL" },
		{ { .end = DB_CONFLICT }, DB_CONFLICT, 1, "NULL" },
		{ { .end = DB_FAIL }, DB_FAIL, 1, "NULL" },
		{ { .end = DB_RETRY }, DB_RETRY, 4, "NULL" },
		{ { .end = DB_OK, .kills = 1 }, DB_OK, 2, "tx" },
		{ { .end = DB_NONE, .kills = 1, .swallow = true }, DB_NONE, 2, "NULL" },
		{ { .end = DB_OK, .kills = 2 }, DB_DOWN, 2, "NULL" },
		{ { .end = DB_OK, .kills = 1, .swallow = true }, DB_OK, 2, "tx" },
		{ { .end = DB_OK, .kills = 2, .swallow = true }, DB_DOWN, 2, "NULL" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct plan plan = cases[i].plan;

		assert_int_equal(db_tx(db, planned, &plan), cases[i].st);
		assert_int_equal(plan.runs, cases[i].runs);
		assert_string_equal(things(), cases[i].left);
		assert_false(db_in_tx(db));
		fixture_sql("DELETE FROM thing WHERE id > 3");
	}
}

static void doomed_transaction_changes_nothing_more(void **state UNUSED)
{
	assert_int_equal(db_begin(db), DB_OK);
	assert_int_equal(db_exec(db, &sql[ADD], db_s("a"), db_i(0)), DB_OK);
	assert_int_equal(db_exec(db, &sql[ADD], db_s("a"), db_i(0)), DB_CONFLICT);
	assert_int_equal(db_exec(db, &sql[ADD], db_s("b"), db_i(1000)), DB_FAIL);
	assert_int_equal(db_exec(db, &sql[ADD], db_s("c"), db_i(0)), DB_FAIL);
	assert_int_equal(db_commit(db), DB_FAIL);
	assert_false(db_in_tx(db));
	assert_string_equal(things(), "NULL");
}

static void conflict_alone_leaves_a_transaction_sound(void **state UNUSED)
{
	assert_int_equal(db_begin(db), DB_OK);
	assert_true(db_in_tx(db));
	assert_int_equal(db_exec(db, &sql[ADD], db_s("one"), db_i(0)), DB_CONFLICT);
	assert_int_equal(db_exec(db, &sql[ADD], db_s("c"), db_i(0)), DB_OK);
	assert_int_equal(db_commit(db), DB_OK);
	assert_string_equal(things(), "c");
}

struct crossing {
	struct db *db;
	uint64_t first, second;
	pthread_barrier_t *both_hold_one;
	unsigned runs;
	enum db_status st;
};

static enum db_status cross(struct db *of, void *arg)
{
	struct crossing *c = arg;
	enum db_status st;
	char name[16];

	snprintf(name, sizeof(name), "by%" PRIu64 "-1", c->first);
	st = db_exec(of, &sql[RENAME], db_s(name), db_u(c->first));
	if (c->runs++ == 0)
		pthread_barrier_wait(c->both_hold_one);
	snprintf(name, sizeof(name), "by%" PRIu64 "-2", c->first);
	return st == DB_OK ? db_exec(of, &sql[RENAME], db_s(name), db_u(c->second)) : st;
}

static void *cross_thread(void *arg)
{
	struct crossing *c = arg;

	c->st = db_tx(c->db, cross, c);
	return NULL;
}

static void deadlock_is_repeated_until_both_succeed(void **state UNUSED)
{
	pthread_barrier_t barrier;
	struct pool *other_pool = pool_new();
	struct db *other = second_db();
	struct crossing a = { db, 1, 2, &barrier, 0, DB_FAIL };
	struct crossing b = { other, 2, 1, &barrier, 0, DB_FAIL };
	uint64_t before = metrics_get(M_DB_RETRIES);
	pthread_t thread;

	db_use_pool(other, other_pool);
	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, cross_thread, &b), 0);
	cross_thread(&a);
	pthread_join(thread, NULL);
	assert_int_equal(a.st, DB_OK);
	assert_int_equal(b.st, DB_OK);
	assert_true(a.runs + b.runs > 2);
	assert_true(metrics_get(M_DB_RETRIES) > before);
	pthread_barrier_destroy(&barrier);
	db_free(&other);
	pool_free(&other_pool);
}

static enum db_status lock_two(struct db *of, void *arg)
{
	++*(unsigned *)arg;
	return db_one(of, &sql[LOCK_READ], &row, db_u(2));
}

static void lock_wait_is_repeated_once(void **state UNUSED)
{
	struct db *other = second_db();
	int64_t start;
	unsigned runs = 0;

	assert_int_equal(db_begin(other), DB_OK);
	assert_int_equal(db_one(other, &sql[LOCK_READ], &row, db_u(2)), DB_OK);
	start = clock_mono_us();
	assert_int_equal(db_tx(db, lock_two, &runs), DB_RETRY);
	assert_int_equal(runs, 2);
	assert_in_range(ms_since(start), 1500, NEVER_MS);
	db_rollback(other);
	assert_int_equal(db_tx(db, lock_two, &runs), DB_OK);
	db_free(&other);
}

static void read_only_server_is_down(void **state UNUSED)
{
	fixture_sql("SET GLOBAL read_only = 1");
	assert_int_equal(db_exec(db, &sql[ADD], db_s("n"), db_i(0)), DB_DOWN);
	assert_int_equal(db_one(db, &sql[COUNT_ALL], &row), DB_OK);
	fixture_sql("SET GLOBAL read_only = 0");
	assert_int_equal(db_exec(db, &sql[ADD], db_s("n"), db_i(0)), DB_OK);
}

static void loss_at_commit_is_uncertain(void **state UNUSED)
{
	assert_int_equal(db_begin(db), DB_OK);
	assert_int_equal(db_exec(db, &sql[ADD], db_s("n"), db_i(0)), DB_OK);
	kill_connection(connection_id(db));
	assert_int_equal(db_commit(db), DB_UNCERTAIN);
	assert_false(db_in_tx(db));
	assert_int_equal(db_one(db, &sql[COUNT_ALL], &row), DB_OK);
	assert_int_equal(row[0].u, 3);
}

static void dead_server_is_told_at_once_and_comes_back(void **state UNUSED)
{
	uint64_t connects = metrics_get(M_DB_CONNECTS), errors;

	assert_int_equal(db_one(db, &sql[COUNT_ALL], &row), DB_OK);
	assert_int_equal(db_begin(db), DB_OK);
	fixture_server_signal(SIGKILL);
	nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	assert_int_equal(db_exec(db, &sql[ADD], db_s("n"), db_i(0)), DB_DOWN);
	assert_int_equal(db_commit(db), DB_DOWN);
	errors = metrics_get(M_DB_ERRORS);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(db_one(db, &sql[COUNT_ALL], &row), DB_DOWN);
	assert_int_equal(db_begin(db), DB_DOWN);
	/* a few tries to connect, not one per call */
	assert_true(metrics_get(M_DB_ERRORS) < errors + 500);
	fixture_server_start();
	nanosleep(&(struct timespec){ .tv_nsec = 110000000 }, NULL);
	assert_int_equal(db_one(db, &sql[COUNT_ALL], &row), DB_OK);
	assert_int_equal(row[0].u, 3);
	assert_int_equal(metrics_get(M_DB_CONNECTS), connects + 2);
}

static void hung_server_is_waited_for_only_so_long(void **state UNUSED)
{
	struct db *fresh = second_db();
	int64_t start;

	assert_int_equal(db_exec(db, &sql[ADD], db_s("m"), db_i(0)), DB_OK);
	fixture_server_signal(SIGSTOP);
	start = clock_mono_us();
	assert_int_equal(db_exec(db, &sql[ADD], db_s("n"), db_i(0)), DB_UNCERTAIN);
	assert_in_range(ms_since(start), 1000, NEVER_MS);
	start = clock_mono_us();
	assert_int_equal(db_one(fresh, &sql[COUNT_ALL], &row), DB_DOWN);
	assert_true(ms_since(start) < NEVER_MS);
	fixture_server_signal(SIGCONT);
	nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	assert_int_equal(db_one(fresh, &sql[COUNT_ALL], &row), DB_OK);
	db_free(&fresh);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_up, each_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(stale_connection_is_replaced_unseen),
		TEST(write_cut_while_running_is_uncertain),
		TEST(read_cut_while_running_is_repeated),
		TEST(slow_statement_is_cut_off),
		TEST(transaction_ends_as_its_function_says),
		TEST(doomed_transaction_changes_nothing_more),
		TEST(conflict_alone_leaves_a_transaction_sound),
		TEST(deadlock_is_repeated_until_both_succeed),
		TEST(lock_wait_is_repeated_once),
		TEST(read_only_server_is_down),
		TEST(loss_at_commit_is_uncertain),
		TEST(dead_server_is_told_at_once_and_comes_back),
		TEST(hung_server_is_waited_for_only_so_long),
	};

	return cmocka_run_group_tests(tests, up, fixture_down);
}
