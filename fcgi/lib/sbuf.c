/*
 * sbuf.c - growable byte buffer with a mandatory maximum.
 */
#include "compat.h"
#include "sbuf.h"

#define FIRST_CAP 256
#define KEEP_CAP  ((size_t)64 * 1024)

void sbuf_init(struct sbuf *b, size_t max)
{
	BUG_ON(max >= PTRDIFF_MAX);
	*b = (struct sbuf){ .max = max };
}

void sbuf_free(struct sbuf *b)
{
	free(b->data);
	*b = (struct sbuf){ .max = b->max };
}

void sbuf_reset(struct sbuf *b)
{
	if (b->cap > KEEP_CAP) {
		sbuf_free(b);
		return;
	}
	b->len = 0;
	b->overflow = false;
	if (b->data)
		b->data[0] = '\0';
}

/* Room for n more bytes and the NUL; false when the maximum forbids it. */
static bool make_room(struct sbuf *b, size_t n)
{
	size_t need, cap;

	if (b->overflow || n > b->max - b->len) {
		b->overflow = true;
		return false;
	}
	need = b->len + n + 1;
	if (need <= b->cap)
		return true;
	cap = b->cap ? b->cap * 2 : FIRST_CAP;
	if (cap < need)
		cap = need;
	if (cap > b->max + 1)
		cap = b->max + 1;
	b->data = xrealloc(b->data, cap);
	b->cap = cap;
	return true;
}

void sbuf_reserve(struct sbuf *b, size_t n)
{
	BUG_ON(!make_room(b, n));
	b->data[b->len] = '\0';
}

void sbuf_add(struct sbuf *b, const void *bytes, size_t n)
{
	if (!make_room(b, n))
		return;
	if (n)
		memcpy(b->data + b->len, bytes, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void sbuf_addstr(struct sbuf *b, const char *s)
{
	sbuf_add(b, s, strlen(s));
}

void sbuf_addch(struct sbuf *b, char c)
{
	sbuf_add(b, &c, 1);
}

char *sbuf_digits(char *end, uint64_t v)
{
	do
		*--end = (char)('0' + v % 10);
	while (v /= 10);
	return end;
}

void sbuf_addu64(struct sbuf *b, uint64_t v)
{
	char digits[20], *end = digits + sizeof(digits), *first = sbuf_digits(end, v);

	sbuf_add(b, first, (size_t)(end - first));
}

void sbuf_addi64(struct sbuf *b, int64_t v)
{
	if (v < 0)
		sbuf_addch(b, '-');
	sbuf_addu64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void sbuf_vprintf(struct sbuf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	if (n < 0)
		b->overflow = true;
	else if (make_room(b, (size_t)n)) {
		(void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

void sbuf_printf(struct sbuf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	sbuf_vprintf(b, fmt, ap);
	va_end(ap);
}

const char *sbuf_str(const struct sbuf *b)
{
	return b->data ? b->data : "";
}
