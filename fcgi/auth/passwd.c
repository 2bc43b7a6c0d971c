/* passwd.c - argon2id, and which verifier a stored text belongs to. */
#include "compat.h"

#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/mman.h>

#include "passwd.h"
#include "rnd.h"

/* OWASP's minimum for argon2id: m in KiB, t passes, p lanes. */
#define ARGON_M	       19456
#define ARGON_T	       2
#define ARGON_P	       1
#define ARGON_PREFIX   "$argon2id$v=19$m=19456,t=2,p=1$"
#define ARGON_SALT_LEN 16
#define ARGON_TAG_LEN  32
#define ARGON_SALT_TEXT 22 /* in Base64 without padding */
#define ARGON_TAG_TEXT	43
#define ARGON_TEXT	(sizeof(ARGON_PREFIX) - 1 + ARGON_SALT_TEXT + 1 + ARGON_TAG_TEXT)
#define HUGE_PAGE	(2ul << 20)

#define ARGON_LANES_MAX 4 /* of a stored text; each needs 8 KiB */

const char passwd_decoy_hash[] =
	ARGON_PREFIX "bm9ib2R5IGhhcyB0aGlzIQ$FMASPiBMBIGAWDeeE+1g8EQ7mYRsSjRb4GxIfA2zjLY";

/* ---- memory: in pages of 4 KiB, a third of the time of a hash would go into faults; in huge
 * ones a twentieth goes into the kernel's clearing of them, so they are kept ---- */

#define HASH_BYTES ((size_t)ARGON_M * 1024)

static _Thread_local uint8_t *kept; /* HASH_BYTES, wiped */

static size_t whole_pages(size_t bytes)
{
	return (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
}

static int memory_map(uint8_t **memory, size_t bytes)
{
	size_t len = whole_pages(bytes), before;
	uint8_t *map = mmap(NULL, len + HUGE_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return ARGON2_MEMORY_ALLOCATION_ERROR;
	before = whole_pages((uintptr_t)map) - (uintptr_t)map;
	if (before)
		munmap(map, before);
	if (before < HUGE_PAGE)
		munmap(map + before + len, HUGE_PAGE - before);
	*memory = map + before;
	/* a kernel without huge pages gives small ones */
	(void)madvise(*memory, len, MADV_HUGEPAGE);
	return ARGON2_OK;
}

static int memory_take(uint8_t **memory, size_t bytes)
{
	BUG_ON(bytes != HASH_BYTES);
	if (!kept)
		return memory_map(memory, bytes);
	*memory = kept;
	kept = NULL;
	return ARGON2_OK;
}

/* libargon2 has wiped it. */
static void memory_keep(uint8_t *memory, size_t bytes UNUSED)
{
	kept = memory;
}

void passwd_rest(void)
{
	if (kept)
		munmap(kept, whole_pages(HASH_BYTES));
	kept = NULL;
}

/* ---- hashes of today's form ---- */

static char *put_base64(char *at, const unsigned char *bytes, int len, size_t letters)
{
	unsigned char padded[4 * ((ARGON_TAG_LEN + 2) / 3) + 1];

	EVP_EncodeBlock(padded, bytes, len);
	memcpy(at, padded, letters);
	return at + letters;
}

static void hash(const char *password, size_t len, unsigned char salt[ARGON_SALT_LEN],
		 char phc[PASSWD_TEXT])
{
	unsigned char tag[ARGON_TAG_LEN];
	argon2_context ctx = {
		.out = tag, .outlen = sizeof(tag), .pwdlen = (uint32_t)len, .salt = salt,
		.saltlen = ARGON_SALT_LEN, .t_cost = ARGON_T, .m_cost = ARGON_M, .lanes = ARGON_P,
		.threads = ARGON_P, .version = ARGON2_VERSION_13,
		.allocate_cbk = memory_take, .free_cbk = memory_keep,
	};
	char *at = phc + sizeof(ARGON_PREFIX) - 1;

	/* which libargon2 only reads, as it is not told to clear it */
	memcpy(&ctx.pwd, &password, sizeof(ctx.pwd));
	/* the parameters are constants, so only memory can have been wanting */
	BUG_ON(argon2_ctx(&ctx, Argon2_id) != ARGON2_OK);
	memcpy(phc, ARGON_PREFIX, sizeof(ARGON_PREFIX));
	at = put_base64(at, salt, ARGON_SALT_LEN, ARGON_SALT_TEXT);
	*at++ = '$';
	at = put_base64(at, tag, ARGON_TAG_LEN, ARGON_TAG_TEXT);
	*at = '\0';
}

void passwd_hash(const char *password, size_t len, char phc[PASSWD_TEXT])
{
	unsigned char salt[ARGON_SALT_LEN];

	rnd_bytes(salt, sizeof(salt));
	hash(password, len, salt, phc);
}

static bool is_todays(const char *stored)
{
	return strncmp(stored, ARGON_PREFIX, sizeof(ARGON_PREFIX) - 1) == 0 &&
	       strlen(stored) == ARGON_TEXT &&
	       stored[sizeof(ARGON_PREFIX) - 1 + ARGON_SALT_TEXT] == '$';
}

/* Hashed anew with the same salt, the text must come out the same. */
static bool verify_todays(const char *stored, const char *password, size_t len)
{
	unsigned char text[] = "......................==", salt[ARGON_SALT_LEN + 2];
	char phc[PASSWD_TEXT];

	memcpy(text, stored + sizeof(ARGON_PREFIX) - 1, ARGON_SALT_TEXT);
	if (EVP_DecodeBlock(salt, text, sizeof(text) - 1) != (int)sizeof(salt))
		return false;
	hash(password, len, salt, phc);
	return CRYPTO_memcmp(phc, stored, ARGON_TEXT) == 0;
}

/* ---- other texts ---- */

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
	if (is_todays(stored))
		return verify_todays(stored, password, len);
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
