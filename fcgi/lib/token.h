/*
 * token.h - access and service tokens: JWT (RFC 7519) signed HS256 (RFC 7518 3.2), made and
 * verified with libjwt, which is used nowhere else.
 *
 * Around libjwt stands every guard that RFC 8725 and libjwt 1.10.2 need: length cap before
 * anything, exactly three canonical base64url parts, a strictly read header with our alg, typ
 * and a kid of ours, no crit, keys never short or empty, every claim checked here. Immutable
 * after loading, so thread-safe.
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

/* text: one or two lines "KID HEX", KID 1..16 of [A-Za-z0-9_-], HEX 32..64 bytes not all
 * alike; the first signs, both verify. NULL with a sentence in error. */
struct token_keys *token_keys_parse(const char *text, const char *issuer, struct sbuf *error);
void token_keys_free(struct token_keys **keys); /* wipes them */

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
 * user_id do not fit the type, the token would exceed TOKEN_MAX, or libjwt failed). */
NODISCARD int token_issue(const struct token_keys *keys, enum token_type type,
			  const char *audience, struct claims *claims, int64_t ttl_s,
			  struct sbuf *out);

enum token_verdict { TOKEN_OK, TOKEN_INVALID, TOKEN_OUTDATED /* well signed, but expired */ };

enum token_verdict token_verify(const struct token_keys *keys, enum token_type type,
				const char *audience, const char *token, size_t len,
				struct claims *claims_r);

#endif
