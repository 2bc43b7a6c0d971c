/* passwd.c - argon2id, and which verifier a stored text belongs to. */
#include "compat.h"

#include <argon2.h>

#include "passwd.h"
#include "rnd.h"

/* OWASP's minimum for argon2id: m in KiB, t passes, p lanes. */
#define ARGON_M	       19456
#define ARGON_T	       2
#define ARGON_P	       1
#define ARGON_PREFIX   "$argon2id$v=19$m=19456,t=2,p=1$"
#define ARGON_SALT_LEN 16
#define ARGON_TAG_LEN  32

#define ARGON_LANES_MAX 4 /* of a stored text; each needs 8 KiB */

const char passwd_dummy_hash[] =
	ARGON_PREFIX "bm9ib2R5IGhhcyB0aGlzIQ$FMASPiBMBIGAWDeeE+1g8EQ7mYRsSjRb4GxIfA2zjLY";

void passwd_hash(const char *password, size_t len, char phc[PASSWD_TEXT])
{
	unsigned char salt[ARGON_SALT_LEN];
	int rc;

	rnd_bytes(salt, sizeof(salt));
	rc = argon2id_hash_encoded(ARGON_T, ARGON_M, ARGON_P, password, len, salt,
				   sizeof(salt), ARGON_TAG_LEN, phc, PASSWD_TEXT);
	/* the parameters are constants, so only memory can have been wanting */
	BUG_ON(rc != ARGON2_OK);
}

/* Moves *p past the text and a number in min..max. */
static bool read_parameter(const char **p, const char *text, unsigned long min,
			   unsigned long max)
{
	size_t n = strlen(text);
	unsigned long v = 0;
	const char *s = *p + n;

	if (strncmp(*p, text, n) != 0 || *s == '0') /* libargon2 takes no leading zero */
		return false;
	while (*s >= '0' && *s <= '9' && v <= max)
		v = v * 10 + (unsigned long)(*s++ - '0');
	*p = s;
	return v >= min && v <= max;
}

/* libargon2 would take whatever memory and time the text asks for. */
static bool argon_affordable(const char **stored)
{
	return read_parameter(stored, "$argon2id$v=", 19, 19) &&
	       read_parameter(stored, "$m=", 8UL * ARGON_LANES_MAX, 65536) &&
	       read_parameter(stored, ",t=", 1, 10) &&
	       read_parameter(stored, ",p=", 1, ARGON_LANES_MAX) && **stored == '$';
}

/* "$" and Base64 without padding of min to max bytes, canonical as libargon2 wants it: the
 * bits that its last letter has too many are 0. */
static bool read_base64(const char **p, size_t min, size_t max)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789+/";
	size_t len = strspn(*p + (**p == '$'), letters), bytes = len * 3 / 4;
	const char *last = *p + len;
	unsigned spare = len % 4 == 2 ? 15 : len % 4 == 3 ? 3 : 0;

	if (**p != '$' || len % 4 == 1 || bytes < min || bytes > max ||
	    ((size_t)(strchr(letters, *last) - letters) & spare))
		return false;
	*p += len + 1;
	return true;
}

static bool argon_verifiable(const char *stored)
{
	return argon_affordable(&stored) && read_base64(&stored, 8, 64) &&
	       read_base64(&stored, 16, 64) && *stored == '\0';
}

static bool argon_verify(const char *stored, const char *password, size_t len)
{
	int rc;

	if (!argon_verifiable(stored))
		return false;
	rc = argon2id_verify(stored, password, len);
	BUG_ON(rc == ARGON2_MEMORY_ALLOCATION_ERROR);
	return rc == ARGON2_OK;
}

bool passwd_verify(const char *stored, const char *password, size_t len)
{
	if (werkzeug_is(stored))
		return werkzeug_verify(stored, password, len);
	return argon_verify(stored, password, len);
}

bool passwd_verifiable(const char *stored)
{
	return werkzeug_is(stored) ? werkzeug_verifiable(stored) : argon_verifiable(stored);
}

bool passwd_outdated(const char *stored)
{
	return strncmp(stored, ARGON_PREFIX, strlen(ARGON_PREFIX)) != 0;
}
