/*
 * token_keys.c - key files, read strictly: a worker with a key that is not sound must not
 * start.
 */
#include "compat.h"

#include <stdatomic.h>

#include "query.h"
#include "rnd.h"
#include "token_priv.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* DER SubjectPublicKeyInfo of an uncompressed point of P-256, up to the point: one encoding
 * of each key, so nothing else has to be told apart. */
static const unsigned char spki_head[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
	0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04
};

/* A piece of a line; not NUL-terminated. */
struct word {
	const char *text;
	size_t len;
};

/* -- lines ------------------------------------------------------------------------------ */

static bool is_kid(const char *text, size_t len)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789-_";

	return len >= 1 && len <= KID_MAX && strspn(text, allowed) >= len;
}

/* "KID HEX" or "KID ES256 BASE64". Returns what is wrong, a text without any of the key. */
static const char *split_line(const char *line, size_t len, char kid[KID_MAX + 1],
			      enum token_alg *alg, struct word *key)
{
	static const char es256[] = "ES256 ";
	size_t kid_len = strcspn(line, " \n"), prefix = sizeof(es256) - 1;

	if (kid_len >= len || !is_kid(line, kid_len))
		return "is not \"KID HEX\" or \"KID ES256 BASE64\" with a KID of 1 to 16 "
		       "letters, digits, '-' or '_'";
	memcpy(kid, line, kid_len);
	kid[kid_len] = '\0';
	*key = (struct word){ line + kid_len + 1, len - kid_len - 1 };
	*alg = ALG_HS256;
	if (key->len >= prefix && memcmp(key->text, es256, prefix) == 0) {
		*alg = ALG_ES256;
		key->text += prefix;
		key->len -= prefix;
	}
	return NULL;
}

/* -- HS256 ------------------------------------------------------------------------------ */

static bool all_alike(const unsigned char *bytes, size_t len)
{
	for (size_t i = 1; i < len; i++)
		if (bytes[i] != bytes[0])
			return false;
	return true;
}

static const char *read_hex(struct secret *key, const struct word *hex)
{
	key->len = hex->len / 2;
	if (key->len < KEY_MIN || key->len > KEY_MAX)
		return "has a key that is not 32 to 64 bytes long";
	if (hex_decode(hex->text, hex->len, key->bytes, key->len) < 0)
		return "has a key that is not hexadecimal";
	if (all_alike(key->bytes, key->len))
		return "has a key whose bytes are all alike";
	return NULL;
}

/* -- ES256 ------------------------------------------------------------------------------ */

static EVP_PKEY *decode_public(const unsigned char *der, size_t len)
{
	EVP_PKEY *key;

	if (len != sizeof(spki_head) + 64 || memcmp(der, spki_head, sizeof(spki_head)) != 0)
		return NULL;
	key = d2i_PUBKEY(NULL, &der, (long)len); /* refuses a point that is not on the curve */
	ERR_clear_error();
	return key;
}

/* Unencrypted PKCS#8 only; whose key it is, pair tells. */
static EVP_PKEY *decode_private(const unsigned char *der, size_t len)
{
	const unsigned char *at = der;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)len);
	EVP_PKEY *key = info && at == der + len ? EVP_PKCS82PKEY(info) : NULL;

	PKCS8_PRIV_KEY_INFO_free(info); /* wipes it */
	ERR_clear_error();
	return key;
}

/* libjwt wants PEM. OpenSSL wipes the memory of bio as it frees it. */
static bool write_pem(struct secret *out, EVP_PKEY *private)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int len = 0;

	BUG_ON(!bio);
	if (PEM_write_bio_PKCS8PrivateKey(bio, private, NULL, NULL, 0, NULL, NULL) == 1 &&
	    BIO_pending(bio) <= (int)sizeof(out->bytes))
		len = BIO_read(bio, out->bytes, sizeof(out->bytes));
	out->len = len > 0 ? (size_t)len : 0;
	BIO_free(bio);
	return out->len > 0;
}

static bool is_private(const unsigned char *der, size_t len)
{
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &der, (long)len);
	bool is = key != NULL;

	EVP_PKEY_free(key);
	ERR_clear_error();
	return is;
}

static const char *read_public(struct key *key, const struct word *base64, struct pool *pool)
{
	size_t len;
	unsigned char *der = base64_decode(base64->text, base64->len, &len, pool);
	bool private;

	if (!der)
		return "has a key that is not Base64 on one line";
	key->public = decode_public(der, len);
	if (key->public) {
		memcpy(key->point, der + sizeof(spki_head), sizeof(key->point));
		return NULL;
	}
	private = is_private(der, len);
	explicit_bzero(der, len);
	if (private)
		return "holds a private key: it belongs into jwt_private_file, here its "
		       "public key (openssl pkey -pubout -outform DER)";
	return "has a key that is not the DER SubjectPublicKeyInfo of a P-256 key "
	       "(openssl pkey -pubout -outform DER)";
}

/* -- the file of keys ------------------------------------------------------------------- */

static const char *read_key(struct token_keys *keys, const char *line, size_t len,
			    struct pool *pool)
{
	struct key *key = &keys->key[keys->count];
	enum token_alg alg;
	struct word text;
	const char *wrong = split_line(line, len, key->kid, &alg, &text);

