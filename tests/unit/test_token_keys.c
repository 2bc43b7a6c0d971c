/* token: key files, the public ones and the private ones, and what is published of them. */
#include "token_fixture.h"
#include "query.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static void files_of_hmac_keys_are_read_strictly(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ "a " HEX_A, true },
		{ "a " HEX_A "\n", true },
		{ "abcdEFGH_0123-89 " HEX_A HEX_B "\nb " HEX_B "\n", true },
		{ "", false },
		{ "\n", false },
		{ "\na " HEX_A, false },
		{ "a\n", false },
		{ "a \n", false },
		{ " " HEX_A, false },
		{ HEX_A, false },
		{ "a  " HEX_A, false },
		{ "a " HEX_A " ", false },
		{ "a " HEX_A "\r\n", false },
		{ "a\t" HEX_A, false },
		{ "a/b " HEX_A, false },
		{ "\xc3\xa9 " HEX_A, false },
		{ "abcdefghijklmnopq " HEX_A, false },
		{ "a 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e", false },
		{ "a " HEX_A "0", false },
		{ "a " HEX_A HEX_A "00", false },
		{ "a zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", false },
		{ "a 0000000000000000000000000000000000000000000000000000000000000000", false },
		{ "a 7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f", false },
		{ "a " HEX_A "\na " HEX_B, false },
		{ "a " HEX_A "\nb " HEX_B "\nc " HEX_A, false },
		{ "a " HEX_A "\nb", false },
	};
	struct sbuf error;

	(void)state;
	sbuf_init(&error, 1000);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct token_keys *k;

		sbuf_reset(&error);
		k = token_keys_parse(cases[i].text, "halle", &error);
		assert_true((k != NULL) == cases[i].good);
		assert_true((error.len > 0) != cases[i].good);
		assert_null(strstr(sbuf_str(&error), "0102"));
		token_keys_free(&k);
	}
	sbuf_free(&error);
}


static struct sbuf error;

/* The sentence about it must hold this word, and no key. */
static void refused(const char *text, const char *why)
{
	struct token_keys *k;

	sbuf_reset(&error);
	k = token_keys_parse(text, "halle", &error);
	if (k || !strstr(sbuf_str(&error), why))
		fail_msg("%s: %s", text, sbuf_str(&error));
	assert_null(strstr(sbuf_str(&error), "MFkw"));
	assert_null(strstr(sbuf_str(&error), "MIGH"));
	token_keys_free(&k);
}

/* The last 64 live. */
PRINTF(1, 2) static char *text_of(const char *fmt, ...)
{
	static char texts[64][4096];
	static unsigned next;
	char *text = texts[next++ % COUNT(texts)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(texts[0]), fmt, ap);
	va_end(ap);
	return text;
}

static void files_of_public_keys_are_read_strictly(void **state)
{
	static const char not_spki[] = "SubjectPublicKeyInfo of a P-256 key";
	const char *good = public_line("a", ec_a), *other = public_line("b", ec_b);
	char *bent = text_of("%s", good);
	EVP_PKEY *rsa = EVP_RSA_gen(2048);
	struct token_keys *k;

	(void)state;
	sbuf_init(&error, 1000);
	k = token_keys_parse(text_of("%s\n%s", good, other), "halle", &error);
	assert_non_null(k);
	assert_true(token_keys_asymmetric(k));
	token_keys_free(&k);

	refused(text_of("%s\nb " HEX_B, good), "Line 2 is of another kind");
	refused(text_of("b " HEX_B "\n%s", good), "Line 2 is of another kind");
	refused(text_of("%s\n%s", good, good), "KID of the first");
	refused(text_of("%s\n%s\nc x", good, other), "Line 3 is one too many");
	refused(text_of("%s ", good), "not Base64");
	refused(text_of("%s\r\n", good), "not Base64");
	refused(text_of("%s%s", good, good), "not Base64");
	refused("a ES256 ", not_spki);
	refused("a ES256", "not 32 to 64 bytes");
	refused("a es256 AAAA", "not 32 to 64 bytes");
	refused("a ES256 AAAA", not_spki);
	refused("a ES256 " HEX_A, not_spki);
	refused("a HS256 " HEX_A, "hexadecimal");
	refused(private_line("a", ec_a), "jwt_private_file");
	refused(public_line("a", ec_key("P-384")), not_spki);
	refused(public_line("a", ec_key("P-224")), not_spki);
	refused(public_line("a", ec_key("secp256k1")), not_spki);
	refused(public_line("a", rsa), not_spki);
	EVP_PKEY_free(rsa);
	bent[strlen(bent) - 9] = bent[strlen(bent) - 9] == 'A' ? 'B' : 'A';
	refused(bent, not_spki); /* not on the curve */
	sbuf_free(&error);
}

