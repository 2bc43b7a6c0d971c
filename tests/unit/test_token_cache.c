/* token: what a thread remembers of the tokens it has verified. */
#include "token_fixture.h"
#include "clock.h"
#include "metrics.h"

static struct token_cache *cache;

/* The verdict through the cache, and whether it came from there. */
static enum token_verdict ask(const struct token_keys *k, enum token_type type,
			      const char *audience, bool *cached_r)
{
	uint64_t before = metrics_get(M_TOKEN_CACHED);
	struct claims c, none = { 0 };
	enum token_verdict verdict;

	memset(&c, 0xa5, sizeof(c));
	verdict = token_verify(k, cache, type, audience, token.data, token.len, &c);
	*cached_r = metrics_get(M_TOKEN_CACHED) > before;
	if (verdict != TOKEN_OK)
		assert_memory_equal(&c, &none, sizeof(c));
	return verdict;
}

static bool is_cached(void)
{
	bool cached;

	assert_int_equal(ask(keys, TOKEN_ACCESS, "halle", &cached), TOKEN_OK);
	return cached;
}

static void refused_fresh(const struct token_keys *k, enum token_type type,
			  const char *audience, enum token_verdict expected)
{
	bool cached;

	assert_int_equal(ask(k, type, audience, &cached), expected);
	assert_false(cached);
}

static void the_second_time_gives_the_same_claims(void **state)
{
	struct claims first, second;

	(void)state;
	cache = token_cache_new();
	forge_a(good_header, PAYLOAD);
	assert_false(is_cached());
	assert_true(is_cached());
	token_verify(keys, NULL, TOKEN_ACCESS, "halle", token.data, token.len, &first);
	token_verify(keys, cache, TOKEN_ACCESS, "halle", token.data, token.len, &second);
	assert_memory_equal(&first, &second, sizeof(first));
	assert_string_equal(second.username, "ann");
	token_cache_free(&cache);
	assert_null(cache);
	token_cache_free(&cache);
}

static void it_holds_for_the_type_and_audience_it_was_asked_for(void **state)
{
	(void)state;
	cache = token_cache_new();
	forge_a(good_header, PAYLOAD);
	assert_false(is_cached());
	refused_fresh(keys, TOKEN_SERVICE, "halle", TOKEN_INVALID);
	refused_fresh(keys, TOKEN_ACCESS, "products", TOKEN_INVALID);
	refused_fresh(keys, TOKEN_ACCESS, "", TOKEN_INVALID);
	assert_true(is_cached());
	token_cache_free(&cache);
}

static void no_entry_outlives_its_keys(void **state)
{
	struct token_keys *other;
	struct sbuf error;
	bool cached;

	(void)state;
	sbuf_init(&error, 1000);
	cache = token_cache_new();
	forge_a(good_header, PAYLOAD);
	assert_false(is_cached());
	other = token_keys_parse(es256 ? public_line("old-1", ec_b) : "old-1 " HEX_B, "halle",
				 &error);
	refused_fresh(other, TOKEN_ACCESS, "halle", TOKEN_INVALID);
	token_keys_free(&other);
	/* the same key, read again */
	other = token_keys_parse(es256 ? public_line("a", ec_a) : "a " HEX_A, "halle", &error);
	assert_int_equal(ask(other, TOKEN_ACCESS, "halle", &cached), TOKEN_OK);
	assert_false(cached);
	assert_int_equal(ask(other, TOKEN_ACCESS, "halle", &cached), TOKEN_OK);
	assert_true(cached);
	token_keys_free(&other);
	token_cache_free(&cache);
	sbuf_free(&error);
}

static void an_entry_is_good_for_30_seconds(void **state)
{
	(void)state;
	cache = token_cache_new();
	forge_a(good_header, PAYLOAD);
	assert_false(is_cached());
	clock_set_test((NOW + 30) * 1000000 - 1);
	assert_true(is_cached());
	clock_set_test((NOW + 30) * 1000000);
	assert_false(is_cached());
	assert_true(is_cached());
	clock_set_test((NOW + 60) * 1000000);
	assert_false(is_cached());
	token_cache_free(&cache);
}

static void it_ends_with_the_tokens_exp(void **state)
{
	(void)state;
	cache = token_cache_new();
	forge_a(good_header, PAYLOAD);
	clock_set_test((NOW + 3590) * 1000000);
	assert_false(is_cached());
	clock_set_test((NOW + 3600) * 1000000 - 1);
	assert_true(is_cached());
	clock_set_test((NOW + 3600) * 1000000);
	refused_fresh(keys, TOKEN_ACCESS, "halle", TOKEN_OUTDATED);
	refused_fresh(keys, TOKEN_ACCESS, "halle", TOKEN_OUTDATED);
	token_cache_free(&cache);
}

