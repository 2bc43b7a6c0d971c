/* test_refresh.c - refresh tokens: made, hashed, sealed under one another. */
#include "compat.h"

#include <setjmp.h>
#include <cmocka.h>

#include "refresh.h"

static void tokens_are_43_letters_and_never_alike(void **state UNUSED)
{
	char a[REFRESH_TEXT], b[REFRESH_TEXT];
	unsigned char hash_a[REFRESH_HASH], hash_b[REFRESH_HASH], again[REFRESH_HASH];

	refresh_make(a, hash_a);
	refresh_make(b, hash_b);
	assert_int_equal(strlen(a), 43);
	assert_int_equal(strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789-_"),
			 43);
	assert_string_not_equal(a, b);
	refresh_hash(a, strlen(a), again);
	assert_memory_equal(hash_a, again, REFRESH_HASH);
	assert_memory_not_equal(hash_a, hash_b, REFRESH_HASH);
}

static void a_hash_is_sha_256(void **state UNUSED)
{
	static const unsigned char of_abc[4] = { 0xba, 0x78, 0x16, 0xbf };
	unsigned char hash[REFRESH_HASH];

	refresh_hash("abc", 3, hash);
	assert_memory_equal(hash, of_abc, sizeof(of_abc));
}

struct sealed {
	char token[REFRESH_TEXT], next[REFRESH_TEXT];
	unsigned char bytes[REFRESH_SEALED];
};

static void seal(struct sealed *s)
{
	unsigned char hash[REFRESH_HASH];

	refresh_make(s->token, hash);
	refresh_make(s->next, hash);
	refresh_seal(s->token, s->next, s->bytes);
}

static void only_the_token_opens_its_successor(void **state UNUSED)
{
	char text[REFRESH_TEXT];
	struct sealed s;

	seal(&s);
	assert_int_equal(refresh_unseal(s.token, s.bytes, text), 0);
	assert_string_equal(text, s.next);
	assert_int_equal(refresh_unseal(s.next, s.bytes, text), -1);
	assert_int_equal(refresh_unseal("", s.bytes, text), -1);
	s.token[42] = s.token[42] == 'A' ? 'E' : 'A';
	assert_int_equal(refresh_unseal(s.token, s.bytes, text), -1);
}

static void the_sealed_bytes_show_nothing_and_never_repeat(void **state UNUSED)
{
	unsigned char again[REFRESH_SEALED];
	struct sealed s;

	seal(&s);
	for (size_t i = 0; i + 4 <= sizeof(s.bytes); i++)
		assert_true(memcmp(s.bytes + i, s.next, 4) != 0);
	refresh_seal(s.token, s.next, again);
	assert_memory_not_equal(s.bytes, again, 12);
	assert_memory_not_equal(s.bytes + 12, again + 12, sizeof(again) - 12);
}

static void no_sealed_byte_can_be_changed(void **state UNUSED)
{
	char text[REFRESH_TEXT] = "untouched";
	unsigned char none[REFRESH_SEALED] = { 0 };
	struct sealed s;

	seal(&s);
	for (size_t i = 0; i < sizeof(s.bytes); i++) {
		s.bytes[i] ^= 1;
		assert_int_equal(refresh_unseal(s.token, s.bytes, text), -1);
		s.bytes[i] ^= 1;
	}
	assert_int_equal(refresh_unseal(s.token, none, text), -1);
	assert_string_equal(text, "untouched");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_43_letters_and_never_alike),
		cmocka_unit_test(a_hash_is_sha_256),
		cmocka_unit_test(only_the_token_opens_its_successor),
		cmocka_unit_test(the_sealed_bytes_show_nothing_and_never_repeat),
		cmocka_unit_test(no_sealed_byte_can_be_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
