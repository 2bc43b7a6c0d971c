/* token: nothing but an exact, current token of ours verifies. */
#include "token_fixture.h"
#include "clock.h"

#define GOOD "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\"}"

/* Headers stand here as for HS256: for ES256 the two names change places. */
static const char *of_kind(const char *header)
{
	static char text[256];

	snprintf(text, sizeof(text), "%s", header);
	for (char *at = text; es256 && (at = strstr(at, "S256\"")); at++)
		at[-1] = at[-1] == 'H' ? 'E' : at[-1] == 'E' ? 'H' : at[-1];
	return text;
}

static void well_signed_tokens_with_good_headers_pass(void **state)
{
	static const char *const headers[] = {
		GOOD,
		"{\"kid\":\"a\",\"typ\":\"JWT\",\"alg\":\"HS256\"}",
		" { \"alg\" : \"HS256\" , \"typ\" : \"JWT\" , \"kid\" : \"\\u0061\" } ",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(headers); i++) {
		forge_a(of_kind(headers[i]), PAYLOAD);
		assert_int_equal(verify(), TOKEN_OK);
	}
	forge_a(good_header, "{\"newer\":[{}]," PEOPLE REST TIMES "}");
	assert_int_equal(verify(), TOKEN_OK);
}

static void headers_that_are_not_exactly_ours_are_refused(void **state)
{
	static const char *const headers[] = {
		"", "null", "[]", "\"HS256\"", "{", "{}", "{\"alg\":\"HS256\"}",
		"{\"typ\":\"JWT\",\"kid\":\"a\"}", "{\"alg\":\"HS256\",\"kid\":\"a\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
		"{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":\"NoNe\",\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":\"\",\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":null,\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":[\"HS256\"],\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":\"hs256\",\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":\"HS256 \",\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":\"HS256\\u0000\",\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":\"HS384\",\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":\"HS512\",\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":\"HS256\",\"typ\":\"jwt\",\"kid\":\"a\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWE\",\"kid\":\"a\"}",
		"{\"alg\":\"HS256\",\"typ\":1,\"kid\":\"a\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"A\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"b\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":0}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":null}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"../../dev/null\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a' OR 1=1 --\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\",\"crit\":[\"exp\"]}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\",\"crit\":[]}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\",\"b64\":false}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\",\"jwk\":{}}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\",\"jku\":\"https://x/\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\",\"x5u\":\"\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\",\"x5c\":[]}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\",\"zip\":\"DEF\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\",\"kid\":\"old-1\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"old-1\"}", /* ours, of another key */
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\",\"alg\":\"HS256\"}",
		"{\"alg\":\"none\",\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":\"HS256\",\"\\u0061lg\":\"none\",\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"ALG\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\"}",
		GOOD GOOD, GOOD "x", "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\",}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(headers); i++) {
		forge_a(of_kind(headers[i]), PAYLOAD);
		assert_int_equal(verify(), TOKEN_INVALID);
		token.len = (size_t)(strrchr(token.data, '.') - token.data) + 1; /* "h.p." */
		assert_int_equal(verify(), TOKEN_INVALID);
	}
}

static void other_macs_with_the_right_key_are_refused(void **state)
{
	(void)state;
	forge("{\"alg\":\"HS512\",\"typ\":\"JWT\",\"kid\":\"a\"}", PAYLOAD, EVP_sha512(), key_a, 32);
	assert_int_equal(verify(), TOKEN_INVALID);
	forge("{\"alg\":\"HS384\",\"typ\":\"JWT\",\"kid\":\"a\"}", PAYLOAD, EVP_sha384(), key_a, 32);
	assert_int_equal(verify(), TOKEN_INVALID);
	forge(good_header, PAYLOAD, EVP_sha512(), key_a, 32);
	assert_int_equal(verify(), TOKEN_INVALID);
	forge(good_header, PAYLOAD, EVP_sha1(), key_a, 32);
	assert_int_equal(verify(), TOKEN_INVALID);
}

