/*
 * rnd.c - randomness from the kernel, and the texts made of it.
 */
#include "compat.h"
#include "rnd.h"
#include "clock.h"
#include "sbuf.h"

#include <errno.h>
#include <openssl/sha.h>
#include <sys/random.h>

void rnd_bytes(void *buf, size_t n)
{
	unsigned char *at = buf;

	while (n) {
		ssize_t got = getrandom(at, n, 0);

		/* a worker without randomness must not go on */
		BUG_ON(got < 0 && errno != EINTR);
		if (got > 0) {
			at += got;
			n -= (size_t)got;
		}
	}
}

uint32_t rnd_below(uint32_t bound)
{
	uint32_t reject, v;

	BUG_ON(bound == 0);
	/* 2^32 mod bound: values below it would make small results likelier */
	reject = (uint32_t)-bound % bound;
	do
		rnd_bytes(&v, sizeof(v));
	while (v < reject);
	return v % bound;
}

void rnd_uuid7(unsigned char uuid[16])
{
	uint64_t ms = (uint64_t)(clock_wall_us() / 1000);
	int i;

	for (i = 5; i >= 0; i--) {
		uuid[i] = (unsigned char)ms;
		ms >>= 8;
	}
	rnd_bytes(uuid + 6, 10);
	uuid[6] = (unsigned char)(0x70 | (uuid[6] & 0x0f));
	uuid[8] = (unsigned char)(0x80 | (uuid[8] & 0x3f));
}

int64_t uuid7_ms(const unsigned char uuid[16])
{
	int64_t ms = 0;

	if (uuid[6] >> 4 != 7)
		return -1;
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | uuid[i];
	return ms;
}

static const size_t group[] = { 4, 2, 2, 2, 6 }; /* bytes between the hyphens of a UUID */

const char *uuid_text(const unsigned char uuid[16], char buf[UUID_TEXT])
{
	size_t i;
	char *out = buf;

	for (i = 0; i < COUNT(group); i++) {
		hex_encode(uuid, group[i], out);
		uuid += group[i];
		out += 2 * group[i];
		*out++ = i + 1 < COUNT(group) ? '-' : '\0';
	}
	return buf;
}

void hex_encode(const unsigned char *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
}

static int hex_value(char c)
{
	/* random digits would make every branch a guess */
	unsigned digit = (unsigned char)c - (unsigned)'0';
	unsigned letter = ((unsigned char)c | 32u) - (unsigned)'a';
	int value = letter < 6 ? (int)letter + 10 : -1;

	return digit < 10 ? (int)digit : value;
}

int hex_decode(const char *text, size_t len, unsigned char *out, size_t n)
{
	size_t i;

	if (len / 2 != n || len % 2)
		return -1;
	for (i = 0; i < n; i++) {
		int high = hex_value(text[2 * i]);
		int low = hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -1;
		out[i] = (unsigned char)(high * 16 + low);
	}
	return 0;
}

int uuid_parse(const char *text, size_t len, unsigned char uuid[16])
{
	if (len != UUID_TEXT - 1)
		return -1;
	for (size_t i = 0; i < COUNT(group); i++) {
		if (hex_decode(text, 2 * group[i], uuid, group[i]) < 0)
			return -1;
		text += 2 * group[i];
		uuid += group[i];
		if (i + 1 < COUNT(group) && *text++ != '-')
			return -1;
	}
	return 0;
}

bool uuid_is(const char *text)
{
	unsigned char uuid[16];

	return uuid_parse(text, strlen(text), uuid) == 0;
}

void uuid8_named(const char *kind, const char *first, const char *second,
		 unsigned char uuid[16])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct sbuf text;

	sbuf_init(&text, 1u << 17);
	sbuf_add(&text, kind, strlen(kind) + 1);
	sbuf_add(&text, first, strlen(first) + 1);
	sbuf_addstr(&text, second);
	BUG_ON(text.overflow);
	SHA256((const unsigned char *)sbuf_str(&text), text.len, digest);
	sbuf_free(&text);
	memcpy(uuid, digest, 16);
	uuid[6] = (unsigned char)(0x80 | (uuid[6] & 0x0f));
	uuid[8] = (unsigned char)(0x80 | (uuid[8] & 0x3f));
}