static void a_clock_set_back_empties_it(void **state)
{
	(void)state;
	cache = token_cache_new();
	forge_a(good_header, PAYLOAD);
	assert_false(is_cached());
	clock_set_test(NOW * 1000000 - 1);
	assert_false(is_cached());
	clock_set_test((NOW - 3600) * 1000000);
	refused_fresh(keys, TOKEN_ACCESS, "halle", TOKEN_INVALID); /* not yet */
	token_cache_free(&cache);
}

static void what_does_not_verify_is_not_kept(void **state)
{
	(void)state;
	cache = token_cache_new();
	forge_a(good_header, PAYLOAD);
	token.data[token.len - 10] ^= 1;
	refused_fresh(keys, TOKEN_ACCESS, "halle", TOKEN_INVALID);
	refused_fresh(keys, TOKEN_ACCESS, "halle", TOKEN_INVALID);
	token.data[token.len - 10] ^= 1;
	assert_false(is_cached());
	token_cache_free(&cache);
}

static void no_byte_of_a_known_token_can_be_changed(void **state)
{
	(void)state;
	cache = token_cache_new();
	forge_a(good_header, PAYLOAD);
	assert_false(is_cached());
	for (size_t i = 0; i < token.len; i++) {
		token.data[i] ^= 1;
		refused_fresh(keys, TOKEN_ACCESS, "halle", TOKEN_INVALID);
		token.data[i] ^= 1;
	}
	for (size_t len = token.len; --token.len > 0;) {
		refused_fresh(keys, TOKEN_ACCESS, "halle", TOKEN_INVALID);
		if (token.len + 40 < len)
			break;
	}
	token_cache_free(&cache);
}

static void forge_of(unsigned user)
{
	char payload[512];

	snprintf(payload, sizeof(payload), "{" PEOPLE "," CLAIM("jti", "\"j1\"") ","
		 CLAIM("type", "\"access\"") "," CLAIM("user_id", "%u") TIMES "}", user);
	forge_a(good_header, payload);
}

/* More than it has places for; the claims are each time those of the token. */
static void many_tokens_share_it(void **state)
{
	(void)state;
	cache = token_cache_new();
	for (int round = 0; round < 2; round++)
		for (unsigned user = 1; user <= 1000; user++) {
			struct claims c;

			forge_of(user);
			for (int i = 0; i < 2; i++) {
				assert_int_equal(token_verify(keys, cache, TOKEN_ACCESS, "halle",
							      token.data, token.len, &c), TOKEN_OK);
				assert_int_equal(c.user_id, user);
			}
		}
	token_cache_free(&cache);
}

static void of_250_users_nearly_all_are_found_again(void **state)
{
	unsigned found = 0;

	(void)state;
	cache = token_cache_new();
	for (int round = 0; round < 2; round++)
		for (unsigned user = 1; user <= 250; user++) {
			forge_of(user);
			found += is_cached();
		}
	assert_in_range(found, 225, 250);
	token_cache_free(&cache);
}

/* 2000 tokens are 15 for each set. */
static void the_oldest_makes_room(void **state)
{
	(void)state;
	cache = token_cache_new();
	for (unsigned user = 1; user <= 2000; user++) {
		clock_set_test(NOW * 1000000 + user);
		forge_of(user);
		assert_false(is_cached());
	}
	for (unsigned user = 1991; user <= 2000; user++) {
		forge_of(user);
		assert_true(is_cached());
	}
	for (unsigned user = 1; user <= 10; user++) {
		forge_of(user);
		assert_false(is_cached());
	}
	token_cache_free(&cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(the_second_time_gives_the_same_claims),
		TEST_BOTH(it_holds_for_the_type_and_audience_it_was_asked_for),
		TEST_BOTH(no_entry_outlives_its_keys),
		TEST(an_entry_is_good_for_30_seconds),
		TEST(it_ends_with_the_tokens_exp),
		TEST(a_clock_set_back_empties_it),
		TEST_BOTH(what_does_not_verify_is_not_kept),
		TEST(no_byte_of_a_known_token_can_be_changed),
		TEST(many_tokens_share_it),
		TEST(of_250_users_nearly_all_are_found_again),
		TEST(the_oldest_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
