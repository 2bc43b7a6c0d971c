/* test_idem.c - Idempotency-Key, with a real server. */
#include "compat.h"

#include <pthread.h>
#include <setjmp.h>

#include <cmocka.h>

#include "body.h"
#include "db_fixture.h"
#include "idem.h"
#include "resp.h"

/* One request and what it owns. */
struct call {
	struct req req;
	struct sbuf head, body;
	enum idem_result entered;
	enum db_status st;
};

static struct call *call_new(const char *key, uint64_t user_id, const char *body)
{
	struct call *c = xcalloc(1, sizeof(*c));

	sbuf_init(&c->head, 65536);
	sbuf_init(&c->body, 1 << 20);
	c->req = (struct req){
		.method = M_POST, .path = "/things", .query = "", .id = "r1", .origin = "",
		.body = body, .body_len = strlen(body), .idempotency_key = key,
		.who = { .user_id = user_id }, .pool = pool_new(),
		.db = db_new(fixture_cfg()), .head_out = &c->head, .body_out = &c->body,
	};
	db_use_pool(c->req.db, c->req.pool);
	return c;
}

static void call_free(struct call *c)
{
	db_free(&c->req.db);
	pool_free(&c->req.pool);
	sbuf_free(&c->head);
	sbuf_free(&c->body);
	free(c);
}

/* What route does for a ROUTE_TX route whose handler answers 201. */
static enum db_status handle(struct db *db UNUSED, void *arg)
{
	struct call *c = arg;

	c->entered = idem_enter(&c->req, "/things");
	if (c->entered != IDEM_NEW)
		return c->entered == IDEM_REPLAY ? DB_OK : DB_NONE;
	jw_u64(resp_data(&c->req, 201), 42);
	resp_header(&c->req, "Location", "/things/42");
	resp_done(&c->req);
	return idem_leave(&c->req);
}

static void send_call(struct call *c, enum idem_result expected, int status)
{
	c->st = db_tx(c->req.db, handle, c);
	assert_int_equal(c->entered, expected);
	assert_int_equal(c->st, expected == IDEM_REFUSED ? DB_NONE : DB_OK);
	assert_int_equal(c->req.status, status);
}

static void once(const char *key, uint64_t user_id, const char *body, enum idem_result expected,
		 int status)
{
	struct call *c = call_new(key, user_id, body);

	send_call(c, expected, status);
	call_free(c);
}

static int each_up(void **state UNUSED)
{
	fixture_sql("DELETE FROM idem");
	return 0;
}

static void no_key_stores_nothing(void **state UNUSED)
{
	once(NULL, 1, "{}", IDEM_NEW, 201);
	once(NULL, 1, "{}", IDEM_NEW, 201);
	assert_string_equal(fixture_ask("SELECT COUNT(*) FROM idem"), "0");
}

static void repetition_gets_the_first_answer(void **state UNUSED)
{
	struct call *first = call_new("key-1", 1, "{\"a\":1}");
	struct call *again = call_new("key-1", 1, "{\"a\":1}");

	send_call(first, IDEM_NEW, 201);
	send_call(again, IDEM_REPLAY, 201);
	assert_string_equal(sbuf_str(&again->body), sbuf_str(&first->body));
	assert_non_null(strstr(sbuf_str(&again->head), "Location: /things/42\r\n"));
	assert_non_null(strstr(sbuf_str(&again->head), "Idempotent-Replayed: true\r\n"));
	assert_null(strstr(sbuf_str(&first->head), "Idempotent-Replayed"));
	call_free(first);
	call_free(again);
}

static void another_request_with_the_key_is_refused(void **state UNUSED)
{
	struct call *c;

	once("key-1", 1, "{\"a\":1}", IDEM_NEW, 201);
	once("key-1", 1, "{\"a\":2}", IDEM_REFUSED, 422);
	once("key-1", 1, "", IDEM_REFUSED, 422);
	c = call_new("key-1", 1, "{\"a\":1}");
	c->req.arg[0] = 9;
	send_call(c, IDEM_REFUSED, 422);
	assert_int_equal(c->req.error, ERR_IDEMPOTENCY_KEY_REUSED);
	call_free(c);
	c = call_new("key-1", 1, "{\"a\":1}");
	c->req.uuid[0] = 9;
	send_call(c, IDEM_REFUSED, 422);
	call_free(c);
	c = call_new("key-1", 1, "{\"a\":1}");
	c->req.method = M_PATCH;
	send_call(c, IDEM_REFUSED, 422);
	call_free(c);
	once("key-1", 1, "{\"a\":1}", IDEM_REPLAY, 201);
}

static void keys_belong_to_their_owner(void **state UNUSED)
{
	struct call *c;

	once("key-1", 1, "{}", IDEM_NEW, 201);
	once("key-1", 2, "{\"other\":1}", IDEM_NEW, 201);
	once("key-1", 0, "{}", IDEM_NEW, 201);
	c = call_new("key-1", 0, "{\"other\":1}");
	snprintf(c->req.who.username, sizeof(c->req.who.username), "carts");
	send_call(c, IDEM_NEW, 201);
	call_free(c);
	once("key-2", 1, "{}", IDEM_NEW, 201);
}

