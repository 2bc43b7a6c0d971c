/*
 * field.c - declared input: storing one value, and what can be wrong with it.
 */
#include "compat.h"
#include "field.h"
#include "money.h"

/* -- faults -------------------------------------------------------------------------- */

void fault_add(struct faults *f, const char *where, const char *code, int64_t bound,
	       enum field_type type)
{
	if (f->count < FAULTS_MAX)
		f->list[f->count++] = (struct fault){ where, code, bound, type };
}

int field_find(const struct field *table, const char *name, size_t len)
{
	int i;

	for (i = 0; table[i].name; i++) {
		const char *alias = table[i].alias;

		if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return i;
		if (alias && strlen(alias) == len && memcmp(alias, name, len) == 0)
			return i;
	}
	return -1;
}

/* -- UTF-8 --------------------------------------------------------------------------- */

static bool continues(const unsigned char *s, size_t from, size_t to)
{
	for (; from < to; from++)
		if ((s[from] & 0xc0) != 0x80)
			return false;
	return true;
}

size_t utf8_next(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	/* bounds of the second byte exclude overlong forms, surrogates and > U+10FFFF */
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (len == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (len < n || s[1] < low || s[1] > high || !continues(s, 2, n))
		return 0;
	return n;
}

bool text_is_line(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	}
	return true;
}

int64_t utf8_length(const char *s, size_t len)
{
	int64_t points = 0;

	while (len) {
		size_t n = utf8_next(s, len);

		if (n == 0)
			return -1;
		s += n;
		len -= n;
		points++;
	}
	return points;
}

/* -- strings ------------------------------------------------------------------------- */

static bool is_choice(const struct field *fld, const char *text)
{
	const char *const *choice = fld->choices;

	if (!choice)
		return true;
	for (; *choice; choice++)
		if (strcmp(*choice, text) == 0)
			return true;
	return false;
}

void field_set_str(const struct field *fld, void *dst, const char *text, size_t len,
		   const char *where, struct faults *f)
{
	int64_t points = utf8_length(text, len);

	if (fld->type != FIELD_TYPE_STR)
		fault_add(f, where, "type", 0, fld->type);
	else if (points < 0 || memchr(text, '\0', len))
		fault_add(f, where, "format", 0, fld->type);
	else if (points < fld->min)
		fault_add(f, where, "min_length", fld->min, fld->type);
	else if (points > fld->max)
		fault_add(f, where, "max_length", fld->max, fld->type);
	else if (!is_choice(fld, text))
		fault_add(f, where, "choice", 0, fld->type);
	else if (fld->check && !fld->check(text))
		fault_add(f, where, "format", 0, fld->type);
	else
		memcpy((char *)dst + fld->offset, &text, sizeof(text));
}

/* -- numbers ------------------------------------------------------------------------- */

/* A plain decimal number: [-]digits[.digits], no leading zero, no exponent. */
struct number {
	bool negative;
	bool point;
	size_t decimals;
	uint64_t whole; /* UINT64_MAX when larger */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t count_digits(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && is_digit(text[n]))
		n++;
	return n;
}

static uint64_t magnitude(const char *digits, size_t n)
{
	uint64_t v = 0;

	for (; n; n--, digits++)
		if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*digits - '0'), &v))
			return UINT64_MAX;
	return v;
}

static bool number_read(const char *text, size_t len, struct number *n)
{
	size_t digits;

	*n = (struct number){ .negative = len && *text == '-' };
	text += n->negative;
	len -= n->negative;
	digits = count_digits(text, len);
	if (digits == 0 || (digits > 1 && *text == '0'))
		return false;
	n->whole = magnitude(text, digits);
	if (digits == len)
		return true;
	n->point = text[digits] == '.';
	n->decimals = len - digits - 1;
	return n->point && n->decimals > 0 &&
	       count_digits(text + digits + 1, n->decimals) == n->decimals;
}

/* -1, 0 or 1: the value is below, within or above min..max; within, it is stored. */
static int integer_within(const struct number *n, int64_t min, int64_t max, int64_t *v_r)
{
	uint64_t limit = n->negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
	int64_t v;

	if (n->whole > limit)
		return n->negative ? -1 : 1;
	/* -whole without leaving int64_t at INT64_MIN */
	v = n->negative && n->whole ? -(int64_t)(n->whole - 1) - 1 : (int64_t)n->whole;
	if (v < min || v > max)
		return v < min ? -1 : 1;
	*v_r = v;
	return 0;
}

static void set_integer(const struct field *fld, void *dst, const struct number *n,
			const char *where, struct faults *f)
{
	int64_t v = 0;
	int side;

	if (n->point || (n->negative && fld->type == FIELD_TYPE_U64)) {
		fault_add(f, where, "type", 0, fld->type);
		return;
	}
	side = integer_within(n, fld->min, fld->max, &v);
	if (side < 0)
		fault_add(f, where, "min", fld->min, fld->type);
	else if (side > 0)
		fault_add(f, where, "max", fld->max, fld->type);
	else /* both types have this representation for v >= 0 */
		memcpy((char *)dst + fld->offset, &v, sizeof(v));
}

static void set_money(const struct field *fld, void *dst, const struct number *n,
		      const char *text, size_t len, const char *where, struct faults *f)
{
	int64_t most = fld->max < MONEY_MAX ? fld->max : MONEY_MAX;
	int64_t cents = 0;

	if (n->negative)
		fault_add(f, where, "min", fld->min, fld->type);
	else if (n->decimals > 2)
		fault_add(f, where, "decimals", 2, fld->type);
	else if (money_parse(text, len, &cents) != 0 || cents > most)
		fault_add(f, where, "max", most, fld->type);
	else if (cents < fld->min)
		fault_add(f, where, "min", fld->min, fld->type);
	else
		memcpy((char *)dst + fld->offset, &cents, sizeof(cents));
}

void field_set_number(const struct field *fld, void *dst, const char *text, size_t len,
		      const char *where, struct faults *f)
{
	bool integer = fld->type == FIELD_TYPE_U64 || fld->type == FIELD_TYPE_I64;
	struct number n;

	if (!(integer || fld->type == FIELD_TYPE_MONEY) || !number_read(text, len, &n))
		fault_add(f, where, "type", 0, fld->type);
	else if (integer)
		set_integer(fld, dst, &n, where, f);
	else
		set_money(fld, dst, &n, text, len, where, f);
}
