/* pool: lifetime, alignment and clean-ups of request memory. */
#include "compat.h"
#include "pool.h"

#include <setjmp.h>
#include <cmocka.h>

static void memory_is_zeroed_again_after_a_reset(void **state)
{
	struct pool *pool = pool_new();
	int round;

	(void)state;
	for (round = 0; round < 3; round++) {
		unsigned char *p = pool_alloc(pool, 1000);
		size_t i;

		for (i = 0; i < 1000; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, 1000);
		pool_reset(pool);
	}
	pool_free(&pool);
	assert_null(pool);
}

static void every_size_is_aligned_and_apart(void **state)
{
	static const size_t sizes[] = { 0, 1, 7, 8, 15, 16, 17,
					4095, 4096, 4097, 16384, 70000 };
	struct pool *pool = pool_new();
	unsigned char *at[COUNT(sizes)];
	size_t i, j;

	(void)state;
	for (i = 0; i < COUNT(sizes); i++) {
		at[i] = pool_alloc(pool, sizes[i]);
		assert_int_equal((uintptr_t)at[i] % _Alignof(max_align_t), 0);
		memset(at[i], (int)i + 1, sizes[i]);
	}
	for (i = 0; i < COUNT(sizes); i++)
		for (j = 0; j < sizes[i]; j++)
			assert_int_equal(at[i][j], i + 1);
	pool_free(&pool);
}

static void many_blocks_are_filled_and_released(void **state)
{
	struct pool *pool = pool_new();
	int i, round;

	(void)state;
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 2000; i++)
			memset(pool_alloc(pool, 100), 1, 100);
		pool_reset(pool);
	}
	pool_free(&pool);
}

static void copies_end_with_nul(void **state)
{
	struct pool *pool = pool_new();

	(void)state;
	assert_memory_equal(pool_dup(pool, "a\0b", 3), "a\0b", 4);
	assert_string_equal(pool_dup(pool, NULL, 0), "");
	assert_string_equal(pool_strdup(pool, "abc"), "abc");
	assert_string_equal(pool_printf(pool, "%s-%05d", "x", 42), "x-00042");
	assert_int_equal(strlen(pool_printf(pool, "%9000d", 1)), 9000);
	pool_free(&pool);
}

static char order[8];
static size_t order_len;

static void note(void *arg)
{
	order[order_len++] = *(const char *)arg;
}

static void clean_ups_run_once_newest_first(void **state)
{
	struct pool *pool = pool_new();

	(void)state;
	order_len = 0;
	pool_cleanup(pool, note, pool_strdup(pool, "a"));
	pool_cleanup(pool, note, pool_strdup(pool, "b"));
	pool_reset(pool);
	assert_int_equal(order_len, 2);
	assert_memory_equal(order, "ba", 2);
	pool_reset(pool);
	assert_int_equal(order_len, 2);
	pool_cleanup(pool, note, pool_strdup(pool, "c"));
	pool_free(&pool);
	assert_memory_equal(order, "bac", 3);
	pool_free(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_again_after_a_reset),
		cmocka_unit_test(every_size_is_aligned_and_apart),
		cmocka_unit_test(many_blocks_are_filled_and_released),
		cmocka_unit_test(copies_end_with_nul),
		cmocka_unit_test(clean_ups_run_once_newest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
