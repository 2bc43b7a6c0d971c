/* card: what is a number, whose, and until when it is good. */
#include "compat.h"
#include "card.h"
#include "clock.h"

#include <setjmp.h>
#include <cmocka.h>

static void test_numbers(void **state)
{
	static const char *const good[] = { "4242424242424242", "378282246310005",
					    "5555555555554444", "4000000000009995",
					    "6011111111111117", "4222222222222" };
	static const char *const bad[] = { "", "0", "4242424242424241", "42424242424242424242",
					   "00000000000000", "4242 4242 4242 4242",
					   "424242424242424a", "-242424242424242", "42424242426" };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(card_is_number(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(card_is_number(bad[i]));
}

/* Luhn finds every single wrong digit. */
static void test_one_wrong_digit_is_found(void **state)
{
	char number[] = "4242424242424242";

	(void)state;
	for (size_t i = 0; i < sizeof(number) - 1; i++) {
		char right = number[i];

		for (char c = '0'; c <= '9'; c++) {
			number[i] = c;
			assert_int_equal(card_is_number(number), c == right);
		}
		number[i] = right;
	}
}

static void test_brands(void **state)
{
	(void)state;
	assert_string_equal(card_brand("4242424242424242"), "visa");
	assert_string_equal(card_brand("5555555555554444"), "mastercard");
	assert_string_equal(card_brand("2223003122003222"), "mastercard");
	assert_string_equal(card_brand("378282246310005"), "amex");
	assert_string_equal(card_brand("6011111111111117"), "discover");
	assert_string_equal(card_brand("3530111333300000"), "card");
	assert_string_equal(card_last4("378282246310005"), "0005");
}

static void test_cvc(void **state)
{
	(void)state;
	assert_true(card_is_cvc("123") && card_is_cvc("0000"));
	assert_false(card_is_cvc("") || card_is_cvc("12") || card_is_cvc("12345") ||
		     card_is_cvc("12a") || card_is_cvc(" 123"));
}

static void test_a_card_is_good_to_the_end_of_its_month(void **state)
{
	struct card card = { .exp_month = 11, .exp_year = 2026 };
	int64_t end = clock_us(2026, 12, 1), least;

	(void)state;
	assert_int_equal(card_age(&card, end - 1, &least), CARD_GOOD);
	assert_int_equal(card_age(&card, end, &least), CARD_PAST_MONTH);
	assert_int_equal(least, 12);
	assert_int_equal(card_age(&card, clock_us(2027, 1, 1), &least), CARD_PAST_YEAR);
	assert_int_equal(least, 2027);
	assert_int_equal(card_age(&card, clock_us(2025, 12, 31), &least), CARD_GOOD);
}

static void test_wiped_means_overwritten(void **state)
{
	char number[] = "4242424242424242", cvc[] = "123";
	struct card card = { .number = number, .cvc = cvc };

	(void)state;
	card_wipe(&card);
	for (size_t i = 0; i < sizeof(number); i++)
		assert_int_equal(number[i], 0);
	assert_int_equal(cvc[0] | cvc[1] | cvc[2], 0);
	assert_null(card.number);
	card_wipe(&card);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_one_wrong_digit_is_found),
		cmocka_unit_test(test_brands),
		cmocka_unit_test(test_cvc),
		cmocka_unit_test(test_a_card_is_good_to_the_end_of_its_month),
		cmocka_unit_test(test_wiped_means_overwritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