/* As good keys, but not the one encoding of a point. */
static void other_encodings_of_a_public_key_are_refused(void **state)
{
	EVP_PKEY *compressed = ec_key("P-256");

	(void)state;
	sbuf_init(&error, 1000);
	assert_int_equal(EVP_PKEY_set_utf8_string_param(compressed,
		OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"), 1);
	refused(public_line("a", compressed), "SubjectPublicKeyInfo");
	sbuf_free(&error);
}

static void private_refused(const char *text, const char *why)
{
	struct token_keys *k;

	sbuf_reset(&error);
	k = token_keys_parse(text_of("%s\n%s", public_line("a", ec_a), public_line("old-1", ec_b)),
			     "halle", &error);
	assert_non_null(k);
	if (token_keys_private(k, text, &error) == 0 || !strstr(sbuf_str(&error), why))
		fail_msg("%s: %s", text, sbuf_str(&error));
	assert_null(strstr(sbuf_str(&error), "MIGH"));
	token_keys_free(&k);
}

static void files_of_private_keys_are_read_strictly(void **state)
{
	static const char form[] = "PKCS#8";
	const char *good = private_line("a", ec_a), *old = private_line("old-1", ec_b);
	char *bent = text_of("%s", good);

	(void)state;
	sbuf_init(&error, 1000);
	assert_int_equal(token_keys_private(keys, text_of("# what\n%s\n", old), &error), -1);
	sbuf_reset(&error);
	assert_int_equal(token_keys_private(keys, text_of("# old\n%s\n%s\n%s", old,
		private_line("x", ec_b), good), &error), 0);
	assert_int_equal(error.len, 0);

	private_refused("", "no private key \"a\"");
	private_refused("# nothing yet\n", "no private key \"a\"");
	private_refused(old, "no private key \"a\"");
	private_refused(private_line("A", ec_a), "no private key \"a\"");
	private_refused(private_line("a", ec_b), "Line 1 is not the private key");
	private_refused(text_of("%s\n%s", good, private_line("old-1", ec_a)),
			"Line 2 is not the private key");
	private_refused(private_line("a", ec_key("P-384")), "Line 1 is not the private key");
	private_refused(public_line("a", ec_a), form);
	private_refused("a " HEX_A, form);
	private_refused("a ES256 ", form);
	private_refused(text_of("%s ", good), form);
	private_refused(text_of("%s\nx", good), form);
	private_refused(text_of("%s\n\n%s", good, old), form);
	bent[strlen(bent) / 2] = '*';
	private_refused(bent, form);
	sbuf_free(&error);
}

/* PKCS#8 ends with the public half, and may have any there. */
static void a_private_key_with_anothers_public_half_is_refused(void **state)
{
	const char *base64 = private_line("a", ec_b) + strlen("a ES256 ");
	struct pool *pool = pool_new();
	unsigned char *der, line[400];
	size_t len, point_len;

	(void)state;
	sbuf_init(&error, 1000);
	der = base64_decode(base64, strlen(base64), &len, pool);
	assert_int_equal(EVP_PKEY_get_octet_string_param(ec_a, OSSL_PKEY_PARAM_PUB_KEY,
							 der + len - 65, 65, &point_len), 1);
	EVP_EncodeBlock(line, der, (int)len);
	private_refused(text_of("a ES256 %s", (char *)line), "Line 1 is not the private key");
	pool_free(&pool);
	sbuf_free(&error);
}

static void public_keys_are_published(void **state)
{
	struct token_public public[TOKEN_KEYS_MAX];
	unsigned char point[65];
	size_t len;

	(void)state;
	assert_int_equal(token_keys_public(keys, public), 2);
	assert_string_equal(public[0].kid, "a");
	assert_string_equal(public[1].kid, "old-1");
	EVP_PKEY_get_octet_string_param(ec_a, OSSL_PKEY_PARAM_PUB_KEY, point, 65, &len);
	assert_memory_equal(public[0].x, point + 1, 32);
	assert_memory_equal(public[0].y, point + 33, 32);
	EVP_PKEY_get_octet_string_param(ec_b, OSSL_PKEY_PARAM_PUB_KEY, point, 65, &len);
	assert_memory_equal(public[1].x, point + 1, 32);
	assert_memory_equal(public[1].y, point + 33, 32);
}

static void hmac_keys_are_never_published(void **state)
{
	struct token_public public[TOKEN_KEYS_MAX];

	(void)state;
	assert_false(token_keys_asymmetric(keys));
	assert_int_equal(token_keys_public(keys, public), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_of_hmac_keys_are_read_strictly),
		TEST(hmac_keys_are_never_published),
		TEST_ES256(files_of_public_keys_are_read_strictly),
		TEST_ES256(other_encodings_of_a_public_key_are_refused),
		TEST_ES256(files_of_private_keys_are_read_strictly),
		TEST_ES256(a_private_key_with_anothers_public_half_is_refused),
		TEST_ES256(public_keys_are_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
