/* money: exact text forms and bounded arithmetic. */
#include "compat.h"
#include "money.h"

#include <setjmp.h>
#include <cmocka.h>

static void amounts_are_read_exactly(void **state)
{
	static const struct {
		const char *text;
		int64_t cents;
	} cases[] = {
		{ "0", 0 },
		{ "0.0", 0 },
		{ "0.01", 1 },
		{ "0.1", 10 },
		{ "0.10", 10 },
		{ "1", 100 },
		{ "79.99", 7999 },
		{ "1299", 129900 },
		{ "1.5", 150 },
		{ "999999999.99", MONEY_MAX },
	};
	int64_t cents;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		cents = -7;
		assert_int_equal(
			money_parse(cases[i].text, strlen(cases[i].text), &cents), 0);
		assert_int_equal(cents, cases[i].cents);
	}
}

static void what_is_no_amount_is_refused(void **state)
{
	static const char *const bad[] = {
		"", ".", "-1", "+1", "-0", " 1", "1 ", "1.", ".5", "00", "01", "1.234",
		"1.999", "1e2", "1E2", "1,5", "0x10", "nan", "inf", "1.2.3", "1.-2", "1.a", "١",
		"1000000000", "1000000000.00", "9999999999",
		"99999999999999999999999999.99",
	};
	int64_t cents = -7;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(money_parse(bad[i], strlen(bad[i]), &cents), -1);
	assert_int_equal(money_parse("1\0", 2, &cents), -1);
	assert_int_equal(cents, -7);
}

static void only_the_given_length_is_read(void **state)
{
	int64_t cents;

	(void)state;
	assert_int_equal(money_parse("12.345", 5, &cents), 0);
	assert_int_equal(cents, 1234);
}

static void amounts_are_written_without_trailing_zeros(void **state)
{
	static const struct {
		int64_t cents;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 1, "0.01" },
		{ 5, "0.05" },
		{ 50, "0.5" },
		{ 7999, "79.99" },
		{ 129900, "1299" },
		{ -150, "-1.5" },
		{ -1, "-0.01" },
		{ MONEY_MAX, "999999999.99" },
		{ INT64_MAX, "92233720368547758.07" },
		{ INT64_MIN, "-92233720368547758.08" },
	};
	char buf[MONEY_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_string_equal(money_format(cases[i].cents, buf), cases[i].text);
}

static void every_amount_survives_text(void **state)
{
	char buf[MONEY_TEXT];
	int64_t cents, back;

	(void)state;
	for (cents = 0; cents <= MONEY_MAX; cents = cents * 3 + 1) {
		(void)money_format(cents, buf);
		assert_int_equal(money_parse(buf, strlen(buf), &back), 0);
		assert_int_equal(back, cents);
	}
}

static void products_and_sums_stay_within_the_maximum(void **state)
{
	int64_t cents = -7;

	(void)state;
	assert_int_equal(money_times(7999, 3, &cents), 0);
	assert_int_equal(cents, 23997);
	assert_int_equal(money_times(MONEY_MAX, 1, &cents), 0);
	assert_int_equal(cents, MONEY_MAX);
	assert_int_equal(money_times(MONEY_MAX, 2, &cents), -1);
	assert_int_equal(money_times(INT64_MAX, INT64_MAX, &cents), -1);
	assert_int_equal(money_times(INT64_MIN, -1, &cents), -1);
	assert_int_equal(money_add(MONEY_MAX - 1, 1, &cents), 0);
	assert_int_equal(cents, MONEY_MAX);
	assert_int_equal(money_add(MONEY_MAX, 1, &cents), -1);
	assert_int_equal(money_add(INT64_MAX, 1, &cents), -1);
	assert_int_equal(money_add(-MONEY_MAX, -1, &cents), -1);
	assert_int_equal(money_add(5, -7, &cents), 0);
	assert_int_equal(cents, -2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amounts_are_read_exactly),
		cmocka_unit_test(what_is_no_amount_is_refused),
		cmocka_unit_test(only_the_given_length_is_read),
		cmocka_unit_test(amounts_are_written_without_trailing_zeros),
		cmocka_unit_test(every_amount_survives_text),
		cmocka_unit_test(products_and_sums_stay_within_the_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
