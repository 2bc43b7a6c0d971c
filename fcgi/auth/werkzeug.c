/* werkzeug.c - the two password forms of Python's Werkzeug, verified with OpenSSL. */
#include "compat.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "log.h"
#include "passwd.h"
#include "rnd.h"

#define SCRYPT_PREFIX "scrypt:"
#define SCRYPT_TAG    64
#define PBKDF2_PREFIX "pbkdf2:sha256:"
#define PBKDF2_TAG    32

/* What stands between the method's prefix and the end of the text. */
struct stored {
	uint64_t cost[3]; /* N, r, p or the iterations */
	const char *salt;
	size_t salt_len;
	unsigned char tag[SCRYPT_TAG];
};

static bool starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool werkzeug_is(const char *stored)
{
	return starts(stored, SCRYPT_PREFIX) || starts(stored, PBKDF2_PREFIX);
}

/* One to nine digits and the character after them. */
static const char *read_cost(const char *s, char after, uint64_t *v_r)
{
	const char *from = s;

	for (*v_r = 0; *s >= '0' && *s <= '9' && s - from < 9; s++)
		*v_r = *v_r * 10 + (uint64_t)(*s - '0');
	return s > from && *s == after ? s + 1 : NULL;
}

/* "32768:8:1$salt$hex": costs numbers, then the salt as it is written, then the tag. */
static bool read_stored(const char *s, unsigned costs, size_t tag_len, struct stored *out)
{
	const char *end;

	for (unsigned i = 0; i < costs; i++) {
		s = read_cost(s, i + 1 < costs ? ':' : '$', &out->cost[i]);
		if (!s)
			return false;
	}
	end = strchr(s, '$');
	if (!end || end == s)
		return false;
	out->salt = s;
	out->salt_len = (size_t)(end - s);
	return hex_decode(end + 1, strlen(end + 1), out->tag, tag_len) == 0;
}

static bool scrypt_read(const char *text, struct stored *st)
{
	uint64_t n;

	if (!read_stored(text + strlen(SCRYPT_PREFIX), 3, SCRYPT_TAG, st))
		return false;
	n = st->cost[0];
	return n >= 2 && n <= 1u << 17 && (n & (n - 1)) == 0 && st->cost[1] == 8 &&
	       st->cost[2] >= 1 && st->cost[2] <= 16;
}

static bool pbkdf2_read(const char *text, struct stored *st)
{
	return read_stored(text + strlen(PBKDF2_PREFIX), 1, PBKDF2_TAG, st) &&
	       st->cost[0] >= 1000 && st->cost[0] <= 2000000;
}

/* OpenSSL refuses above 32 MiB unless told how much the parameters need. */
static uint64_t scrypt_memory(const struct stored *st)
{
	return 128 * st->cost[1] * (st->cost[0] + st->cost[2] + 2);
}

static bool same(const unsigned char *a, const unsigned char *b, size_t n, bool derived)
{
	if (!derived)
		log_error("passwd.derive");
	return derived && CRYPTO_memcmp(a, b, n) == 0;
}

static bool scrypt_verify(const char *text, const char *password, size_t len)
{
	unsigned char tag[SCRYPT_TAG];
	struct stored st;
	bool derived;

	if (!scrypt_read(text, &st))
		return false;
	derived = EVP_PBE_scrypt(password, len, (const unsigned char *)st.salt,
				 st.salt_len, st.cost[0], st.cost[1], st.cost[2],
				 scrypt_memory(&st), tag, sizeof(tag)) == 1;
	return same(tag, st.tag, sizeof(tag), derived);
}

static bool pbkdf2_verify(const char *text, const char *password, size_t len)
{
	unsigned char tag[PBKDF2_TAG];
	struct stored st;
	bool derived;

	if (!pbkdf2_read(text, &st))
		return false;
	derived = PKCS5_PBKDF2_HMAC(password, (int)len, (const unsigned char *)st.salt,
				    (int)st.salt_len, (int)st.cost[0], EVP_sha256(),
				    (int)sizeof(tag), tag) == 1;
	return same(tag, st.tag, sizeof(tag), derived);
}

bool werkzeug_verify(const char *stored, const char *password, size_t len)
{
	return starts(stored, SCRYPT_PREFIX) ? scrypt_verify(stored, password, len)
					     : pbkdf2_verify(stored, password, len);
}

bool werkzeug_verifiable(const char *stored)
{
	struct stored st;

	return starts(stored, SCRYPT_PREFIX) ? scrypt_read(stored, &st)
					     : pbkdf2_read(stored, &st);
}
