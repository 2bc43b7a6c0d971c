/* field: which values a declared field takes, and the fault that each other one gets. */
#include "compat.h"
#include "field.h"
#include "money.h"

#include <setjmp.h>
#include <cmocka.h>

struct input {
	const char *str;
	uint64_t u64;
	int64_t i64;
	int64_t money;
	bool flag;
};

static bool starts_with_a(const char *value)
{
	return *value == 'a';
}

static const char *const colours[] = { "red", "green", NULL };

enum { F_STR, F_COLOUR, F_CHECKED, F_U64, F_I64, F_MONEY, F_FLAG };

static const struct field fields[] = {
	FIELD_STR(struct input, str, 2, 5, .alias = "text"),
	FIELD_STR(struct input, str, 0, 100, .choices = colours),
	FIELD_STR(struct input, str, 0, 100, .check = starts_with_a),
	FIELD_U64(struct input, u64, 1, INT64_MAX),
	FIELD_I64(struct input, i64, INT64_MIN, INT64_MAX),
	FIELD_MONEY(struct input, money, 1, MONEY_MAX),
	FIELD_BOOL(struct input, flag),
	{ 0 }
};

/* The only fault's code, or "" when there is none. */
static const char *only_fault(const struct faults *f)
{
	if (f->count == 0)
		return "";
	assert_int_equal(f->count, 1);
	assert_string_equal(f->list[0].where, "#/x");
	return f->list[0].code;
}

static void strings_are_bounded_in_code_points(void **state)
{
	static const struct {
		int field;
		const char *text;
		size_t len;
		const char *fault;
	} cases[] = {
		{ F_STR, "ab", 2, "" },
		{ F_STR, "abcde", 5, "" },
		{ F_STR, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 10, "" },
		{ F_STR, "\xf0\x9f\x9b\x92\xf0\x9f\x9b\x92", 8, "" },
		{ F_STR, "", 0, "min_length" },
		{ F_STR, "\xc3\xa9", 2, "min_length" },
		{ F_STR, "abcdef", 6, "max_length" },
		{ F_STR, "ab\0c", 4, "format" },
		{ F_STR, "ab\xff", 3, "format" },
		{ F_COLOUR, "red", 3, "" },
		{ F_COLOUR, "green", 5, "" },
		{ F_COLOUR, "Red", 3, "choice" },
		{ F_COLOUR, "", 0, "choice" },
		{ F_CHECKED, "abc", 3, "" },
		{ F_CHECKED, "xyz", 3, "format" },
		{ F_U64, "1", 1, "type" },
		{ F_MONEY, "1", 1, "type" },
		{ F_FLAG, "true", 4, "type" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct faults f = { .count = 0 };
		struct input in = { .str = NULL };

		field_set_str(&fields[cases[i].field], &in, cases[i].text, cases[i].len,
			      "#/x", &f);
		assert_string_equal(only_fault(&f), cases[i].fault);
		assert_ptr_equal(in.str, f.count ? NULL : cases[i].text);
	}
}

struct number_case {
	const char *text;
	const char *fault;
	int64_t value;
};

/* Runs the cases on one field and reads its value at offset. */
static void check_numbers(int field, const struct number_case *cases, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct faults f = { .count = 0 };
		struct input in = { .u64 = 7, .i64 = 7, .money = 7 };
		int64_t value;

		field_set_number(&fields[field], &in, cases[i].text,
				 strlen(cases[i].text), "#/x", &f);
		if (strcmp(only_fault(&f), cases[i].fault) != 0)
			fail_msg("\"%s\" gave \"%s\"", cases[i].text, only_fault(&f));
		memcpy(&value, (const char *)&in + fields[field].offset, sizeof(value));
		assert_int_equal(value, f.count ? 7 : cases[i].value);
	}
}

static void unsigned_integers_are_exact(void **state)
{
	static const struct number_case cases[] = {
		{ "1", "", 1 },
		{ "9223372036854775807", "", INT64_MAX },
		{ "0", "min" },
		{ "9223372036854775808", "max" },
		{ "18446744073709551615", "max" },
		{ "18446744073709551616", "max" },
		{ "18446744073709551617", "max" },
		{ "99999999999999999999999999", "max" },
		{ "-1", "type" },
		{ "-0", "type" },
		{ "+1", "type" },
		{ "01", "type" },
		{ "1.0", "type" },
		{ "1e2", "type" },
		{ "1E2", "type" },
		{ "0x1", "type" },
		{ "", "type" },
		{ " 1", "type" },
		{ "1 ", "type" },
		{ "abc", "type" },
		{ "NaN", "type" },
		{ "Infinity", "type" },
	};

	(void)state;
	check_numbers(F_U64, cases, COUNT(cases));
}

static void signed_integers_are_exact(void **state)
{
	static const struct number_case cases[] = {
		{ "0", "", 0 },
		{ "-0", "", 0 },
		{ "-1", "", -1 },
		{ "9223372036854775807", "", INT64_MAX },
		{ "-9223372036854775808", "", INT64_MIN },
		{ "9223372036854775808", "max" },
		{ "-9223372036854775809", "min" },
		{ "-99999999999999999999999", "min" },
		{ "-", "type" },
		{ "--1", "type" },
		{ "-01", "type" },
		{ "-1.5", "type" },
		{ "1e0", "type" },
	};

	(void)state;
	check_numbers(F_I64, cases, COUNT(cases));
}

