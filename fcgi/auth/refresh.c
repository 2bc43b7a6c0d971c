/* refresh.c - making and hashing refresh tokens. */
#include "compat.h"

#include <openssl/evp.h>

#include "query.h"
#include "refresh.h"
#include "rnd.h"

void refresh_hash(const char *token, size_t len, unsigned char hash[REFRESH_HASH])
{
	int rc = EVP_Digest(token, len, hash, NULL, EVP_sha256(), NULL);

	/* without memory or without SHA-256 there is nothing to go on with */
	BUG_ON(rc != 1);
}

void refresh_make(struct sbuf *text, unsigned char hash[REFRESH_HASH])
{
	unsigned char secret[32];
	size_t from = text->len;

	rnd_bytes(secret, sizeof(secret));
	base64url_encode(secret, sizeof(secret), text);
	explicit_bzero(secret, sizeof(secret));
	refresh_hash(text->data + from, text->len - from, hash);
}