static void other_keys_are_refused(void **state)
{
	static const unsigned char zero[64];

	(void)state;
	forge(good_header, PAYLOAD, EVP_sha256(), "", 0);
	assert_int_equal(verify(), TOKEN_INVALID);
	forge(good_header, PAYLOAD, EVP_sha256(), zero, sizeof(zero));
	assert_int_equal(verify(), TOKEN_INVALID);
	forge(good_header, PAYLOAD, EVP_sha256(), key_a, 31);
	assert_int_equal(verify(), TOKEN_INVALID);
	forge(good_header, PAYLOAD, EVP_sha256(), HEX_A, 64);
	assert_int_equal(verify(), TOKEN_INVALID);
	forge(good_header, PAYLOAD, EVP_sha256(), key_b, 32); /* ours, but of another kid */
	assert_int_equal(verify(), TOKEN_INVALID);
	forge_a(good_header, PAYLOAD);
	assert_int_equal(verify(), TOKEN_OK);
}

static void claims_that_are_wrong_or_missing_are_refused(void **state)
{
	static const char *const payloads[] = {
		"", "null", "[]", "{}", "{" PEOPLE REST TIMES, "{" PEOPLE REST TIMES "}}",
		/* one left out */
		"{" PEOPLE REST "}", "{" PEOPLE TIMES "}",
		"{" PEOPLE REST "," CLAIM("iat", "1790000000") "," CLAIM("exp", "1790003600") "}",
		"{" PEOPLE REST "," CLAIM("nbf", "1790000000") "," CLAIM("exp", "1790003600") "}",
		"{" PEOPLE REST "," CLAIM("iat", "1790000000") "," CLAIM("nbf", "1790000000") "}",
		/* given twice */
		"{" PEOPLE REST TIMES "," CLAIM("exp", "1790003600") "}",
		"{" PEOPLE REST TIMES "," CLAIM("e\\u0078p", "1790009999") "}",
		"{" PEOPLE REST TIMES "," CLAIM("role", "\"admin\"") "}",
#define WITH(exp) "{" PEOPLE REST "," CLAIM("iat", "1790000000") "," CLAIM("nbf", "1790000000") \
	"," CLAIM("exp", exp) "}"
		WITH("\"1790003600\""), WITH("1790003600.0"), WITH("1790003600.5"),
		WITH("1.7900036e9"), WITH("null"), WITH("true"), WITH("[1790003600]"), WITH("-1"),
		WITH("9223372036854775807"), WITH("9999999999999999999"), WITH("1e999"),
		WITH("253402300800"), WITH("1790000000"), WITH("NaN"),
#define BORN(iat, nbf) "{" PEOPLE REST "," CLAIM("iat", iat) "," CLAIM("nbf", nbf) \
	"," CLAIM("exp", "1790003600") "}"
		BORN("1790000031", "1790000000"), BORN("1790000000", "1790000031"),
		BORN("\"1790000000\"", "1790000000"), BORN("1790000000", "\"1790000000\""),
		BORN("1790000000", "true"), BORN("-1", "1790000000"), BORN("1790000000", "1.5"),
#define WHO(iss, aud, sub, role, sid) "{" CLAIM("iss", iss) "," CLAIM("aud", aud) ","     \
	CLAIM("sub", sub) "," CLAIM("role", role) "," CLAIM("sid", sid) REST TIMES "}"
		WHO("\"Halle\"", "\"halle\"", "\"ann\"", "\"customer\"", "\"s\""),
		WHO("\"halle2\"", "\"halle\"", "\"ann\"", "\"customer\"", "\"s\""),
		WHO("\"hall\"", "\"halle\"", "\"ann\"", "\"customer\"", "\"s\""),
		WHO("null", "\"halle\"", "\"ann\"", "\"customer\"", "\"s\""),
		WHO("\"halle\"", "\"products\"", "\"ann\"", "\"customer\"", "\"s\""),
		WHO("\"halle\"", "[\"halle\"]", "\"ann\"", "\"customer\"", "\"s\""),
		WHO("\"halle\"", "\"\"", "\"ann\"", "\"customer\"", "\"s\""),
		WHO("\"halle\"", "\"halle\\u0000\"", "\"ann\"", "\"customer\"", "\"s\""),
		WHO("\"halle\"", "\"halle\"", "\"\"", "\"customer\"", "\"s\""),
		WHO("\"halle\"", "\"halle\"", "7", "\"customer\"", "\"s\""),
		WHO("\"halle\"", "\"halle\"",
		    "\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
		    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
		    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
		    "\xc3\xa9\xc3\xa9\xc3\xa9\"", "\"customer\"", "\"s\""),
		WHO("\"halle\"", "\"halle\"", "\"ann\"", "\"service\"", "\"s\""),
		WHO("\"halle\"", "\"halle\"", "\"ann\"", "\"root\"", "\"s\""),
		WHO("\"halle\"", "\"halle\"", "\"ann\"", "\"Admin\"", "\"s\""),
		WHO("\"halle\"", "\"halle\"", "\"ann\"", "[\"admin\"]", "\"s\""),
		WHO("\"halle\"", "\"halle\"", "\"ann\"", "\"customer\"", "1"),
		WHO("\"halle\"", "\"halle\"", "\"ann\"", "\"customer\"",
		    "\"1234567890123456789012345678901234567\""),
#define MARK(jti, type, user) "{" PEOPLE "," CLAIM("jti", jti) "," CLAIM("type", type) ","  \
	CLAIM("user_id", user) TIMES "}"
		MARK("\"\"", "\"access\"", "7"), MARK("1", "\"access\"", "7"),
		MARK("\"1234567890123456789012345678901234567\"", "\"access\"", "7"),
		MARK("\"j\"", "\"service\"", "7"), MARK("\"j\"", "\"refresh\"", "7"),
		MARK("\"j\"", "\"Access\"", "7"), MARK("\"j\"", "true", "7"),
		MARK("\"j\"", "\"access\"", "0"), MARK("\"j\"", "\"access\"", "-7"),
		MARK("\"j\"", "\"access\"", "\"7\""), MARK("\"j\"", "\"access\"", "7.0"),
		MARK("\"j\"", "\"access\"", "7e0"), MARK("\"j\"", "\"access\"", "null"),
		MARK("\"j\"", "\"access\"", "true"),
		MARK("\"j\"", "\"access\"", "9223372036854775808"),
		MARK("\"j\"", "\"access\"", "18446744073709551623"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(payloads); i++) {
		forge_a(good_header, payloads[i]);
		if (verify() != TOKEN_INVALID)
			fail_msg("%s", payloads[i]);
	}
	forge_a(good_header, BORN("1790000030", "1790000030"));
	assert_int_equal(verify(), TOKEN_OK);
	forge_a(good_header, MARK("\"j\"", "\"access\"", "9223372036854775807"));
	assert_int_equal(verify(), TOKEN_OK);
}

static void a_token_is_outdated_from_its_exp_on(void **state)
{
	(void)state;
	forge_a(good_header, PAYLOAD);
	clock_set_test((NOW + 3599) * 1000000 + 999999);
	assert_int_equal(verify(), TOKEN_OK);
	clock_set_test((NOW + 3600) * 1000000);
	assert_int_equal(verify(), TOKEN_OUTDATED);
	clock_set_test((NOW + 400000000) * 1000000);
	assert_int_equal(verify(), TOKEN_OUTDATED);
}

static void outdated_is_said_only_when_all_else_is_right(void **state)
{
	static const char *const payloads[] = {
		WHO("\"other\"", "\"halle\"", "\"ann\"", "\"customer\"", "\"s\""),
		WHO("\"halle\"", "\"other\"", "\"ann\"", "\"customer\"", "\"s\""),
		WHO("\"halle\"", "\"halle\"", "\"ann\"", "\"service\"", "\"s\""),
		MARK("\"j\"", "\"refresh\"", "7"), MARK("\"j\"", "\"access\"", "0"),
	};

	(void)state;
	clock_set_test((NOW + 3600) * 1000000);
	for (size_t i = 0; i < COUNT(payloads); i++) {
		forge_a(good_header, payloads[i]);
		assert_int_equal(verify(), TOKEN_INVALID);
	}
	unsigned_token(good_header, PAYLOAD);
	if (es256)
		append_ecdsa(ec_b, EVP_sha256(), 32);
	else
		append_mac(EVP_sha256(), key_b, 32);
	assert_int_equal(verify(), TOKEN_INVALID);
}

static void the_form_must_be_three_canonical_parts(void **state)
{
	char *good;

	(void)state;
	forge_a(good_header, PAYLOAD);
	good = xstrdup(token.data);
	sbuf_addstr(&token, ".");
	assert_int_equal(verify(), TOKEN_INVALID);
	sbuf_addstr(&token, "AAAA");
	assert_int_equal(verify(), TOKEN_INVALID);
	assert_int_equal(verify_n("", 0), TOKEN_INVALID);
	assert_int_equal(verify_n(".", 1), TOKEN_INVALID);
	assert_int_equal(verify_n("..", 2), TOKEN_INVALID);
	assert_int_equal(verify_n("...", 3), TOKEN_INVALID);
	for (const char *p = " \n\t=+/.,\"\x01\xff"; *p; p++) {
		sbuf_reset(&token);
		sbuf_addstr(&token, good);
		sbuf_addch(&token, *p);
		assert_int_equal(verify(), TOKEN_INVALID);
		sbuf_reset(&token);
		sbuf_addch(&token, *p);
		sbuf_addstr(&token, good);
		assert_int_equal(verify(), TOKEN_INVALID);
	}
	assert_int_equal(verify_n(good, strlen(good) + 1), TOKEN_INVALID); /* its NUL */
	free(good);
}

static void truncated_anywhere_it_is_refused(void **state)
{
	(void)state;
	forge_a(good_header, PAYLOAD);
	for (size_t n = 0; n < token.len; n++) {
		assert_int_equal(verify_n(token.data, n), TOKEN_INVALID);
		assert_int_equal(verify_n(token.data + token.len - n, n), TOKEN_INVALID);
	}
}

static void any_flipped_bit_is_refused(void **state)
{
	(void)state;
	forge_a(good_header, PAYLOAD);
	for (size_t i = 0; i < token.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			token.data[i] = (char)(token.data[i] ^ 1 << bit);
			assert_int_equal(verify(), TOKEN_INVALID);
			token.data[i] = (char)(token.data[i] ^ 1 << bit);
		}
	assert_int_equal(verify(), TOKEN_OK);
}

static void long_tokens_are_refused_unread(void **state)
{
	char *payload = xmalloc(1 << 20);
	static const char tail[] = "\"," PEOPLE REST TIMES "}";
	const size_t sizes[] = { 2000, 4000, 1 << 19 };

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		memset(payload, 'x', sizes[i]);
		memcpy(payload, "{\"pad\":\"", 8);
		memcpy(payload + sizes[i], tail, sizeof(tail));
		forge_a(good_header, payload);
		assert_int_equal(verify(), token.len <= TOKEN_MAX ? TOKEN_OK : TOKEN_INVALID);
	}
	memset(payload, 'A', 1 << 20);
	assert_int_equal(verify_n(payload, 1 << 20), TOKEN_INVALID);
	memset(payload, '.', 1 << 20);
	assert_int_equal(verify_n(payload, 1 << 20), TOKEN_INVALID);
	free(payload);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(well_signed_tokens_with_good_headers_pass),
		TEST_BOTH(headers_that_are_not_exactly_ours_are_refused),
		TEST(other_macs_with_the_right_key_are_refused),
		TEST(other_keys_are_refused),
		TEST_BOTH(claims_that_are_wrong_or_missing_are_refused),
		TEST_BOTH(a_token_is_outdated_from_its_exp_on),
		TEST_BOTH(outdated_is_said_only_when_all_else_is_right),
		TEST_BOTH(the_form_must_be_three_canonical_parts),
		TEST_BOTH(truncated_anywhere_it_is_refused),
		TEST_BOTH(any_flipped_bit_is_refused),
		TEST_BOTH(long_tokens_are_refused_unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
