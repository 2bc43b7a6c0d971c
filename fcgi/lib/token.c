/*
 * token.c - libjwt signs and compares, OpenSSL checks ES256; everything else is decided here.
 */
#include "compat.h"

#include "body.h"
#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "query.h"
#include "rnd.h"
#include "token_priv.h"

#include <jwt.h>
#include <openssl/ec.h>
#include <openssl/err.h>

static const struct {
	const char *name;
	jwt_alg_t jwt;
	size_t signature; /* bytes */
} algs[] = {
	[ALG_HS256] = { "HS256", JWT_ALG_HS256, 32 },
	[ALG_ES256] = { "ES256", JWT_ALG_ES256, 64 },
};

/* -- names ------------------------------------------------------------------------------ */

const char *role_name(enum role role)
{
	switch (role) {
	case ROLE_CUSTOMER:
		return "customer";
	case ROLE_ADMIN:
		return "admin";
	case ROLE_SERVICE:
		return "service";
	case ROLE_NONE:
	case ROLE_PUBLIC:
	default:
		return "none"; /* no token carries these */
	}
}

enum role role_parse(const char *name)
{
	for (enum role r = ROLE_CUSTOMER; r <= ROLE_SERVICE; r++)
		if (strcmp(name, role_name(r)) == 0)
			return r;
	return ROLE_NONE;
}

static const char *type_name(enum token_type type)
{
	return type == TOKEN_ACCESS ? "access" : "service";
}

/* A user has an id and a user's role, a service neither. */
static bool claims_fit(const struct claims *c, enum token_type type)
{
	if (type == TOKEN_SERVICE)
		return c->role == ROLE_SERVICE && c->user_id == 0;
	return (c->role == ROLE_CUSTOMER || c->role == ROLE_ADMIN) && c->user_id > 0
	       && c->user_id <= INT64_MAX;
}

/* -- issuing ---------------------------------------------------------------------------- */

static int add_claims(jwt_t *jwt, const char *issuer, enum token_type type,
		      const char *audience, const struct claims *c)
{
	int failed = 0;

	failed |= jwt_add_grant(jwt, "iss", issuer);
	failed |= jwt_add_grant(jwt, "aud", audience);
	failed |= jwt_add_grant(jwt, "sub", c->username);
	failed |= jwt_add_grant(jwt, "role", role_name(c->role));
	failed |= jwt_add_grant(jwt, "sid", c->sid);
	failed |= jwt_add_grant(jwt, "jti", c->jti);
	failed |= jwt_add_grant(jwt, "type", type_name(type));
	failed |= jwt_add_grant_int(jwt, "user_id", (long)c->user_id);
	failed |= jwt_add_grant_int(jwt, "iat", c->iat);
	failed |= jwt_add_grant_int(jwt, "nbf", c->iat);
	failed |= jwt_add_grant_int(jwt, "exp", c->exp);
	return failed ? -1 : 0;
}

static int sign(const struct token_keys *keys, enum token_type type, const char *audience,
		const struct claims *c, struct sbuf *out)
{
	const struct secret *key = &keys->signing;
	char *text = NULL;
	jwt_t *jwt;
	int rc = -1;

	if (key->len == 0 || jwt_new(&jwt) != 0)
		return -1;
	if (jwt_set_alg(jwt, algs[keys->alg].jwt, key->bytes, (int)key->len) == 0
	    && jwt_add_header(jwt, "kid", keys->key[0].kid) == 0
	    && add_claims(jwt, keys->issuer, type, audience, c) == 0)
		text = jwt_encode_str(jwt);
	if (text && strlen(text) <= TOKEN_MAX) {
		sbuf_addstr(out, text);
		rc = 0;
	}
	free(text);
	jwt_free(jwt);
	return rc;
}

int token_issue(const struct token_keys *keys, enum token_type type, const char *audience,
		struct claims *claims, int64_t ttl_s, struct sbuf *out)
{
	unsigned char uuid[16];

	BUG_ON(ttl_s <= 0);
	rnd_uuid7(uuid);
	uuid_text(uuid, claims->jti);
	claims->iat = clock_wall_us() / 1000000;
	claims->exp = claims->iat + ttl_s;
	if (!claims_fit(claims, type) || sign(keys, type, audience, claims, out) < 0) {
		log_error("token.issue_failed", LOG_STR("audience", audience));
		return -1;
	}
	return 0;
}

