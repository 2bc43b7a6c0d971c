/* clock: text form, freezing, and that durations never run backwards. */
#include "compat.h"
#include "clock.h"

#include <setjmp.h>
#include <cmocka.h>

static void instants_read_as_rfc3339(void **state)
{
	static const struct {
		int64_t us;
		bool micros;
		const char *text;
	} cases[] = {
		{ 0, false, "1970-01-01T00:00:00Z" },
		{ 0, true, "1970-01-01T00:00:00.000000Z" },
		{ 1795168800123456, true, "2026-11-20T10:00:00.123456Z" },
		{ 1795168800999999, false, "2026-11-20T10:00:00Z" },
		{ 951782400000000, false, "2000-02-29T00:00:00Z" },
		{ 1709251199000000, false, "2024-02-29T23:59:59Z" },
		{ 4107542400000000, false, "2100-03-01T00:00:00Z" },
		{ -62167219200000000, false, "0000-01-01T00:00:00Z" },
		{ -1, true, "1969-12-31T23:59:59.999999Z" },
		{ INT64_MAX, true, "294247-01-10T04:00:54.775807Z" },
	};
	char buf[CLOCK_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_string_equal(clock_rfc3339(cases[i].us, cases[i].micros, buf),
				    cases[i].text);
	assert_true(strlen(clock_rfc3339(INT64_MIN, true, buf)) < CLOCK_TEXT);
}

static void days_begin_where_the_text_says(void **state)
{
	char buf[CLOCK_TEXT];

	(void)state;
	assert_int_equal(clock_us(1970, 1, 1), 0);
	assert_int_equal(clock_us(1969, 12, 31), INT64_C(-86400000000));
	for (int64_t day = -800000; day < 800000; day += 13) {
		int64_t us = day * INT64_C(86400000000);
		int y, m, d;

		if (sscanf(clock_rfc3339(us, false, buf), "%4d-%2d-%2dT00:00:00Z", &y, &m, &d) == 3 && y > 0)
			assert_int_equal(clock_us(y, m, d), us);
	}
}

static void the_wall_clock_can_be_frozen(void **state)
{
	(void)state;
	clock_set_test(42);
	assert_int_equal(clock_wall_us(), 42);
	clock_set_test(0);
	assert_true(clock_wall_us() > INT64_C(1577836800000000));
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
	int64_t last = clock_mono_us();
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		int64_t now = clock_mono_us();

		assert_true(now >= last);
		last = now;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instants_read_as_rfc3339),
		cmocka_unit_test(days_begin_where_the_text_says),
		cmocka_unit_test(the_wall_clock_can_be_frozen),
		cmocka_unit_test(the_monotonic_clock_does_not_go_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