static void rolled_back_change_leaves_the_key_free(void **state UNUSED)
{
	struct call *c = call_new("key-1", 1, "{}");

	assert_int_equal(db_begin(c->req.db), DB_OK);
	assert_int_equal(idem_enter(&c->req, "/things"), IDEM_NEW);
	db_rollback(c->req.db);
	call_free(c);
	once("key-1", 1, "{\"other\":1}", IDEM_NEW, 201);
}

static void bytes_come_back_exactly(void **state UNUSED)
{
	static const char bytes[] = "\0\x01\xff\xfe\r\n'\"\\%";
	struct call *c = call_new("key-1", 1, "{}"), *again = call_new("key-1", 1, "{}");

	assert_int_equal(db_begin(c->req.db), DB_OK);
	assert_int_equal(idem_enter(&c->req, "/things"), IDEM_NEW);
	resp_bytes(&c->req, 200, "image/png", bytes, sizeof(bytes));
	assert_int_equal(idem_leave(&c->req), DB_OK);
	assert_int_equal(db_commit(c->req.db), DB_OK);
	send_call(again, IDEM_REPLAY, 200);
	assert_int_equal(again->body.len, sizeof(bytes));
	assert_memory_equal(again->body.data, bytes, sizeof(bytes));
	assert_non_null(strstr(sbuf_str(&again->head), "Content-Type: image/png\r\n"));
	call_free(c);
	call_free(again);
}

static void *send_in_thread(void *arg)
{
	struct call *c = arg;

	c->st = db_tx(c->req.db, handle, c);
	return NULL;
}

static void waiting_request_replays_once_the_first_is_done(void **state UNUSED)
{
	struct call *first = call_new("key-1", 1, "{}"), *second = call_new("key-1", 1, "{}");
	pthread_t thread;

	assert_int_equal(db_begin(first->req.db), DB_OK);
	assert_int_equal(idem_enter(&first->req, "/things"), IDEM_NEW);
	assert_int_equal(pthread_create(&thread, NULL, send_in_thread, second), 0);
	nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
	resp_message(&first->req, 200, "done", "fait");
	assert_int_equal(idem_leave(&first->req), DB_OK);
	assert_int_equal(db_commit(first->req.db), DB_OK);
	pthread_join(thread, NULL);
	assert_int_equal(second->entered, IDEM_REPLAY);
	assert_string_equal(sbuf_str(&second->body), sbuf_str(&first->body));
	call_free(first);
	call_free(second);
}

static void request_that_runs_too_long_is_told_busy(void **state UNUSED)
{
	struct call *first = call_new("key-1", 1, "{}"), *second = call_new("key-1", 1, "{}");

	assert_int_equal(db_begin(first->req.db), DB_OK);
	assert_int_equal(idem_enter(&first->req, "/things"), IDEM_NEW);
	send_call(second, IDEM_REFUSED, 409);
	assert_int_equal(second->req.error, ERR_IDEMPOTENCY_KEY_BUSY);
	assert_non_null(strstr(sbuf_str(&second->head), "Retry-After: 1\r\n"));
	db_rollback(first->req.db);
	send_call(second, IDEM_NEW, 201);
	call_free(first);
	call_free(second);
}

static void of_many_at_once_one_acts(void **state UNUSED)
{
	struct call *calls[12];
	pthread_t threads[12];
	unsigned acted = 0;

	for (size_t i = 0; i < COUNT(calls); i++) {
		calls[i] = call_new("key-1", 1, "{}");
		assert_int_equal(pthread_create(&threads[i], NULL, send_in_thread, calls[i]), 0);
	}
	for (size_t i = 0; i < COUNT(calls); i++) {
		pthread_join(threads[i], NULL);
		acted += calls[i]->entered == IDEM_NEW;
		assert_true(calls[i]->req.status == 201 || calls[i]->req.status == 409);
		call_free(calls[i]);
	}
	assert_int_equal(acted, 1);
}

static void old_keys_are_purged(void **state UNUSED)
{
	struct call *c = call_new(NULL, 1, "");

	once("key-1", 1, "{}", IDEM_NEW, 201);
	once("key-2", 1, "{}", IDEM_NEW, 201);
	fixture_sql("UPDATE idem SET created_at = NOW(6) - INTERVAL 25 HOUR LIMIT 1");
	assert_int_equal(idem_purge(c->req.db), DB_OK);
	assert_string_equal(fixture_ask("SELECT COUNT(*) FROM idem"), "1");
	call_free(c);
}

static void absent_database_is_answered_503(void **state UNUSED)
{
	struct call *c = call_new("key-1", 1, "{}");

	fixture_server_stop();
	assert_int_equal(idem_enter(&c->req, "/things"), IDEM_REFUSED);
	assert_int_equal(c->req.status, 503);
	fixture_server_start();
	call_free(c);
}

#define TEST(name) cmocka_unit_test_setup(name, each_up)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(no_key_stores_nothing),
		TEST(repetition_gets_the_first_answer),
		TEST(another_request_with_the_key_is_refused),
		TEST(keys_belong_to_their_owner),
		TEST(rolled_back_change_leaves_the_key_free),
		TEST(bytes_come_back_exactly),
		TEST(waiting_request_replays_once_the_first_is_done),
		TEST(request_that_runs_too_long_is_told_busy),
		TEST(of_many_at_once_one_acts),
		TEST(old_keys_are_purged),
		TEST(absent_database_is_answered_503),
	};

	return cmocka_run_group_tests(tests, fixture_up, fixture_down);
}
