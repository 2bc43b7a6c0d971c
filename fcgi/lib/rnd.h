/*
 * rnd.h - randomness from the kernel (getrandom); a failure ends the process. Thread-safe.
 */
#ifndef HALLE_RND_H
#define HALLE_RND_H

#include "compat.h"

void rnd_bytes(void *buf, size_t n);
/* Uniform in [0, bound); bound > 0. */
uint32_t rnd_below(uint32_t bound);
/* RFC 9562 UUID version 7: time-ordered, 74 random bits. */
void rnd_uuid7(unsigned char uuid[16]);
/* When a UUID of version 7 was made, in milliseconds since 1970; -1 for another version. */
int64_t uuid7_ms(const unsigned char uuid[16]);
#define UUID_TEXT 37
const char *uuid_text(const unsigned char uuid[16], char buf[UUID_TEXT]);
/* The canonical text of a UUID, in either case; -1 otherwise. */
NODISCARD int uuid_parse(const char *text, size_t len, unsigned char uuid[16]);
/* RFC 9562 UUID version 8: the same for the same three texts, by SHA-256. */
void uuid8_named(const char *kind, const char *first, const char *second,
		 unsigned char uuid[16]);
/* Whether uuid_parse would take it; for field.check. */
bool uuid_is(const char *text);
/* Lower-case hexadecimal with a final NUL; out holds 2n + 1 bytes. */
void hex_encode(const unsigned char *bytes, size_t n, char *out);
/* Exactly 2n hexadecimal digits; -1 otherwise. */
NODISCARD int hex_decode(const char *text, size_t len, unsigned char *out, size_t n);

#endif
