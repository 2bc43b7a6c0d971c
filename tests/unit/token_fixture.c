#include "token_fixture.h"
#include "clock.h"
#include "query.h"

#include <openssl/hmac.h>

unsigned char key_a[32], key_b[32];
struct token_keys *keys;
struct sbuf token;

int token_set_up(void **state)
{
	struct sbuf error;

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		key_a[i] = key_b[i] = (unsigned char)i;
	key_b[0] = 0xff;
	sbuf_init(&error, 1000);
	sbuf_init(&token, 1 << 21);
	keys = token_keys_parse("a " HEX_A "\nold-1 " HEX_B "\n", "halle", &error);
	assert_non_null(keys);
	clock_set_test(NOW * 1000000);
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

void append_mac(const EVP_MD *md, const void *key, size_t key_len)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_len = 0;

	assert_non_null(HMAC(md, key, (int)key_len, (const unsigned char *)token.data, token.len,
			     mac, &mac_len));
	sbuf_addch(&token, '.');
	base64url_encode(mac, mac_len, &token);
}

void forge(const char *header, const char *payload, const EVP_MD *md, const void *key,
	   size_t key_len)
{
	sbuf_reset(&token);
	base64url_encode(header, strlen(header), &token);
	sbuf_addch(&token, '.');
	base64url_encode(payload, strlen(payload), &token);
	append_mac(md, key, key_len);
}

void forge_a(const char *header, const char *payload)
{
	forge(header, payload, EVP_sha256(), key_a, sizeof(key_a));
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
