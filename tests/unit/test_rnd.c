/* rnd: forms of UUIDs and hexadecimal, and no obvious bias. */
#include "compat.h"
#include "clock.h"
#include "rnd.h"

#include <setjmp.h>
#include <cmocka.h>

static void bytes_differ_between_calls(void **state)
{
	unsigned char a[32] = { 0 }, b[32] = { 0 };

	(void)state;
	rnd_bytes(a, sizeof(a));
	rnd_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	rnd_bytes(a, 0);
}

static void numbers_stay_below_the_bound_and_reach_all_values(void **state)
{
	unsigned seen[6] = { 0 };
	int i;

	(void)state;
	assert_int_equal(rnd_below(1), 0);
	for (i = 0; i < 6000; i++) {
		uint32_t v = rnd_below(6);

		assert_true(v < 6);
		seen[v]++;
	}
	/* 1000 expected of each; 300 is ten standard deviations away */
	for (i = 0; i < 6; i++)
		assert_in_range(seen[i], 700, 1300);
	assert_true(rnd_below(UINT32_MAX) < UINT32_MAX);
}

static void uuids_carry_version_variant_and_time(void **state)
{
	unsigned char a[16], b[16];
	char text[UUID_TEXT];

	(void)state;
	clock_set_test(INT64_C(0x0123456789ab) * 1000 + 999);
	rnd_uuid7(a);
	rnd_uuid7(b);
	clock_set_test(0);
	assert_memory_equal(a, "\x01\x23\x45\x67\x89\xab", 6);
	assert_int_equal(a[6] >> 4, 7);
	assert_int_equal(uuid7_ms(a), INT64_C(0x0123456789ab));
	assert_int_equal(a[8] >> 6, 2);
	assert_memory_not_equal(a, b, 16);
	assert_memory_equal(uuid_text(a, text), "01234567-89ab-7", 15);
	assert_int_equal(strlen(text), 36);
	assert_int_equal(text[18], '-');
	assert_int_equal(text[23], '-');
	a[6] = 0x4f;
	assert_int_equal(uuid7_ms(a), -1);
}

static void hexadecimal_goes_there_and_back(void **state)
{
	const unsigned char bytes[] = { 0x00, 0x7f, 0xab, 0xff };
	unsigned char back[4];
	char text[9];

	(void)state;
	hex_encode(bytes, 4, text);
	assert_string_equal(text, "007fabff");
	assert_int_equal(hex_decode(text, 8, back, 4), 0);
	assert_memory_equal(bytes, back, 4);
	assert_int_equal(hex_decode("007FaBFF", 8, back, 4), 0);
	assert_memory_equal(bytes, back, 4);
	hex_encode(bytes, 0, text);
	assert_string_equal(text, "");
}

static void what_is_not_hexadecimal_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "0", "00112", "001122", "0011223", "001122334", "0011223g", "00 11223",
		"-0112233",
	};
	unsigned char out[4];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(hex_decode(bad[i], strlen(bad[i]), out, 4), -1);
}

static void a_uuid_is_read_as_it_is_written(void **state UNUSED)
{
	static const char *const bad[] = {
		"", "0192f000", "0192f000-0000-7000-8000-00000000000", "0192f000-0000-7000-8000-00000000000g",
		"0192f0000-000-7000-8000-000000000001", "0192f000 0000-7000-8000-000000000001",
	};
	unsigned char uuid[16], back[16];
	char text[UUID_TEXT];

	rnd_uuid7(uuid);
	uuid_text(uuid, text);
	assert_int_equal(uuid_parse(text, strlen(text), back), 0);
	assert_true(uuid_is(text));
	assert_memory_equal(uuid, back, sizeof(uuid));
	assert_int_equal(uuid_parse("0192F000-0000-7000-8000-00000000ABCD", 36, back), 0);
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(uuid_parse(bad[i], strlen(bad[i]), back), -1);
		assert_false(uuid_is(bad[i]));
	}
}

/* printf 'order-items\0007\000key' | sha256sum, with version and variant put in */
static void a_named_uuid_is_always_the_same(void **state UNUSED)
{
	unsigned char uuid[16], other[16];
	char text[UUID_TEXT];

	uuid8_named("order-items", "7", "key", uuid);
	assert_string_equal(uuid_text(uuid, text), "be81393e-56f2-8dfd-bd00-8dd192c602a7");
	uuid8_named("order-items", "7k", "ey", other);
	assert_memory_not_equal(uuid, other, sizeof(uuid));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_named_uuid_is_always_the_same),
		cmocka_unit_test(bytes_differ_between_calls),
		cmocka_unit_test(numbers_stay_below_the_bound_and_reach_all_values),
		cmocka_unit_test(uuids_carry_version_variant_and_time),
		cmocka_unit_test(hexadecimal_goes_there_and_back),
		cmocka_unit_test(what_is_not_hexadecimal_is_refused),
		cmocka_unit_test(a_uuid_is_read_as_it_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
