/*
 * sbuf.h - growable byte buffer with a mandatory maximum.
 *
 * Appending past the maximum sets a sticky overflow flag and appends nothing more, so a
 * sequence of appends needs one check at its end. data is always NUL-terminated once
 * anything was appended; bytes may contain NUL. Not thread-safe. The owner calls sbuf_free.
 */
#ifndef HALLE_SBUF_H
#define HALLE_SBUF_H

#include "compat.h"

struct sbuf {
	char *data;
	size_t len;
	size_t cap;
	size_t max;
	bool overflow;
};

void sbuf_init(struct sbuf *b, size_t max);
void sbuf_free(struct sbuf *b);

/* Empties the buffer and clears the overflow flag; keeps at most 64 KiB of its memory. */
void sbuf_reset(struct sbuf *b);

/* Makes room for n more bytes and a NUL; they must fit in max (BUG_ON). For reading into. */
void sbuf_reserve(struct sbuf *b, size_t n);
void sbuf_add(struct sbuf *b, const void *bytes, size_t n);
void sbuf_addstr(struct sbuf *b, const char *s);
void sbuf_addch(struct sbuf *b, char c);
void sbuf_addu64(struct sbuf *b, uint64_t v);
void sbuf_addi64(struct sbuf *b, int64_t v);
PRINTF(2, 3) void sbuf_printf(struct sbuf *b, const char *fmt, ...);
PRINTF(2, 0) void sbuf_vprintf(struct sbuf *b, const char *fmt, va_list ap);

/* The digits of v before end, without a NUL; returns the first of at most 20. */
char *sbuf_digits(char *end, uint64_t v);

/* Never NULL; "" while nothing was appended. */
const char *sbuf_str(const struct sbuf *b);

#endif
