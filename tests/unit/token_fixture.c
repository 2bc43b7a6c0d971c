#include "token_fixture.h"
#include "clock.h"
#include "query.h"

#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/x509.h>

unsigned char key_a[32], key_b[32];
EVP_PKEY *ec_a, *ec_b;
struct token_keys *keys;
bool es256;
const char *good_header;
struct sbuf token;

static void set_up(const char *text)
{
	struct sbuf error;

	for (unsigned i = 0; i < 32; i++)
		key_a[i] = key_b[i] = (unsigned char)i;
	key_b[0] = 0xff;
	sbuf_init(&error, 1000);
	sbuf_init(&token, 1 << 21);
	keys = token_keys_parse(text, "halle", &error);
	assert_non_null(keys);
	clock_set_test(NOW * 1000000);
}

int hs256_set_up(void **state)
{
	(void)state;
	es256 = false;
	good_header = "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\"}";
	set_up("a " HEX_A "\nold-1 " HEX_B "\n");
	return 0;
}

int es256_set_up(void **state)
{
	struct sbuf text;

	(void)state;
	es256 = true;
	good_header = "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"a\"}";
	if (!ec_a) {
		ec_a = ec_key("P-256");
		ec_b = ec_key("P-256");
	}
	sbuf_init(&text, 4096);
	sbuf_printf(&text, "%s\n%s\n", public_line("a", ec_a), public_line("old-1", ec_b));
	set_up(sbuf_str(&text));
	sbuf_reset(&text);
	assert_int_equal(token_keys_private(keys, private_line("a", ec_a), &text), 0);
	sbuf_free(&text);
	return 0;
}

int token_tear_down(void **state)
{
	(void)state;
	clock_set_test(0);
	sbuf_free(&token);
	token_keys_free(&keys);
	assert_null(keys);
	token_keys_free(&keys);
	return 0;
}

/* -- EC keys ---------------------------------------------------------------------------- */

static EVP_PKEY *made[32];

static void free_made(void)
{
	for (size_t i = 0; i < COUNT(made); i++)
		EVP_PKEY_free(made[i]);
}

EVP_PKEY *ec_key(const char *curve)
{
	static unsigned count;

	if (count == 0)
		atexit(free_made);
	assert_true(count < COUNT(made));
	made[count] = EVP_EC_gen(curve);
	assert_non_null(made[count]);
	return made[count++];
}

static const char *line(const char *kid, unsigned char *der, int len)
{
	static char lines[64][1024];
	static unsigned next;
	char base64[800], *out = lines[next++ % COUNT(lines)];

	assert_in_range(len, 1, 590);
	EVP_EncodeBlock((unsigned char *)base64, der, len);
	OPENSSL_free(der);
	snprintf(out, sizeof(lines[0]), "%s ES256 %s", kid, base64);
	return out;
}

const char *public_line(const char *kid, EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);

	return line(kid, der, len);
}

const char *private_line(const char *kid, EVP_PKEY *key)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *der = NULL;
	int len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);

	PKCS8_PRIV_KEY_INFO_free(info);
	return line(kid, der, len);
}

/* -- tokens ----------------------------------------------------------------------------- */

void unsigned_token(const char *header, const char *payload)
{
	sbuf_reset(&token);
	base64url_encode(header, strlen(header), &token);
	sbuf_addch(&token, '.');
	base64url_encode(payload, strlen(payload), &token);
}

void append_signature(const void *bytes, size_t len)
{
	sbuf_addch(&token, '.');
	base64url_encode(bytes, len, &token);
}

void append_mac(const EVP_MD *md, const void *key, size_t key_len)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_len = 0;

	assert_non_null(HMAC(md, key, (int)key_len, (const unsigned char *)token.data, token.len,
			     mac, &mac_len));
	append_signature(mac, mac_len);
}

size_t ecdsa_der(EVP_PKEY *key, const EVP_MD *md, unsigned char der[256])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = 256;

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, der, &len, (const unsigned char *)token.data,
					token.len), 1);
	EVP_MD_CTX_free(ctx);
	return len;
}

void append_ecdsa(EVP_PKEY *key, const EVP_MD *md, size_t size)
{
	unsigned char der[256], raw[256];
	const unsigned char *at = der;
	size_t len = ecdsa_der(key, md, der);
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)len);

	assert_non_null(sig);
	assert_true(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)size) > 0);
	assert_true(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + size, (int)size) > 0);
	ECDSA_SIG_free(sig);
	append_signature(raw, 2 * size);
}

void forge(const char *header, const char *payload, const EVP_MD *md, const void *key,
	   size_t key_len)
{
	unsigned_token(header, payload);
	append_mac(md, key, key_len);
}

void forge_a(const char *header, const char *payload)
{
	unsigned_token(header, payload);
	if (es256)
		append_ecdsa(ec_a, EVP_sha256(), 32);
	else
		append_mac(EVP_sha256(), key_a, sizeof(key_a));
}

/* From a heap copy of the exact size, so that a read past the end is caught. */
enum token_verdict verify_n(const char *text, size_t len)
{
	char *copy = xmalloc(len + 1);
	struct claims c, none = { 0 };
	enum token_verdict verdict;

	memset(&c, 0xa5, sizeof(c));
	memcpy(copy, text, len);
	copy = xrealloc(copy, len ? len : 1);
	verdict = token_verify(keys, NULL, TOKEN_ACCESS, "halle", copy, len, &c);
	free(copy);
	if (verdict != TOKEN_OK)
		assert_memory_equal(&c, &none, sizeof(c));
	return verdict;
}

enum token_verdict verify(void)
{
	return verify_n(token.data, token.len);
}