/* -- verifying -------------------------------------------------------------------------- */

static const struct key *find_key(const struct token_keys *keys, const char *kid)
{
	for (unsigned i = 0; i < keys->count; i++)
		if (strcmp(keys->key[i].kid, kid) == 0)
			return &keys->key[i];
	return NULL;
}

struct header {
	const char *alg, *typ, *kid;
};

static const struct field header_fields[] = {
	FIELD_STR(struct header, alg, 1, 5, .required = true,
		  .choices = (const char *const[]){ "HS256", "ES256", NULL }),
	FIELD_STR(struct header, typ, 1, 3, .required = true,
		  .choices = (const char *const[]){ "JWT", NULL }),
	FIELD_STR(struct header, kid, 1, KID_MAX, .required = true),
	{ 0 }
};

struct payload {
	const char *iss, *aud, *sub, *role, *sid, *jti, *type;
	uint64_t user_id;
	int64_t iat, nbf, exp;
};

/* Seconds end before year 10000, so that no sum overflows. */
#define TIME_MAX INT64_C(253402300799)
static const struct field payload_fields[] = {
	FIELD_STR(struct payload, iss, 1, 255, .required = true),
	FIELD_STR(struct payload, aud, 1, 64, .required = true),
	FIELD_STR(struct payload, sub, 1, 64, .required = true),
	FIELD_STR(struct payload, role, 1, 16, .required = true),
	FIELD_STR(struct payload, sid, 0, 36, .required = true),
	FIELD_STR(struct payload, jti, 1, 36, .required = true),
	FIELD_STR(struct payload, type, 1, 16, .required = true),
	FIELD_U64(struct payload, user_id, 0, INT64_MAX, .required = true),
	FIELD_I64(struct payload, iat, 0, TIME_MAX, .required = true),
	FIELD_I64(struct payload, nbf, 0, TIME_MAX, .required = true),
	FIELD_I64(struct payload, exp, 0, TIME_MAX, .required = true),
	{ 0 }
};

struct part {
	const char *text; /* JSON, or the signature's bytes */
	size_t len;
};

/* Exactly three parts, each canonical base64url; two texts never mean the same token. */
static bool split(const char *token, size_t len, struct part part[3], struct pool *pool)
{
	const char *end = token + len;

	for (int i = 0; i < 3; i++) {
		const char *dot = memchr(token, '.', (size_t)(end - token));
		const char *stop = dot ? dot : end;

		if ((dot != NULL) != (i < 2) || stop == token)
			return false;
		part[i].text = (const char *)base64url_decode(
			token, (size_t)(stop - token), &part[i].len, pool);
		if (!part[i].text)
			return false;
		token = stop + (dot != NULL);
	}
	return true;
}

/* The key that the header names; NULL when the header is not one of ours. An unknown member,
 * "crit" among them, is refused. The algorithm is that of our keys: the header only has to
 * say the same. */
static const struct key *header_key(const struct token_keys *keys, const struct part *json,
				    struct pool *pool)
{
	struct body_report report;
	struct header header;
	uint64_t present;

	if (body_parse(json->text, json->len, header_fields, &header, sizeof(header), &present,
		       pool, &report) != BODY_OK
	    || strcmp(header.alg, algs[keys->alg].name) != 0)
		return NULL;
	return find_key(keys, header.kid);
}

/* libjwt 1.10.2 checks nothing when the key is empty, and takes any algorithm that the header
 * names: hence the conditions around it. */
static bool hs256_holds(const char *token, const struct secret *key)
{
	jwt_t *jwt = NULL;
	bool holds;

	if (key->len < KEY_MIN)
		return false;
	holds = jwt_decode(&jwt, token, key->bytes, (int)key->len) == 0
		&& jwt_get_alg(jwt) == JWT_ALG_HS256;
	jwt_free(jwt);
	return holds;
}

/* JWS puts r and s side by side (RFC 7518 3.4), OpenSSL wants their DER. */
static int es256_der(const struct part *signature, unsigned char **der_r)
{
	const unsigned char *bytes = (const unsigned char *)signature->text;
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(bytes, 32, NULL), *s = BN_bin2bn(bytes + 32, 32, NULL);
	int len;

	BUG_ON(!pair || !r || !s);
	BUG_ON(ECDSA_SIG_set0(pair, r, s) != 1);
	len = i2d_ECDSA_SIG(pair, der_r);
	ECDSA_SIG_free(pair);
	return len;
}

