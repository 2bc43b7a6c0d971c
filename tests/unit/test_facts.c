/* test_facts.c - product facts: one batched question, remembered, and without products. */
#include "compat.h"

#include <setjmp.h>
#include <cmocka.h>

#include "facts.h"
#include "svc.h"

static struct {
	const char *reply; /* NULL: products does not answer */
	int status;
	unsigned calls;
	char asked[256];
} products;

/* Stands in for the call over HTTP. */
int peer_send(struct peer *peer UNUSED, struct peer_call *call)
{
	static struct sbuf reply;

	products.calls++;
	snprintf(products.asked, sizeof(products.asked), "%s %s %s", call->method, call->path,
		 call->body);
	assert_true(call->timeout_ms > 0);
	if (!products.reply)
		return -1;
	sbuf_free(&reply);
	sbuf_init(&reply, 1 << 20);
	sbuf_addstr(&reply, products.reply);
	call->status = products.status;
	call->reply = reply;
	return 0;
}

#define FRESH_US 100000

static struct pool *pool;
static struct facts *facts;
static struct worker worker;
static struct req req;

static const char two[] =
	"{\"success\":true,\"data\":["
	"{\"id\":3,\"name\":\"Étendoir\",\"price_cents\":7999,\"stock\":5,"
	"\"image\":\"/products/3/image\",\"available\":true,\"later\":[1]},"
	"{\"id\":1,\"name\":\"Seau\",\"price_cents\":500,\"stock\":0,\"image\":null,"
	"\"available\":true}]}";

static void answers(const char *reply, int status)
{
	products.reply = reply;
	products.status = status;
}

static int get(enum facts_source source, const uint64_t *ids, unsigned count, struct fact *out)
{
	req.deadline_us = INT64_MAX;
	return facts_get(facts, &req, source, ids, count, out);
}

static void all_missing_ids_are_asked_in_one_call_and_remembered(void **state UNUSED)
{
	static const uint64_t ids[] = { 1, 3, 8 };
	struct fact f[3];

	answers(two, 200);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(get(FACTS_FRESH, ids, 3, f), 0);
		assert_int_equal(products.calls, 1);
		assert_string_equal(products.asked,
				    "POST /internal/products/facts {\"ids\":[1,3,8]}");
		assert_string_equal(f[0].name, "Seau");
		assert_int_equal(f[0].cents, 500);
		assert_null(f[0].image);
		assert_string_equal(f[1].name, "Étendoir");
		assert_int_equal(f[1].stock, 5);
		assert_string_equal(f[1].image, "/products/3/image");
		assert_true(f[1].available);
		assert_int_equal(f[2].id, 8);
		assert_true(f[2].known);
		assert_null(f[2].name);
		assert_false(f[2].available);
	}
}

static void only_what_is_not_remembered_is_asked(void **state UNUSED)
{
	static const uint64_t one[] = { 3 }, both[] = { 3, 1 };
	struct fact f[2];

	answers(two, 200);
	assert_int_equal(get(FACTS_FRESH, one, 1, f), 0);
	assert_int_equal(get(FACTS_FRESH, both, 2, f), 0);
	assert_string_equal(products.asked, "POST /internal/products/facts {\"ids\":[1]}");
	assert_int_equal(get(FACTS_FRESH, both, 0, f), 0);
	assert_int_equal(products.calls, 2);
}

static void without_products_only_stale_facts_are_given(void **state UNUSED)
{
	static const uint64_t ids[] = { 3, 1 }, more[] = { 3, 4 };
	const struct timespec nap = { .tv_nsec = 120000000 };
	struct fact f[2];

	answers(two, 200);
	assert_int_equal(get(FACTS_FRESH, ids, 2, f), 0);
	nanosleep(&nap, NULL);
	answers(NULL, 0);
	assert_int_equal(get(FACTS_FRESH, ids, 2, f), -1);
	assert_int_equal(get(FACTS_STALE, ids, 2, f), 0);
	assert_string_equal(f[0].name, "Étendoir");
	assert_int_equal(get(FACTS_STALE, more, 2, f), -1);
	assert_string_equal(f[0].name, "Étendoir");
	assert_true(f[0].known);
	assert_false(f[1].known);
}

static void memory_asks_nobody(void **state UNUSED)
{
	static const uint64_t ids[] = { 3, 1 };
	struct fact f[2];

	answers(two, 200);
	assert_int_equal(get(FACTS_MEMORY, ids, 2, f), -1);
	assert_int_equal(products.calls, 0);
	assert_int_equal(get(FACTS_FRESH, ids, 2, f), 0);
	assert_int_equal(get(FACTS_MEMORY, ids, 2, f), 0);
	assert_int_equal(products.calls, 1);
}

static void products_that_share_a_slot_do_not_mix(void **state UNUSED)
{
	static const uint64_t ids[] = { 3, 3 + 4096 };
	struct fact f[2];

	answers(two, 200);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(get(FACTS_FRESH, ids, 2, f), 0);
		assert_true(f[0].available);
		assert_int_equal(f[1].id, 3 + 4096);
		assert_false(f[1].available);
	}
}

static void a_bad_answer_is_no_answer(void **state UNUSED)
{
	static const char *const replies[] = {
		"", "[]", "{\"success\":true}", "{\"data\":{}}", "{\"data\":[{\"id\":3}]}",
		"{\"data\":[{\"id\":3,\"name\":\"x\",\"price_cents\":-1,\"stock\":1,"
		"\"available\":true}]}",
		"{\"data\":[{\"id\":3,\"name\":\"x\",\"price_cents\":1,\"stock\":-1,"
		"\"available\":true}]}",
		"{\"data\":[{\"id\":3,\"name\":7,\"price_cents\":1,\"stock\":1,\"available\":true}]}",
	};
	static const uint64_t ids[] = { 3 };
	struct fact f[1];

	for (size_t i = 0; i < COUNT(replies); i++) {
		answers(replies[i], 200);
		assert_int_equal(get(FACTS_FRESH, ids, 1, f), -1);
	}
	answers(two, 503);
	assert_int_equal(get(FACTS_FRESH, ids, 1, f), -1);
}

static void no_time_left_means_no_question(void **state UNUSED)
{
	static const uint64_t ids[] = { 3 };
	struct fact f[1];

	answers(two, 200);
	req.deadline_us = 1;
	assert_int_equal(facts_get(facts, &req, FACTS_FRESH, ids, 1, f), -1);
	assert_int_equal(products.calls, 0);
}

static int set_up(void **state UNUSED)
{
	memset(&products, 0, sizeof(products));
	pool = pool_new();
	facts = facts_new(FRESH_US);
	req = (struct req){ .id = "r", .trace = "", .pool = pool, .worker = &worker };
	return 0;
}

static int tear_down(void **state UNUSED)
{
	facts_free(&facts);
	pool_free(&pool);
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(all_missing_ids_are_asked_in_one_call_and_remembered),
		TEST(only_what_is_not_remembered_is_asked),
		TEST(without_products_only_stale_facts_are_given),
		TEST(memory_asks_nobody),
		TEST(products_that_share_a_slot_do_not_mix),
		TEST(a_bad_answer_is_no_answer),
		TEST(no_time_left_means_no_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
