/*
 * token_check.c - what the check of an access token costs, for ./dev bench.
 *
 * Usage: token_check HS256|ES256 first|seen SECONDS
 *	first   as a thread does it that has not seen the token
 *	seen    as one that has seen it lately
 * Prints microseconds per check. Makes its own keys.
 */
#include "compat.h"

#include "clock.h"
#include "rnd.h"
#include "token.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

static void add_ec_line(struct sbuf *out, unsigned char *der, int len)
{
	unsigned char base64[512];

	BUG_ON(len <= 0 || len > 360);
	EVP_EncodeBlock(base64, der, len);
	sbuf_printf(out, "bench ES256 %s\n", (char *)base64);
	OPENSSL_free(der);
}

static struct token_keys *ec_keys(struct sbuf *error)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *public = NULL, *private = NULL;
	struct token_keys *keys;
	struct sbuf text;
	int len;

	sbuf_init(&text, 4096);
	len = i2d_PUBKEY(key, &public);
	add_ec_line(&text, public, len);
	keys = token_keys_parse(sbuf_str(&text), "halle", error);
	sbuf_reset(&text);
	len = i2d_PKCS8_PRIV_KEY_INFO(info, &private);
	add_ec_line(&text, private, len);
	if (keys && token_keys_private(keys, sbuf_str(&text), error) < 0)
		token_keys_free(&keys);
	sbuf_free(&text);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(key);
	return keys;
}

static struct token_keys *hmac_keys(struct sbuf *error)
{
	unsigned char bytes[32];
	char line[80] = "bench ";

	rnd_bytes(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), line + strlen(line));
	return token_keys_parse(line, "halle", error);
}

static void issue(const struct token_keys *keys, struct sbuf *token)
{
	struct claims c = { .user_id = 123456, .username = "a.shopper", .role = ROLE_CUSTOMER,
			    .sid = "0192f000-0000-7000-8000-000000000000" };

	BUG_ON(token_issue(keys, TOKEN_ACCESS, "halle", &c, 3600, token) < 0);
}

static double measure(const struct token_keys *keys, struct token_cache *cache, int seconds)
{
	struct sbuf token;
	struct claims c;
	int64_t start, took;
	uint64_t count = 0;

	sbuf_init(&token, TOKEN_MAX);
	issue(keys, &token);
	start = clock_mono_us();
	do {
		for (int i = 0; i < 100; i++)
			BUG_ON(token_verify(keys, cache, TOKEN_ACCESS, "halle", token.data,
					    token.len, &c) != TOKEN_OK);
		count += 100;
		took = clock_mono_us() - start;
	} while (took < seconds * INT64_C(1000000));
	sbuf_free(&token);
	return (double)took / (double)count;
}

int main(int argc, char **argv)
{
	struct token_cache *cache;
	struct token_keys *keys;
	struct sbuf error;

	if (argc != 4) {
		fprintf(stderr, "usage: token_check HS256|ES256 first|seen SECONDS\n");
		return 2;
	}
	sbuf_init(&error, 1000);
	keys = strcmp(argv[1], "ES256") == 0 ? ec_keys(&error) : hmac_keys(&error);
	if (!keys) {
		fprintf(stderr, "token_check: %s\n", sbuf_str(&error));
		return 1;
	}
	cache = strcmp(argv[2], "seen") == 0 ? token_cache_new() : NULL;
	printf("%.2f\n", measure(keys, cache, (int)strtol(argv[3], NULL, 10)));
	token_cache_free(&cache);
	token_keys_free(&keys);
	sbuf_free(&error);
	return 0;
}
