/* sbuf: bounded growth and the sticky overflow. */
#include "compat.h"
#include "sbuf.h"

#include <setjmp.h>
#include <cmocka.h>

static void an_empty_buffer_reads_as_an_empty_string(void **state)
{
	struct sbuf b;

	(void)state;
	sbuf_init(&b, 10);
	assert_string_equal(sbuf_str(&b), "");
	sbuf_add(&b, NULL, 0);
	assert_string_equal(sbuf_str(&b), "");
	sbuf_free(&b);
}

static void appends_follow_each_other(void **state)
{
	struct sbuf b;

	(void)state;
	sbuf_init(&b, 200);
	sbuf_addstr(&b, "a=");
	sbuf_addu64(&b, 0);
	sbuf_addch(&b, ' ');
	sbuf_addu64(&b, UINT64_MAX);
	sbuf_addch(&b, ' ');
	sbuf_addi64(&b, INT64_MIN);
	sbuf_printf(&b, " %s=%d", "x", 7);
	assert_string_equal(sbuf_str(&b),
			    "a=0 18446744073709551615 -9223372036854775808 x=7");
	assert_int_equal(b.len, strlen(b.data));
	assert_false(b.overflow);
	sbuf_free(&b);
}

static void bytes_may_hold_nul(void **state)
{
	struct sbuf b;

	(void)state;
	sbuf_init(&b, 10);
	sbuf_add(&b, "a\0b", 3);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b", 4);
	sbuf_free(&b);
}

static void the_maximum_can_be_filled_exactly(void **state)
{
	struct sbuf b;

	(void)state;
	sbuf_init(&b, 5);
	sbuf_addstr(&b, "12345");
	assert_false(b.overflow);
	assert_string_equal(b.data, "12345");
	assert_int_equal(b.cap, 6);
	sbuf_free(&b);
}

static void beyond_the_maximum_nothing_more_is_appended(void **state)
{
	struct sbuf b;

	(void)state;
	sbuf_init(&b, 5);
	sbuf_addstr(&b, "123");
	sbuf_addstr(&b, "456");
	assert_true(b.overflow);
	sbuf_addch(&b, '4');
	sbuf_printf(&b, "%d", 4);
	assert_string_equal(b.data, "123");
	sbuf_reset(&b);
	assert_false(b.overflow);
	sbuf_printf(&b, "%s", "abcdef");
	assert_true(b.overflow);
	assert_string_equal(b.data, "");
	sbuf_free(&b);
}

static void a_maximum_of_zero_holds_nothing(void **state)
{
	struct sbuf b;

	(void)state;
	sbuf_init(&b, 0);
	sbuf_addch(&b, 'x');
	assert_true(b.overflow);
	assert_string_equal(sbuf_str(&b), "");
	sbuf_free(&b);
}

static void growth_keeps_what_is_there(void **state)
{
	struct sbuf b;
	int i;

	(void)state;
	sbuf_init(&b, 1 << 20);
	for (i = 0; i < 100000; i++)
		sbuf_addch(&b, (char)('a' + i % 26));
	assert_int_equal(b.len, 100000);
	for (i = 0; i < 100000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	assert_true(b.cap > 64 * 1024);
	sbuf_reset(&b);
	assert_int_equal(b.cap, 0);
	assert_string_equal(sbuf_str(&b), "");
	sbuf_free(&b);
}

static void reset_keeps_a_small_buffer(void **state)
{
	struct sbuf b;
	const char *before;

	(void)state;
	sbuf_init(&b, 1000);
	sbuf_addstr(&b, "first");
	before = b.data;
	sbuf_reset(&b);
	sbuf_addstr(&b, "x");
	assert_ptr_equal(b.data, before);
	assert_string_equal(b.data, "x");
	sbuf_free(&b);
}

static void reserved_room_is_read_into(void **state)
{
	struct sbuf b;

	(void)state;
	sbuf_init(&b, 1000);
	sbuf_reserve(&b, 1000);
	assert_string_equal(sbuf_str(&b), "");
	assert_true(b.cap - b.len > 1000);
	memset(b.data, 'x', 1000);
	b.len = 1000;
	sbuf_addch(&b, 'y');
	assert_true(b.overflow);
	sbuf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_reads_as_an_empty_string),
		cmocka_unit_test(appends_follow_each_other),
		cmocka_unit_test(bytes_may_hold_nul),
		cmocka_unit_test(the_maximum_can_be_filled_exactly),
		cmocka_unit_test(beyond_the_maximum_nothing_more_is_appended),
		cmocka_unit_test(a_maximum_of_zero_holds_nothing),
		cmocka_unit_test(growth_keeps_what_is_there),
		cmocka_unit_test(reset_keeps_a_small_buffer),
		cmocka_unit_test(reserved_room_is_read_into),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
