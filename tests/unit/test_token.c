/* token: issuing, and that what is issued verifies. */
#include "token_fixture.h"

static struct claims ann(void)
{
	struct claims c = { .user_id = 7, .username = "ann", .role = ROLE_CUSTOMER, .sid = "s1" };

	return c;
}

static void an_issued_token_verifies_and_gives_its_claims_back(void **state)
{
	struct claims c = ann(), back;
	enum token_verdict verdict;

	(void)state;
	assert_int_equal(token_issue(keys, TOKEN_ACCESS, "halle", &c, 3600, &token), 0);
	assert_int_equal(c.iat, NOW);
	assert_int_equal(c.exp, NOW + 3600);
	assert_int_equal(strlen(c.jti), 36);
	verdict = token_verify(keys, NULL, TOKEN_ACCESS, "halle", token.data, token.len, &back);
	assert_int_equal(verdict, TOKEN_OK);
	assert_int_equal(back.user_id, 7);
	assert_string_equal(back.username, "ann");
	assert_int_equal(back.role, ROLE_CUSTOMER);
	assert_string_equal(back.sid, "s1");
	assert_string_equal(back.jti, c.jti);
	assert_int_equal(back.iat, NOW);
	assert_int_equal(back.exp, NOW + 3600);
}

static void the_signature_is_hmac_sha256_of_the_first_two_parts(void **state)
{
	struct claims c = ann();
	char *issued;

	(void)state;
	for (int i = 0; i < 50; i++) {
		sbuf_reset(&token);
		snprintf(c.username, sizeof(c.username), "user \xc3\xa9 %d", i);
		assert_int_equal(token_issue(keys, TOKEN_ACCESS, "halle", &c, 60, &token), 0);
		issued = xstrdup(token.data);
		token.len = (size_t)(strrchr(token.data, '.') - token.data);
		append_mac(EVP_sha256(), key_a, sizeof(key_a));
		assert_string_equal(token.data, issued);
		free(issued);
	}
}

static void every_issued_token_has_its_own_jti(void **state)
{
	struct claims a = ann(), b = ann();

	(void)state;
	assert_int_equal(token_issue(keys, TOKEN_ACCESS, "halle", &a, 60, &token), 0);
	assert_int_equal(token_issue(keys, TOKEN_ACCESS, "halle", &b, 60, &token), 0);
	assert_string_not_equal(a.jti, b.jti);
}

static void a_service_token_opens_only_its_audience(void **state)
{
	struct claims c = { .username = "carts", .role = ROLE_SERVICE }, back;

	(void)state;
	assert_int_equal(token_issue(keys, TOKEN_SERVICE, "products", &c, 60, &token), 0);
	assert_int_equal(token_verify(keys, NULL, TOKEN_SERVICE, "products", token.data, token.len,
				      &back), TOKEN_OK);
	assert_string_equal(back.username, "carts");
	assert_int_equal(back.role, ROLE_SERVICE);
	assert_int_equal(back.user_id, 0);
	assert_int_equal(token_verify(keys, NULL, TOKEN_SERVICE, "users", token.data, token.len, &back),
			 TOKEN_INVALID);
	assert_int_equal(token_verify(keys, NULL, TOKEN_ACCESS, "products", token.data, token.len,
				      &back), TOKEN_INVALID);
}

static void both_keys_verify_and_the_first_signs(void **state)
{
	struct sbuf error;
	struct token_keys *after;
	struct claims c = ann(), back;

	(void)state;
	sbuf_init(&error, 1000);
	forge("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"old-1\"}", PAYLOAD, EVP_sha256(), key_b,
	      sizeof(key_b));
	assert_int_equal(verify(), TOKEN_OK);
	sbuf_reset(&token);
	assert_int_equal(token_issue(keys, TOKEN_ACCESS, "halle", &c, 60, &token), 0);
	after = token_keys_parse("old-1 " HEX_B, "halle", &error);
	assert_non_null(after);
	assert_int_equal(token_verify(after, NULL, TOKEN_ACCESS, "halle", token.data, token.len, &back),
			 TOKEN_INVALID);
	token_keys_free(&after);
	after = token_keys_parse("a " HEX_A, "another", &error);
	assert_int_equal(token_verify(after, NULL, TOKEN_ACCESS, "halle", token.data, token.len, &back),
			 TOKEN_INVALID);
	token_keys_free(&after);
	sbuf_free(&error);
}

static void a_token_too_long_to_verify_is_not_issued(void **state)
{
	struct claims c = ann();
	char *audience = xcalloc(1, TOKEN_MAX);

	(void)state;
	memset(audience, 'x', TOKEN_MAX - 1);
	assert_int_equal(token_issue(keys, TOKEN_ACCESS, audience, &c, 60, &token), -1);
	assert_int_equal(token.len, 0);
	free(audience);
}

static void claims_that_could_not_verify_are_not_issued(void **state)
{
	static const struct {
		enum token_type type;
		enum role role;
		uint64_t user_id;
	} cases[] = {
		{ TOKEN_ACCESS, ROLE_NONE, 7 },
		{ TOKEN_ACCESS, ROLE_PUBLIC, 7 },
		{ TOKEN_ACCESS, ROLE_SERVICE, 7 },
		{ TOKEN_ACCESS, ROLE_ADMIN, 0 },
		{ TOKEN_ACCESS, ROLE_ADMIN, UINT64_MAX },
		{ TOKEN_SERVICE, ROLE_ADMIN, 0 },
		{ TOKEN_SERVICE, ROLE_SERVICE, 7 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct claims c = ann();

		c.role = cases[i].role;
		c.user_id = cases[i].user_id;
		assert_int_equal(token_issue(keys, cases[i].type, "halle", &c, 60, &token), -1);
		assert_int_equal(token.len, 0);
	}
}

static void roles_have_names(void **state)
{
	(void)state;
	assert_int_equal(role_parse("customer"), ROLE_CUSTOMER);
	assert_int_equal(role_parse("admin"), ROLE_ADMIN);
	assert_int_equal(role_parse("service"), ROLE_SERVICE);
	assert_int_equal(role_parse("public"), ROLE_NONE);
	assert_int_equal(role_parse(""), ROLE_NONE);
	assert_int_equal(role_parse("ADMIN"), ROLE_NONE);
	assert_int_equal(role_parse("none"), ROLE_NONE);
	assert_string_equal(role_name(ROLE_ADMIN), "admin");
	assert_string_equal(role_name(ROLE_PUBLIC), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(an_issued_token_verifies_and_gives_its_claims_back),
		TEST(the_signature_is_hmac_sha256_of_the_first_two_parts),
		TEST_BOTH(every_issued_token_has_its_own_jti),
		TEST_BOTH(a_service_token_opens_only_its_audience),
		TEST(both_keys_verify_and_the_first_signs),
		TEST_BOTH(a_token_too_long_to_verify_is_not_issued),
		TEST_BOTH(claims_that_could_not_verify_are_not_issued),
		TEST(roles_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
