/* test_lines.c - folding, comparing and adding up the lines of a reservation. */
#include "compat.h"

#include <setjmp.h>
#include <cmocka.h>

#include "lines.h"
#include "money.h"

static struct lines lines_of(const int64_t *pairs, unsigned count)
{
	struct lines l = { .count = 0 };

	for (unsigned i = 0; i < count; i++)
		lines_add(&l, (uint64_t)pairs[2 * i], pairs[2 * i + 1]);
	return l;
}

#define LINES(...)                                                                      \
	lines_of((const int64_t[]){ __VA_ARGS__ }, COUNT(((const int64_t[]){ __VA_ARGS__ })) / 2)

static void folding_sorts_and_adds_up(void **state UNUSED)
{
	struct lines l = LINES(9, 2, 3, 999, 9, 1, INT64_MAX, 1, 3, 999, 9, 4);
	struct lines wanted = LINES(3, 1998, 9, 7, INT64_MAX, 1);

	lines_fold(&l);
	assert_true(lines_equal(&l, &wanted));
}

static void folding_nothing_gives_nothing(void **state UNUSED)
{
	struct lines l = { .count = 0 };

	lines_fold(&l);
	assert_int_equal(l.count, 0);
}

static void folding_keeps_what_is_known_of_products(void **state UNUSED)
{
	struct lines l = LINES(9, 2, 3, 1);

	l.line[0].price_cents = 90;
	l.line[1].price_cents = 30;
	lines_fold(&l);
	assert_int_equal(l.line[0].price_cents, 30);
	assert_int_equal(l.line[1].price_cents, 90);
}

static void as_many_as_fit_are_folded(void **state UNUSED)
{
	struct lines l = { .count = 0 };

	for (uint64_t i = 0; i < LINES_MAX; i++)
		lines_add(&l, 1 + i % 2, LINE_QUANTITY_MAX);
	lines_fold(&l);
	assert_int_equal(l.count, 2);
	assert_int_equal(l.line[1].quantity, LINES_MAX / 2 * LINE_QUANTITY_MAX);
}

static void lines_differ_by_product_quantity_and_number(void **state UNUSED)
{
	struct lines a = LINES(3, 1, 9, 2), shorter = LINES(3, 1);
	struct lines other = LINES(3, 1, 8, 2), more = LINES(3, 1, 9, 3);

	assert_true(lines_equal(&a, &a));
	assert_false(lines_equal(&a, &shorter));
	assert_false(lines_equal(&a, &other));
	assert_false(lines_equal(&a, &more));
}

static void the_total_is_exact_and_bounded(void **state UNUSED)
{
	struct lines l = LINES(3, 3, 9, 1);
	int64_t cents;

	l.line[0].price_cents = 33333333333;
	l.line[1].price_cents = 0;
	assert_int_equal(lines_total(&l, &cents), 0);
	assert_int_equal(cents, MONEY_MAX);
	l.line[1].price_cents = 1;
	assert_int_equal(lines_total(&l, &cents), -1);
	l.line[0].quantity = 4;
	assert_int_equal(lines_total(&l, &cents), -1);
}

static void short_is_more_than_there_is(void **state UNUSED)
{
	struct lines l = LINES(3, 3, 9, 1);

	l.line[0].stock = 3;
	l.line[1].stock = 1;
	assert_false(lines_short(&l));
	l.line[1].stock = 0;
	assert_true(lines_short(&l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folding_sorts_and_adds_up),
		cmocka_unit_test(folding_nothing_gives_nothing),
		cmocka_unit_test(folding_keeps_what_is_known_of_products),
		cmocka_unit_test(as_many_as_fit_are_folded),
		cmocka_unit_test(lines_differ_by_product_quantity_and_number),
		cmocka_unit_test(the_total_is_exact_and_bounded),
		cmocka_unit_test(short_is_more_than_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
