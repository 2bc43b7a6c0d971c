/*
 * token_cache.c - a token that verified a moment ago need not be verified again: a digest is
 * a hundred times cheaper than an EC signature.
 */
#include "compat.h"

#include "clock.h"
#include "token_priv.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/mman.h>

#define SETS    128
#define WAYS    4 /* tokens that share a set do not push each other out at once */
#define KEEP_US INT64_C(30000000)

struct entry {
	unsigned char digest[32];
	int64_t since_us, until_us; /* clock_wall_us; until 0: empty */
	struct claims claims;
};

struct token_cache {
	EVP_MD *sha256; /* fetched once: a fetch costs more than the digest */
	EVP_MD_CTX *ctx;
	unsigned char digest[32]; /* of what was looked for last */
	struct entry set[SETS][WAYS];
};

/* Mapped, because calloc would touch all of it and most threads see few tokens. */
struct token_cache *token_cache_new(void)
{
	struct token_cache *cache = mmap(NULL, sizeof(*cache), PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	BUG_ON(cache == MAP_FAILED);
	cache->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	cache->ctx = EVP_MD_CTX_new();
	BUG_ON(!cache->sha256 || !cache->ctx);
	return cache;
}

void token_cache_free(struct token_cache **cache)
{
	if (!*cache)
		return;
	EVP_MD_CTX_free((*cache)->ctx);
	EVP_MD_free((*cache)->sha256);
	munmap(*cache, sizeof(**cache));
	*cache = NULL;
}

/* The set of keys is part of it, so that no entry outlives its keys. */
static void digest(struct token_cache *cache, const struct token_keys *keys,
		   enum token_type type, const char *audience, const char *token, size_t len)
{
	const uint64_t context[] = { keys->serial, (uint64_t)type };

	BUG_ON(EVP_DigestInit_ex2(cache->ctx, cache->sha256, NULL) != 1
	       || EVP_DigestUpdate(cache->ctx, context, sizeof(context)) != 1
	       || EVP_DigestUpdate(cache->ctx, audience, strlen(audience) + 1) != 1
	       || EVP_DigestUpdate(cache->ctx, token, len) != 1
	       || EVP_DigestFinal_ex(cache->ctx, cache->digest, NULL) != 1);
}

static struct entry *set_of(struct token_cache *cache)
{
	return cache->set[cache->digest[0] % SETS];
}

/* A since that is to come: the clock was set back, and the 30 s mean nothing any more. */
static bool is_fresh(const struct entry *e, int64_t now)
{
	return now < e->until_us && now >= e->since_us;
}

bool cache_find(struct token_cache *cache, const struct token_keys *keys,
		enum token_type type, const char *audience, const char *token, size_t len,
		struct claims *claims_r)
{
	int64_t now = clock_wall_us();
	const struct entry *e;

	digest(cache, keys, type, audience, token, len);
	e = set_of(cache);
	for (unsigned i = 0; i < WAYS; i++, e++) {
		if (is_fresh(e, now) &&
		    CRYPTO_memcmp(e->digest, cache->digest, sizeof(e->digest)) == 0) {
			*claims_r = e->claims;
			return true;
		}
	}
	return false;
}

/* The one that is of no use any more, or else the oldest. */
static struct entry *victim(struct entry *set, int64_t now)
{
	struct entry *oldest = set;

	for (struct entry *e = set; e < set + WAYS; e++) {
		if (!is_fresh(e, now))
			return e;
		if (e->since_us < oldest->since_us)
			oldest = e;
	}
	return oldest;
}

void cache_keep(struct token_cache *cache, const struct claims *claims)
{
	int64_t now = clock_wall_us(), exp_us = claims->exp * 1000000;
	struct entry *e = victim(set_of(cache), now);

	memcpy(e->digest, cache->digest, sizeof(e->digest));
	e->claims = *claims;
	e->since_us = now;
	e->until_us = now + KEEP_US < exp_us ? now + KEEP_US : exp_us;
}
