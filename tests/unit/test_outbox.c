/* test_outbox.c - events between services, with a real server and a receiver here. */
#include "compat.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>

#include <cmocka.h>

#include "body.h"
#include "db_fixture.h"
#include "http_fixture.h"
#include "metrics.h"
#include "outbox.h"

#define KEY "k1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

static struct cfg *cfg;
static struct token_keys *keys;
static struct db *db;
static struct peer *peer;
static struct pool *pool;
static atomic_int receiver_status;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct http_request last;

static http_handler judge; /* instead of receiver_status; set before events are put */

static bool receive(const struct http_request *rq, int fd)
{
	int status = receiver_status;

	if (judge)
		return judge(rq, fd);

	pthread_mutex_lock(&lock);
	last = *rq;
	pthread_mutex_unlock(&lock);
	return status && http_answer(fd, status, "");
}

static int up(void **state)
{
	struct sbuf error;
	char line[128];

	signal(SIGPIPE, SIG_IGN);
	fixture_up(state);
	sbuf_init(&error, 1024);
	snprintf(line, sizeof(line), "db_password_file = auth.pw\ninternal_socket = %s/http\n",
		 fixture_dir());
	cfg = fixture_cfg_with(line);
	keys = token_keys_parse(KEY, "halle", &error);
	sbuf_free(&error);
	http_start(cfg_str(cfg, CFG_INTERNAL_SOCKET), receive);
	return 0;
}

static int down(void **state)
{
	http_stop();
	token_keys_free(&keys);
	cfg_free(&cfg);
	return fixture_down(state);
}

static int each_up(void **state UNUSED)
{
	fixture_sql("DELETE FROM outbox; DELETE FROM inbox");
	receiver_status = 204;
	judge = NULL;
	pool = pool_new();
	db = db_new(cfg);
	db_use_pool(db, pool);
	peer = peer_new(cfg, "auth", keys);
	return 0;
}

static int each_down(void **state UNUSED)
{
	peer_free(&peer);
	db_free(&db);
	pool_free(&pool);
	return 0;
}

static void put(const char *data)
{
	assert_int_equal(outbox_put(db, "users", "user.created", data, strlen(data), NULL), DB_OK);
}

static const char *waiting(void)
{
	return fixture_ask("SELECT CONCAT(COUNT(*), '/', COALESCE(SUM(attempts), 0),"
			   " '/', SUM(due_at > NOW(6))) FROM outbox");
}

static void event_arrives_and_is_forgotten(void **state UNUSED)
{
	static const char data[] = "{\"user_id\":7,\"username\":\"Zoé\"}";
	unsigned char id[16];
	char text[UUID_TEXT];
	uint64_t before = metrics_get(M_OUTBOX_DELIVERED);

	assert_int_equal(outbox_put(db, "users", "user.created", data, strlen(data), id), DB_OK);
	assert_int_equal(outbox_deliver(db, peer, 1000), 1);
	assert_string_equal(last.method, "POST");
	assert_string_equal(last.path, "/internal/users/events");
	assert_string_equal(body_member(last.body, last.body_len, "data", pool), data);
	assert_non_null(strstr(last.body, uuid_text(id, text)));
	assert_non_null(strstr(last.body, "\"type\":\"user.created\""));
	assert_string_equal(fixture_ask("SELECT COUNT(*) FROM outbox"), "0");
	assert_int_equal(outbox_deliver(db, peer, 1000), 0);
	assert_int_equal(metrics_get(M_OUTBOX_DELIVERED), before + 1);
}

static void event_of_a_rolled_back_change_never_leaves(void **state UNUSED)
{
	assert_int_equal(db_begin(db), DB_OK);
	put("{}");
	db_rollback(db);
	assert_int_equal(outbox_deliver(db, peer, 1000), 0);
}

static void refused_event_waits_longer_each_time(void **state UNUSED)
{
	static const int statuses[] = { 503, 404, 0 };
	static const char *const waits[] = { "200000", "400000", "800000" };

	put("{}");
	for (size_t i = 0; i < COUNT(statuses); i++) {
		char expected[32];

		receiver_status = statuses[i];
		fixture_sql("UPDATE outbox SET due_at = NOW(6)");
		assert_int_equal(outbox_deliver(db, peer, 1000), 0);
		snprintf(expected, sizeof(expected), "1/%zu/1", i + 1);
		assert_string_equal(waiting(), expected);
		assert_true(strtoul(fixture_ask("SELECT TIMESTAMPDIFF(MICROSECOND, NOW(6),"
						" due_at) FROM outbox"), NULL, 10) <=
			    strtoul(waits[i], NULL, 10));
		assert_int_equal(outbox_deliver(db, peer, 1000), 0);
		assert_string_equal(waiting(), expected);
	}
	receiver_status = 200;
	fixture_sql("UPDATE outbox SET due_at = NOW(6), attempts = 1000000");
	receiver_status = 500;
	assert_int_equal(outbox_deliver(db, peer, 1000), 0);
	assert_string_equal(fixture_ask("SELECT due_at BETWEEN NOW(6) + INTERVAL 55 SECOND AND"
					" NOW(6) + INTERVAL 60 SECOND FROM outbox"), "1");
	receiver_status = 200;
	fixture_sql("UPDATE outbox SET due_at = NOW(6)");
	assert_int_equal(outbox_deliver(db, peer, 1000), 1);
}

