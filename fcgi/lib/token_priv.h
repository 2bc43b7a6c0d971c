/*
 * token_priv.h - what the files token*.c share. Nobody else includes it.
 */
#ifndef HALLE_TOKEN_PRIV_H
#define HALLE_TOKEN_PRIV_H

#include <openssl/evp.h>

#include "token.h"

#define KID_MAX 16
#define KEY_MIN 32 /* bytes of an HMAC key; RFC 7518 3.2 asks for the size of the hash */
#define KEY_MAX 64

/* Of a set of keys, never of a token: one issuer has one algorithm (RFC 8725 3.1). */
enum token_alg { ALG_HS256, ALG_ES256 };

/* As libjwt takes it: the bytes of an HMAC key, or the PEM of a private EC key. */
struct secret {
	unsigned char bytes[512];
	size_t len;
};

struct key {
	char kid[KID_MAX + 1];
	struct secret hmac;      /* HS256 */
	EVP_PKEY *public;        /* ES256; any number of threads verify with it */
	unsigned char point[64]; /* ES256: x and y */
};

struct token_keys {
	enum token_alg alg;
	struct key key[TOKEN_KEYS_MAX];
	unsigned count;
	struct secret signing; /* of the first key; empty when it only verifies */
	char *issuer;
	uint64_t serial; /* no other set of keys of this process has it */
};

/* token_cache.c. cache_keep stores what cache_find did not find just before. */
bool cache_find(struct token_cache *cache, const struct token_keys *keys,
		enum token_type type, const char *audience, const char *token, size_t len,
		struct claims *claims_r);
void cache_keep(struct token_cache *cache, const struct claims *claims);

#endif
