/* refresh.c - making, hashing and sealing refresh tokens. */
#include "compat.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "query.h"
#include "refresh.h"
#include "rnd.h"

#define KEY   32
#define NONCE 12
#define TAG   16
#define PLAIN (REFRESH_TEXT - 1)

void refresh_hash(const char *token, size_t len, unsigned char hash[REFRESH_HASH])
{
	int rc = EVP_Digest(token, len, hash, NULL, EVP_sha256(), NULL);

	/* without memory or without SHA-256 there is nothing to go on with */
	BUG_ON(rc != 1);
}

void refresh_make(char token[REFRESH_TEXT], unsigned char hash[REFRESH_HASH])
{
	unsigned char secret[32];
	struct sbuf text;

	rnd_bytes(secret, sizeof(secret));
	sbuf_init(&text, REFRESH_TEXT);
	base64url_encode(secret, sizeof(secret), &text);
	explicit_bzero(secret, sizeof(secret));
	BUG_ON(text.len != PLAIN);
	memcpy(token, text.data, REFRESH_TEXT);
	explicit_bzero(text.data, text.len);
	sbuf_free(&text);
	refresh_hash(token, PLAIN, hash);
}

/* A token has 256 bits of its own, so one HMAC is the whole derivation (as RFC 5869's
 * extract and expand would be); each key seals one text. */
static void derive(const char *token, unsigned char key[KEY])
{
	static const unsigned char label[] = "halle refresh successor";

	BUG_ON(!HMAC(EVP_sha256(), token, (int)strlen(token), label, sizeof(label) - 1, key,
		     NULL));
}

static EVP_CIPHER_CTX *begin(const char *token, const unsigned char nonce[NONCE], int sealing)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char key[KEY];

	derive(token, key);
	BUG_ON(!ctx || EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, sealing) != 1);
	explicit_bzero(key, sizeof(key));
	return ctx;
}

void refresh_seal(const char *token, const char successor[REFRESH_TEXT],
		  unsigned char sealed[REFRESH_SEALED])
{
	unsigned char *cipher = sealed + NONCE;
	EVP_CIPHER_CTX *ctx;
	int len;

	rnd_bytes(sealed, NONCE);
	ctx = begin(token, sealed, 1);
	BUG_ON(EVP_CipherUpdate(ctx, cipher, &len, (const unsigned char *)successor, PLAIN) != 1);
	BUG_ON(len != PLAIN || EVP_CipherFinal_ex(ctx, cipher + PLAIN, &len) != 1);
	BUG_ON(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, cipher + PLAIN) != 1);
	EVP_CIPHER_CTX_free(ctx);
}

int refresh_unseal(const char *token, const unsigned char sealed[REFRESH_SEALED],
		   char successor[REFRESH_TEXT])
{
	EVP_CIPHER_CTX *ctx = begin(token, sealed, 0);
	unsigned char plain[REFRESH_TEXT], tag[TAG];
	int len, rc = -1;

	memcpy(tag, sealed + NONCE + PLAIN, TAG);
	BUG_ON(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) != 1);
	BUG_ON(EVP_CipherUpdate(ctx, plain, &len, sealed + NONCE, PLAIN) != 1);
	if (EVP_CipherFinal_ex(ctx, plain + PLAIN, &len) == 1) {
		memcpy(successor, plain, PLAIN);
		successor[PLAIN] = '\0';
		rc = 0;
	}
	EVP_CIPHER_CTX_free(ctx);
	explicit_bzero(plain, sizeof(plain));
	return rc;
}