static void money_has_two_decimals_at_most(void **state)
{
	static const struct number_case cases[] = {
		{ "0.01", "", 1 },
		{ "79.9", "", 7990 },
		{ "999999999.99", "", MONEY_MAX },
		{ "0", "min" },
		{ "0.00", "min" },
		{ "-1", "min" },
		{ "-0.001", "min" },
		{ "1000000000", "max" },
		{ "99999999999999999999999999999999", "max" },
		{ "79.999", "decimals" },
		{ "79.990", "decimals" },
		{ "0.0000000000000000000000000001", "decimals" },
		{ "1e2", "type" },
		{ "1.", "type" },
		{ ".5", "type" },
		{ "01", "type" },
		{ "1.2.3", "type" },
		{ "", "type" },
	};

	(void)state;
	check_numbers(F_MONEY, cases, COUNT(cases));
}

static void bounds_of_a_money_field_hold(void **state)
{
	const struct field price = FIELD_MONEY(struct input, money, 100, 50000);
	const struct field open = FIELD_MONEY(struct input, money, 0, INT64_MAX);
	struct faults f = { .count = 0 };
	struct input in;

	(void)state;
	field_set_number(&price, &in, "0.99", 4, "#/x", &f);
	field_set_number(&price, &in, "500.01", 6, "#/x", &f);
	field_set_number(&open, &in, "1000000000", 10, "#/x", &f);
	assert_int_equal(f.count, 3);
	assert_string_equal(f.list[0].code, "min");
	assert_int_equal(f.list[0].bound, 100);
	assert_string_equal(f.list[1].code, "max");
	assert_int_equal(f.list[1].bound, 50000);
	assert_int_equal(f.list[2].bound, MONEY_MAX);
	assert_int_equal(f.list[2].type, FIELD_TYPE_MONEY);
	field_set_number(&price, &in, "1", 1, "#/x", &f);
	assert_int_equal(in.money, 100);
	field_set_number(&price, &in, "500", 3, "#/x", &f);
	assert_int_equal(in.money, 50000);
	assert_int_equal(f.count, 3);
}

static void a_number_does_not_fit_a_string_or_a_boolean(void **state)
{
	static const int wrong[] = { F_STR, F_FLAG };
	struct input in;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(wrong); i++) {
		struct faults f = { .count = 0 };

		field_set_number(&fields[wrong[i]], &in, "1", 1, "#/x", &f);
		assert_string_equal(only_fault(&f), "type");
		assert_int_equal(f.list[0].type, fields[wrong[i]].type);
	}
}

static void fields_are_found_by_name_or_alias(void **state)
{
	(void)state;
	assert_int_equal(field_find(fields, "str", 3), F_STR);
	assert_int_equal(field_find(fields, "text", 4), F_STR);
	assert_int_equal(field_find(fields, "money", 5), F_MONEY);
	assert_int_equal(field_find(fields, "mone", 4), -1);
	assert_int_equal(field_find(fields, "money\0", 6), -1);
	assert_int_equal(field_find(fields, "", 0), -1);
}

static void faults_beyond_the_list_are_not_kept(void **state)
{
	struct faults f = { .count = 0 };
	int i;

	(void)state;
	for (i = 0; i < FAULTS_MAX + 5; i++)
		fault_add(&f, "#/x", "unknown", i, FIELD_TYPE_STR);
	assert_int_equal(f.count, FAULTS_MAX);
	assert_int_equal(f.list[FAULTS_MAX - 1].bound, FAULTS_MAX - 1);
}

static void only_well_formed_utf8_is_counted(void **state)
{
	static const struct {
		const char *bytes;
		int64_t points;
	} cases[] = {
		{ "", 0 },
		{ "abc", 3 },
		{ "\xc2\x80", 1 },
		{ "\xdf\xbf", 1 },
		{ "\xe0\xa0\x80", 1 },
		{ "\xed\x9f\xbf", 1 },
		{ "\xee\x80\x80", 1 },
		{ "\xef\xbf\xbf", 1 },
		{ "\xf0\x90\x80\x80", 1 },
		{ "\xf4\x8f\xbf\xbf", 1 },
		{ "\x80", -1 },
		{ "\xbf", -1 },
		{ "\xc0\x80", -1 },
		{ "\xc1\xbf", -1 },
		{ "\xe0\x9f\xbf", -1 },
		{ "\xed\xa0\x80", -1 },
		{ "\xed\xbf\xbf", -1 },
		{ "\xf0\x8f\xbf\xbf", -1 },
		{ "\xf4\x90\x80\x80", -1 },
		{ "\xf5\x80\x80\x80", -1 },
		{ "\xff", -1 },
		{ "\xc3", -1 },
		{ "\xe2\x82", -1 },
		{ "\xf0\x9f\x9b", -1 },
		{ "\xe2\x82x", -1 },
		{ "a\xc3\x28", -1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_int_equal(utf8_length(cases[i].bytes, strlen(cases[i].bytes)),
				 cases[i].points);
	assert_int_equal(utf8_length("a\0b", 3), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_bounded_in_code_points),
		cmocka_unit_test(unsigned_integers_are_exact),
		cmocka_unit_test(signed_integers_are_exact),
		cmocka_unit_test(money_has_two_decimals_at_most),
		cmocka_unit_test(bounds_of_a_money_field_hold),
		cmocka_unit_test(a_number_does_not_fit_a_string_or_a_boolean),
		cmocka_unit_test(fields_are_found_by_name_or_alias),
		cmocka_unit_test(faults_beyond_the_list_are_not_kept),
		cmocka_unit_test(only_well_formed_utf8_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