/* Not by libjwt, which parses the key anew for every token: twelve times the work, and what
 * forged tokens cost is paid each time. */
static bool es256_holds(const char *token, size_t len, const struct part *signature,
			EVP_PKEY *key)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const char *end = memrchr(token, '.', len);
	unsigned char *der = NULL;
	int der_len = es256_der(signature, &der);
	bool holds;

	BUG_ON(!ctx || !end);
	holds = der_len > 0 && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1
		&& EVP_DigestVerify(ctx, der, (size_t)der_len, (const unsigned char *)token,
				    (size_t)(end - token)) == 1;
	OPENSSL_free(der);
	EVP_MD_CTX_free(ctx);
	return holds;
}

static bool signature_holds(const struct key *key, enum token_alg alg, const char *token,
			    size_t len, const struct part *signature, struct pool *pool)
{
	bool holds = alg == ALG_HS256 ? hs256_holds(pool_dup(pool, token, len), &key->hmac)
				      : es256_holds(token, len, signature, key->public);

	/* what it leaves there, another user of OpenSSL in this thread would take for his own */
	ERR_clear_error();
	return holds;
}

/* Copies with the final NUL; false when it does not fit. */
static bool copy(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src);

	if (len >= size)
		return false;
	memcpy(dst, src, len + 1);
	return true;
}

static bool fill_claims(struct claims *c, const struct payload *p, enum token_type type)
{
	c->user_id = p->user_id;
	c->role = role_parse(p->role);
	c->iat = p->iat;
	c->exp = p->exp;
	return claims_fit(c, type) && copy(c->username, sizeof(c->username), p->sub)
	       && copy(c->sid, sizeof(c->sid), p->sid)
	       && copy(c->jti, sizeof(c->jti), p->jti);
}

static enum token_verdict judge(const struct payload *p, const char *issuer,
				enum token_type type, const char *audience)
{
	int64_t now = clock_wall_us() / 1000000;

	if (strcmp(p->iss, issuer) != 0 || strcmp(p->aud, audience) != 0
	    || strcmp(p->type, type_name(type)) != 0)
		return TOKEN_INVALID;
	if (p->nbf > now + TOKEN_LEEWAY_S || p->iat > now + TOKEN_LEEWAY_S || p->exp <= p->iat)
		return TOKEN_INVALID;
	return p->exp > now ? TOKEN_OK : TOKEN_OUTDATED;
}

static enum token_verdict verify(const struct token_keys *keys, enum token_type type,
				 const char *audience, const char *token, size_t len,
				 struct claims *claims, struct pool *pool)
{
	struct body_report report;
	struct payload payload;
	struct part part[3];
	const struct key *key;

	if (!split(token, len, part, pool) || part[2].len != algs[keys->alg].signature)
		return TOKEN_INVALID;
	key = header_key(keys, &part[0], pool);
	if (!key || !signature_holds(key, keys->alg, token, len, &part[2], pool))
		return TOKEN_INVALID;
	if (body_parse_known(part[1].text, part[1].len, payload_fields, &payload,
			     sizeof(payload), pool, &report) != BODY_OK
	    || !fill_claims(claims, &payload, type))
		return TOKEN_INVALID;
	return judge(&payload, keys->issuer, type, audience);
}

enum token_verdict token_verify(const struct token_keys *keys, struct token_cache *cache,
				enum token_type type, const char *audience,
				const char *token, size_t len, struct claims *claims_r)
{
	enum token_verdict verdict = TOKEN_INVALID;
	struct pool *pool;

	memset(claims_r, 0, sizeof(*claims_r));
	/* before anything: libjwt decodes on the stack */
	if (len > TOKEN_MAX)
		return TOKEN_INVALID;
	if (cache && cache_find(cache, keys, type, audience, token, len, claims_r)) {
		metrics_add(M_TOKEN_CACHED, 1);
		return TOKEN_OK;
	}
	pool = pool_new();
	verdict = verify(keys, type, audience, token, len, claims_r, pool);
	pool_free(&pool);
	if (verdict != TOKEN_OK)
		memset(claims_r, 0, sizeof(*claims_r));
	else if (cache)
		cache_keep(cache, claims_r);
	return verdict;
}
