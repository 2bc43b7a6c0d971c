/*
 * token.h - access and service tokens: JWT (RFC 7519) signed HS256 or ES256 (RFC 7518 3.2 and
 * 3.4), made and verified with libjwt, which is used nowhere else.
 *
 * Around libjwt stands every guard that RFC 8725 and libjwt 1.10.2 need: length cap before
 * anything, exactly three canonical base64url parts, a strictly read header with the one
 * algorithm of our keys, typ and a kid of ours, no crit, keys never short or empty, every
 * claim checked here. Keys are immutable after loading, so thread-safe.
 */
#ifndef HALLE_TOKEN_H
#define HALLE_TOKEN_H

#include "pool.h"
#include "sbuf.h"

#define TOKEN_MAX      4096 /* bytes; longer is refused unread */
#define TOKEN_LEEWAY_S 30   /* for nbf and iat of another machine's clock; exp has none */

enum role { ROLE_NONE, ROLE_PUBLIC, ROLE_CUSTOMER, ROLE_ADMIN, ROLE_SERVICE };

const char *role_name(enum role role); /* "customer", "admin", "service"; else "none" */
enum role role_parse(const char *name); /* ROLE_NONE when it is not one of these three */

struct token_keys;

/* text: one or two lines, the first key signs, both verify; all of one kind:
 *
 *	KID HEX            HS256, 32..64 bytes not all alike
 *	KID ES256 BASE64   a P-256 public key, DER SubjectPublicKeyInfo
 *
 * KID: 1..16 of [A-Za-z0-9_-]. NULL with a sentence in error, which never shows a key. */
struct token_keys *token_keys_parse(const char *text, const char *issuer, struct sbuf *error);
void token_keys_free(struct token_keys **keys); /* wipes them */

/* True for ES256: who holds these keys cannot sign unless token_keys_private gave the other
 * half. */
bool token_keys_asymmetric(const struct token_keys *keys);

/* ES256: takes the private half of the first key from lines "KID ES256 BASE64" (DER PKCS#8),
 * where lines of '#' are comments and other keys may stand for a rotation. 0, or -1 with a
 * sentence in error: a line is not so, the first key has none, or one is not the half of the
 * public key of its KID. */
NODISCARD int token_keys_private(struct token_keys *keys, const char *text,
				 struct sbuf *error);

#define TOKEN_KEYS_MAX 2
struct token_public {
	const char *kid; /* lives as long as the keys */
	unsigned char x[32], y[32];
};
/* The public keys, to be published; none with HS256. Returns how many. */
unsigned token_keys_public(const struct token_keys *keys,
			   struct token_public public_r[TOKEN_KEYS_MAX]);

struct claims {
	uint64_t user_id;  /* 0 for a service */
	char username[65]; /* sub; the calling service's name for a service */
	enum role role;
	char sid[37]; /* session (token family) */
	char jti[37];
	int64_t iat, exp; /* seconds since 1970 */
};

enum token_type { TOKEN_ACCESS, TOKEN_SERVICE };

/* audience: "halle" for access tokens, the called service's name for service tokens. Sets
 * iat = nbf = now and a fresh jti; exp = now + ttl. 0 or -1 (logged: role and
 * user_id do not fit the type, the token would exceed TOKEN_MAX, there is no private key, or
 * libjwt failed). */
NODISCARD int token_issue(const struct token_keys *keys, enum token_type type,
			  const char *audience, struct claims *claims, int64_t ttl_s,
			  struct sbuf *out);

enum token_verdict { TOKEN_OK, TOKEN_INVALID, TOKEN_OUTDATED /* well signed, but expired */ };

/* Tokens that one thread has verified lately. An entry is found again by the SHA-256 of the
 * whole token for the same keys, type and audience, until the token's exp and for 30 s at
 * most. Not thread-safe. */
struct token_cache;

struct token_cache *token_cache_new(void);
void token_cache_free(struct token_cache **cache);

/* cache may be NULL. */
enum token_verdict token_verify(const struct token_keys *keys, struct token_cache *cache,
				enum token_type type, const char *audience,
				const char *token, size_t len, struct claims *claims_r);

#endif