static void a_pass_takes_sixty_four_at_most(void **state UNUSED)
{
	for (int i = 0; i < 70; i++)
		put("{}");
	assert_int_equal(outbox_deliver(db, peer, 1000), 64);
	assert_int_equal(outbox_deliver(db, peer, 1000), 6);
}

static bool receive_odd(const struct http_request *rq, int fd)
{
	const char *n = strstr(rq->body, "\"n\":");

	return http_answer(fd, n && strtoul(n + 4, NULL, 10) % 2 ? 204 : 503, "");
}

static bool receive_no_users(const struct http_request *rq, int fd)
{
	return !strstr(rq->path, "/users/") && http_answer(fd, 204, "");
}

static void events_sent_together_are_settled_each_by_its_own_answer(void **state UNUSED)
{
	char data[32];

	judge = receive_odd;
	for (int i = 0; i < 10; i++) {
		snprintf(data, sizeof(data), "{\"n\":%d}", i);
		put(data);
	}
	assert_int_equal(outbox_deliver(db, peer, 1000), 5);
	assert_string_equal(waiting(), "5/5/5");
	assert_string_equal(fixture_ask("SELECT GROUP_CONCAT(JSON_VALUE(data, '$.n') ORDER BY id)"
					" FROM outbox"), "0,2,4,6,8");
}

static void a_silent_receiver_does_not_keep_the_others_events(void **state UNUSED)
{
	judge = receive_no_users;
	for (int i = 0; i < 3; i++) {
		put("{}");
		assert_int_equal(outbox_put(db, "carts", "user.created", "{}", 2, NULL), DB_OK);
	}
	assert_int_equal(outbox_deliver(db, peer, 1000), 3);
	assert_string_equal(waiting(), "3/3/3");
	assert_string_equal(fixture_ask("SELECT GROUP_CONCAT(DISTINCT service) FROM outbox"),
			    "users");
}

static void *deliver_all(void *arg)
{
	struct db *own = db_new(cfg);
	struct peer *own_peer = peer_new(cfg, "auth", keys);
	int n;

	while ((n = outbox_deliver(own, own_peer, 1000)) > 0)
		atomic_fetch_add((atomic_int *)arg, n);
	peer_free(&own_peer);
	db_free(&own);
	return NULL;
}

static void several_dispatchers_deliver_each_event_once(void **state UNUSED)
{
	atomic_int delivered = 0;
	unsigned before = http_requests();
	pthread_t threads[3];

	for (int i = 0; i < 100; i++)
		put("{}");
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, deliver_all, &delivered);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	while (outbox_deliver(db, peer, 1000) > 0)
		;
	assert_int_equal(http_requests() - before, 100);
	assert_string_equal(fixture_ask("SELECT COUNT(*) FROM outbox"), "0");
}

static void leased_event_of_a_dead_dispatcher_comes_due_again(void **state UNUSED)
{
	put("{}");
	fixture_sql("UPDATE outbox SET due_at = NOW(6) + INTERVAL 300000 MICROSECOND");
	assert_int_equal(outbox_deliver(db, peer, 1000), 0);
	nanosleep(&(struct timespec){ .tv_nsec = 350000000 }, NULL);
	assert_int_equal(outbox_deliver(db, peer, 1000), 1);
}

static void what_does_not_fit_into_the_lease_is_left(void **state UNUSED)
{
	put("{}");
	assert_int_equal(outbox_deliver(db, peer, 10001), 0);
	assert_string_equal(waiting(), "1/0/1");
}

static void receiver_knows_what_it_has_seen(void **state UNUSED)
{
	unsigned char id[16];

	rnd_uuid7(id);
	assert_int_equal(inbox_enter(db, id), DB_OK);
	assert_int_equal(inbox_enter(db, id), DB_CONFLICT);
	id[15] ^= 1;
	assert_int_equal(inbox_enter(db, id), DB_OK);
}

static void old_inbox_rows_are_purged(void **state UNUSED)
{
	unsigned char id[16];

	rnd_uuid7(id);
	assert_int_equal(inbox_enter(db, id), DB_OK);
	fixture_sql("INSERT INTO inbox SELECT UNHEX(MD5(seq)), NOW(6) - INTERVAL 31 DAY"
		    " FROM seq_1_to_1500");
	assert_int_equal(inbox_purge(db), DB_OK);
	assert_string_equal(fixture_ask("SELECT COUNT(*) FROM inbox"), "501");
	assert_int_equal(inbox_purge(db), DB_OK);
	assert_string_equal(fixture_ask("SELECT COUNT(*) FROM inbox"), "1");
}

static void absent_database_is_told(void **state UNUSED)
{
	assert_int_equal(outbox_deliver(db, peer, 1000), 0);
	fixture_server_stop();
	assert_int_equal(outbox_deliver(db, peer, 1000), -1);
	fixture_server_start();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_up, each_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(event_arrives_and_is_forgotten),
		TEST(event_of_a_rolled_back_change_never_leaves),
		TEST(refused_event_waits_longer_each_time),
		TEST(a_pass_takes_sixty_four_at_most),
		TEST(events_sent_together_are_settled_each_by_its_own_answer),
		TEST(a_silent_receiver_does_not_keep_the_others_events),
		TEST(several_dispatchers_deliver_each_event_once),
		TEST(leased_event_of_a_dead_dispatcher_comes_due_again),
		TEST(what_does_not_fit_into_the_lease_is_left),
		TEST(receiver_knows_what_it_has_seen),
		TEST(old_inbox_rows_are_purged),
		TEST(absent_database_is_told),
	};

	return cmocka_run_group_tests(tests, up, down);
}