	if (wrong)
		return wrong;
	if (keys->count > 0 && alg != keys->alg)
		return "is of another kind than the first: write two of \"KID HEX\" or two of "
		       "\"KID ES256 BASE64\"";
	if (keys->count > 0 && strcmp(key->kid, keys->key[0].kid) == 0)
		return "has the KID of the first";
	keys->alg = alg;
	keys->count++;
	return alg == ALG_HS256 ? read_hex(&key->hmac, &text)
				: read_public(key, &text, pool);
}

/* Returns what is wrong with line *line_r, which is 0 when there is none. */
static const char *read_keys(struct token_keys *keys, const char *text, unsigned *line_r,
			     struct pool *pool)
{
	const char *wrong = NULL;

	for (*line_r = 0; *text && !wrong; ++*line_r) {
		size_t len = strcspn(text, "\n");

		wrong = *line_r < COUNT(keys->key) ? read_key(keys, text, len, pool)
						   : "is one too many: at most two keys";
		text += len + (text[len] == '\n');
	}
	return wrong;
}

struct token_keys *token_keys_parse(const char *text, const char *issuer, struct sbuf *error)
{
	static _Atomic uint64_t serial;
	struct token_keys *keys = xcalloc(1, sizeof(*keys));
	struct pool *pool = pool_new();
	unsigned line;
	const char *wrong = read_keys(keys, text, &line, pool);

	pool_free(&pool);
	keys->issuer = xstrdup(issuer);
	keys->serial = atomic_fetch_add(&serial, 1);
	if (keys->alg == ALG_HS256)
		keys->signing = keys->key[0].hmac;
	if (!wrong && line > 0)
		return keys;
	if (wrong)
		sbuf_printf(error, "Line %u %s.", line, wrong);
	else
		sbuf_addstr(error, "There is no key; write one line \"KID HEX\".");
	token_keys_free(&keys);
	return NULL;
}

void token_keys_free(struct token_keys **keys)
{
	if (!*keys)
		return;
	for (unsigned i = 0; i < (*keys)->count; i++)
		EVP_PKEY_free((*keys)->key[i].public);
	free((*keys)->issuer);
	explicit_bzero(*keys, sizeof(**keys));
	free(*keys);
	*keys = NULL;
}

bool token_keys_asymmetric(const struct token_keys *keys)
{
	return keys->alg == ALG_ES256;
}

unsigned token_keys_public(const struct token_keys *keys,
			   struct token_public public_r[TOKEN_KEYS_MAX])
{
	unsigned count = token_keys_asymmetric(keys) ? keys->count : 0;

	for (unsigned i = 0; i < count; i++) {
		const struct key *key = &keys->key[i];

		public_r[i].kid = key->kid;
		memcpy(public_r[i].x, key->point, 32);
		memcpy(public_r[i].y, key->point + 32, 32);
	}
	return count;
}

/* -- the file of private keys ----------------------------------------------------------- */

/* PKCS#8 may carry a public key that is not its own, so the pair is put to the test. */
static bool pair(EVP_PKEY *public, EVP_PKEY *private)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(private, NULL);
	bool fit = ctx && EVP_PKEY_eq(public, private) == 1
		   && EVP_PKEY_pairwise_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return fit;
}

static const char *take_private(struct token_keys *keys, const char *kid, EVP_PKEY *private)
{
	for (unsigned i = 0; i < keys->count; i++) {
		if (strcmp(keys->key[i].kid, kid) != 0)
			continue;
		if (!pair(keys->key[i].public, private))
			return "is not the private key of the public key that jwt_keys_file has "
			       "under this KID";
		if (i == 0 && !write_pem(&keys->signing, private))
			return "has a key that OpenSSL cannot write";
	}
	return NULL;
}

static const char *read_private(struct token_keys *keys, const char *line, size_t len,
				struct pool *pool)
{
	static const char form[] = "is not \"KID ES256 BASE64\" with the DER PKCS#8 of an "
				   "unencrypted P-256 key (openssl pkcs8 -topk8 -nocrypt "
				   "-outform DER)";
	char kid[KID_MAX + 1];
	enum token_alg alg;
	struct word text;
	unsigned char *der = NULL;
	EVP_PKEY *private;
	const char *wrong;
	size_t der_len;

	if (!split_line(line, len, kid, &alg, &text) && alg == ALG_ES256)
		der = base64_decode(text.text, text.len, &der_len, pool);
	if (!der)
		return form;
	private = decode_private(der, der_len);
	explicit_bzero(der, der_len);
	wrong = private ? take_private(keys, kid, private) : form;
	EVP_PKEY_free(private);
	return wrong;
}

int token_keys_private(struct token_keys *keys, const char *text, struct sbuf *error)
{
	struct pool *pool = pool_new();
	const char *wrong = NULL;
	unsigned line = 0;

	BUG_ON(!token_keys_asymmetric(keys));
	keys->signing.len = 0;
	for (; *text && !wrong; line++) {
		size_t len = strcspn(text, "\n");

		if (text[0] != '#')
			wrong = read_private(keys, text, len, pool);
		text += len + (text[len] == '\n');
	}
	pool_free(&pool);
	if (wrong)
		sbuf_printf(error, "Line %u %s.", line, wrong);
	else if (keys->signing.len == 0)
		sbuf_printf(error, "There is no private key \"%s\", and that is the first of "
			    "jwt_keys_file: add its line \"%s ES256 BASE64\".",
			    keys->key[0].kid, keys->key[0].kid);
	return wrong || keys->signing.len == 0 ? -1 : 0;
}
