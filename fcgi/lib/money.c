/*
 * money.c - amounts in integer cents.
 */
#include "compat.h"
#include "money.h"
#include "sbuf.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Appends decimal digits to *v; gives how many there were, or -1 above MONEY_MAX. */
static int read_digits(const char *text, size_t len, int64_t *v)
{
	size_t n = 0;

	for (; n < len && is_digit(text[n]); n++) {
		*v = *v * 10 + (text[n] - '0');
		if (*v > MONEY_MAX)
			return -1;
	}
	return (int)n;
}

int money_parse(const char *text, size_t len, int64_t *cents_r)
{
	int64_t cents = 0;
	int whole, decimals = 0;

	whole = read_digits(text, len, &cents);
	if (whole <= 0 || (whole > 1 && text[0] == '0'))
		return -1;
	text += whole;
	len -= (size_t)whole;
	if (len) {
		if (*text != '.' || len > 3)
			return -1;
		decimals = read_digits(text + 1, len - 1, &cents);
		if (decimals <= 0 || (size_t)decimals != len - 1)
			return -1;
	}
	for (; decimals < 2; decimals++)
		cents *= 10;
	if (cents > MONEY_MAX)
		return -1;
	*cents_r = cents;
	return 0;
}

const char *money_format(int64_t cents, char buf[MONEY_TEXT])
{
	/* the magnitude of INT64_MIN fits only unsigned */
	uint64_t v = cents < 0 ? 0 - (uint64_t)cents : (uint64_t)cents;
	unsigned part = (unsigned)(v % 100);
	char text[MONEY_TEXT], *p = text + sizeof(text);

	*--p = '\0';
	if (part % 10)
		*--p = (char)('0' + part % 10);
	if (part) {
		*--p = (char)('0' + part / 10);
		*--p = '.';
	}
	p = sbuf_digits(p, v / 100);
	if (cents < 0)
		*--p = '-';
	return memcpy(buf, p, (size_t)(text + sizeof(text) - p));
}

static int within(int64_t cents, int64_t *cents_r)
{
	if (cents > MONEY_MAX || cents < -MONEY_MAX)
		return -1;
	*cents_r = cents;
	return 0;
}

int money_times(int64_t unit, int64_t quantity, int64_t *cents_r)
{
	int64_t cents;

	if (__builtin_mul_overflow(unit, quantity, &cents))
		return -1;
	return within(cents, cents_r);
}

int money_add(int64_t a, int64_t b, int64_t *cents_r)
{
	int64_t cents;

	if (__builtin_add_overflow(a, b, &cents))
		return -1;
	return within(cents, cents_r);
}
