/* token: ES256 keys and signatures, and what is forged with the public key. */
#include "token_fixture.h"
#include "query.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static struct claims ann(void)
{
	struct claims c = { .user_id = 7, .username = "ann", .role = ROLE_CUSTOMER, .sid = "s1" };

	return c;
}

static void point_of(EVP_PKEY *key, unsigned char point[65])
{
	size_t len;

	assert_int_equal(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, 65,
							 &len), 1);
	assert_int_equal(len, 65);
}

/* -- signatures ------------------------------------------------------------------------- */

/* By OpenSSL alone. */
static bool holds_for(EVP_PKEY *key)
{
	char *dot = strrchr(token.data, '.');
	struct pool *pool = pool_new();
	ECDSA_SIG *sig = ECDSA_SIG_new();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char *raw, *der = NULL;
	size_t raw_len;
	int der_len, rc;

	raw = base64url_decode(dot + 1, token.len - (size_t)(dot + 1 - token.data), &raw_len, pool);
	assert_non_null(raw);
	assert_int_equal(raw_len, 64);
	ECDSA_SIG_set0(sig, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
	der_len = i2d_ECDSA_SIG(sig, &der);
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	rc = EVP_DigestVerify(ctx, der, (size_t)der_len, (unsigned char *)token.data,
			      (size_t)(dot - token.data));
	OPENSSL_free(der);
	EVP_MD_CTX_free(ctx);
	ECDSA_SIG_free(sig);
	pool_free(&pool);
	return rc == 1;
}

/* 600 of them: r or s begins with a zero byte in four or five. */
static void issued_signatures_are_ecdsa_of_64_bytes(void **state)
{
	(void)state;
	for (int i = 0; i < 600; i++) {
		struct claims c = ann();

		sbuf_reset(&token);
		assert_int_equal(token_issue(keys, TOKEN_ACCESS, "halle", &c, 60, &token), 0);
		assert_true(holds_for(ec_a));
		assert_int_equal(verify(), TOKEN_OK);
	}
}

static void with_public_keys_alone_tokens_verify_and_are_not_issued(void **state)
{
	struct claims c = ann(), back;
	struct token_keys *public;
	struct sbuf error;

	(void)state;
	sbuf_init(&error, 1000);
	public = token_keys_parse(public_line("a", ec_a), "halle", &error);
	assert_non_null(public);
	forge_a(good_header, PAYLOAD);
	assert_int_equal(token_verify(public, NULL, TOKEN_ACCESS, "halle", token.data, token.len,
				      &back), TOKEN_OK);
	sbuf_reset(&token);
	assert_int_equal(token_issue(public, TOKEN_ACCESS, "halle", &c, 60, &token), -1);
	assert_int_equal(token.len, 0);
	token_keys_free(&public);
	sbuf_free(&error);
}

static void both_keys_verify_and_a_dropped_one_does_not(void **state)
{
	struct token_keys *after;
	struct claims back;
	struct sbuf error;

	(void)state;
	sbuf_init(&error, 1000);
	unsigned_token("{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"old-1\"}", PAYLOAD);
	append_ecdsa(ec_b, EVP_sha256(), 32);
	assert_int_equal(verify(), TOKEN_OK);
	after = token_keys_parse(public_line("a", ec_a), "halle", &error);
	assert_int_equal(token_verify(after, NULL, TOKEN_ACCESS, "halle", token.data, token.len,
				      &back), TOKEN_INVALID);
	token_keys_free(&after);
	sbuf_free(&error);
}

static void signatures_of_other_keys_and_digests_are_refused(void **state)
{
	(void)state;
	unsigned_token(good_header, PAYLOAD);
	append_ecdsa(ec_b, EVP_sha256(), 32);
	assert_int_equal(verify(), TOKEN_INVALID);
	unsigned_token(good_header, PAYLOAD);
	append_ecdsa(ec_a, EVP_sha384(), 32);
	assert_int_equal(verify(), TOKEN_INVALID);
	unsigned_token(good_header, PAYLOAD);
	append_ecdsa(ec_key("P-384"), EVP_sha256(), 48);
	assert_int_equal(verify(), TOKEN_INVALID);
	unsigned_token(good_header, PAYLOAD);
	append_ecdsa(ec_key("secp256k1"), EVP_sha256(), 32);
	assert_int_equal(verify(), TOKEN_INVALID);
}

static void a_signature_has_one_form(void **state)
{
	unsigned char der[256] = { 0 };
	size_t len;

	(void)state;
	unsigned_token(good_header, PAYLOAD);
	len = ecdsa_der(ec_a, EVP_sha256(), der);
	append_signature(der, len);
	assert_int_equal(verify(), TOKEN_INVALID);
	for (size_t size = 33; size < 40; size++) { /* r and s with more zeros in front */
		unsigned_token(good_header, PAYLOAD);
		append_ecdsa(ec_a, EVP_sha256(), size);
		assert_int_equal(verify(), TOKEN_INVALID);
	}
	for (len = 0; len <= sizeof(der); len++) {
		unsigned_token(good_header, PAYLOAD);
		append_signature(der, len);
		assert_int_equal(verify(), TOKEN_INVALID);
	}
}

/* CVE-2022-21449 and its kin. */
static void numbers_out_of_range_are_refused(void **state)
{
	/* 0, 1, n - 1, n, n + 1, the field's p, and all ones */
	static const char *const numbers[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000001",
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552",
		"ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	};
	unsigned char raw[64];
	long len;

	(void)state;
	for (size_t r = 0; r < COUNT(numbers); r++)
		for (size_t s = 0; s < COUNT(numbers); s++) {
			unsigned char *a = OPENSSL_hexstr2buf(numbers[r], &len);
			unsigned char *b = OPENSSL_hexstr2buf(numbers[s], &len);

			memcpy(raw, a, 32);
			memcpy(raw + 32, b, 32);
			OPENSSL_free(a);
			OPENSSL_free(b);
			unsigned_token(good_header, PAYLOAD);
			append_signature(raw, sizeof(raw));
			assert_int_equal(verify(), TOKEN_INVALID);
		}
}

/* -- the other algorithm ---------------------------------------------------------------- */

static void try_mac(const char *header, const void *key, size_t len)
{
	forge(header, PAYLOAD, EVP_sha256(), key, len);
	assert_int_equal(verify(), TOKEN_INVALID);
	forge(header, PAYLOAD, EVP_sha512(), key, len); /* 64 bytes, as an ES256 signature */
	assert_int_equal(verify(), TOKEN_INVALID);
}

/* Whoever can read the public key could sign with it, if the header chose the algorithm. */
static void a_mac_made_with_the_public_key_is_refused(void **state)
{
	static const char *const headers[] = {
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":\"HS512\",\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"a\"}",
		"{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"a\"}",
	};
	const char *base64 = public_line("a", ec_a) + strlen("a ES256 ");
	unsigned char *der = NULL, point[65];
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	long pem_len;
	int der_len = i2d_PUBKEY(ec_a, &der);

	(void)state;
	PEM_write_bio_PUBKEY(bio, ec_a);
	pem_len = BIO_get_mem_data(bio, &pem);
	point_of(ec_a, point);
	for (size_t i = 0; i < COUNT(headers); i++) {
		try_mac(headers[i], pem, (size_t)pem_len);
		try_mac(headers[i], pem, (size_t)pem_len - 1);
		try_mac(headers[i], der, (size_t)der_len);
		try_mac(headers[i], base64, strlen(base64));
		try_mac(headers[i], point, 65);
		try_mac(headers[i], point + 1, 32);
		try_mac(headers[i], "", 0);
	}
	OPENSSL_free(der);
	BIO_free(bio);
}

static void a_key_that_comes_with_the_token_is_not_looked_at(void **state)
{
	EVP_PKEY *mine = ec_key("P-256");
	unsigned char point[65];
	struct sbuf header;

	(void)state;
	point_of(mine, point);
	sbuf_init(&header, 1000);
	sbuf_addstr(&header, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"a\",\"jwk\":{\"kty\":\"EC\","
			     "\"crv\":\"P-256\",\"x\":\"");
	base64url_encode(point + 1, 32, &header);
	sbuf_addstr(&header, "\",\"y\":\"");
	base64url_encode(point + 33, 32, &header);
	sbuf_addstr(&header, "\"}}");
	unsigned_token(sbuf_str(&header), PAYLOAD);
	append_ecdsa(mine, EVP_sha256(), 32);
	assert_int_equal(verify(), TOKEN_INVALID);
	sbuf_free(&header);
}

static void keys_of_one_kind_refuse_tokens_of_the_other(void **state)
{
	struct token_keys *hs256;
	struct claims back;
	struct sbuf error;

	(void)state;
	sbuf_init(&error, 1000);
	hs256 = token_keys_parse("a " HEX_A, "halle", &error);
	forge_a(good_header, PAYLOAD);
	assert_int_equal(verify(), TOKEN_OK);
	assert_int_equal(token_verify(hs256, NULL, TOKEN_ACCESS, "halle", token.data, token.len,
				      &back), TOKEN_INVALID);
	forge("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\"}", PAYLOAD, EVP_sha256(), key_a, 32);
	assert_int_equal(token_verify(hs256, NULL, TOKEN_ACCESS, "halle", token.data, token.len,
				      &back), TOKEN_OK);
	assert_int_equal(verify(), TOKEN_INVALID);
	token_keys_free(&hs256);
	sbuf_free(&error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_ES256(issued_signatures_are_ecdsa_of_64_bytes),
		TEST_ES256(with_public_keys_alone_tokens_verify_and_are_not_issued),
		TEST_ES256(both_keys_verify_and_a_dropped_one_does_not),
		TEST_ES256(signatures_of_other_keys_and_digests_are_refused),
		TEST_ES256(a_signature_has_one_form),
		TEST_ES256(numbers_out_of_range_are_refused),
		TEST_ES256(a_mac_made_with_the_public_key_is_refused),
		TEST_ES256(a_key_that_comes_with_the_token_is_not_looked_at),
		TEST_ES256(keys_of_one_kind_refuse_tokens_of_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
