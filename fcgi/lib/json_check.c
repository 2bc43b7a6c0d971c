/*
 * json_check.c - the strict scan: one pass, recursion bounded by JSON_MAX_DEPTH.
 */
#include "compat.h"
#include "json.h"
#include "field.h"

/* A member name of an object that is still open, as written between its quotes. */
struct name {
	const char *text;
	size_t len;
	bool escaped;
};

struct scan {
	const char *start, *p, *end;
	const char *reason;
	struct name *names; /* of all open objects; each object's own are sorted */
	size_t name_count, name_cap;
};

static int fail(struct scan *s, const char *reason)
{
	s->reason = reason;
	return -1;
}

/* The next byte, or -1 at the end, so that a NUL byte is an ordinary wrong byte. */
static int peek(const struct scan *s)
{
	return s->p < s->end ? (unsigned char)*s->p : -1;
}

static bool take(struct scan *s, char c)
{
	if (peek(s) != (unsigned char)c)
		return false;
	s->p++;
	return true;
}

static void skip_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
		s->p++;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* -- strings ---------------------------------------------------------------------------- */

static int hex_value(int c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_hex4(struct scan *s, uint32_t *v_r)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		int digit = hex_value(peek(s));

		if (digit < 0)
			return fail(s, "\\u needs four hexadecimal digits");
		v = v << 4 | (uint32_t)digit;
		s->p++;
	}
	*v_r = v;
	return 0;
}

/* After "\u". */
static int read_unicode(struct scan *s, uint32_t *cp_r)
{
	uint32_t low = 0;

	if (read_hex4(s, cp_r) < 0)
		return -1;
	if (*cp_r == 0)
		return fail(s, "\\u0000 is not accepted");
	if (*cp_r < 0xd800 || *cp_r > 0xdfff)
		return 0;
	if (*cp_r > 0xdbff || !take(s, '\\') || !take(s, 'u'))
		return fail(s, "lone surrogate");
	if (read_hex4(s, &low) < 0)
		return -1;
	if (low < 0xdc00 || low > 0xdfff)
		return fail(s, "lone surrogate");
	*cp_r = 0x10000 + ((*cp_r - 0xd800) << 10) + (low - 0xdc00);
	return 0;
}

/* After a backslash. */
static int read_escape(struct scan *s, uint32_t *cp_r)
{
	int c = peek(s);

	s->p += c >= 0;
	switch (c) {
	case '"':
	case '\\':
	case '/':
		*cp_r = (uint32_t)c;
		return 0;
	case 'b':
		*cp_r = '\b';
		return 0;
	case 'f':
		*cp_r = '\f';
		return 0;
	case 'n':
		*cp_r = '\n';
		return 0;
	case 'r':
		*cp_r = '\r';
		return 0;
	case 't':
		*cp_r = '\t';
		return 0;
	case 'u':
		return read_unicode(s, cp_r);
	default:
		return fail(s, "unknown escape");
	}
}

/* The code point of valid UTF-8 of n bytes. */
static uint32_t code_point(const char *text, size_t n)
{
	static const unsigned char lead_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	const unsigned char *s = (const unsigned char *)text;
	uint32_t cp = s[0] & lead_bits[n];

	for (size_t i = 1; i < n; i++)
		cp = cp << 6 | (s[i] & 0x3f);
	return cp;
}

/* One character inside quotes, unescaped. */
static int read_char(struct scan *s, uint32_t *cp_r)
{
	size_t n;

	if (s->p >= s->end)
		return fail(s, "unterminated string");
	if ((unsigned char)*s->p < 0x20)
		return fail(s, "control character in a string");
	if (take(s, '\\'))
		return read_escape(s, cp_r);
	n = utf8_next(s->p, (size_t)(s->end - s->p));
	if (!n)
		return fail(s, "invalid UTF-8");
	*cp_r = code_point(s->p, n);
	s->p += n;
	return 0;
}

static void skip_plain(struct scan *s)
{
	while (s->p < s->end && (signed char)*s->p >= 0x20 && *s->p != '"'
	       && *s->p != '\\')
		s->p++;
}

static int scan_string(struct scan *s, struct name *name_r)
{
	const char *first;
	uint32_t cp;

	if (!take(s, '"'))
		return fail(s, "expected a string");
	first = s->p;
	name_r->escaped = false;
	for (skip_plain(s); !take(s, '"'); skip_plain(s)) {
		name_r->escaped |= peek(s) == '\\';
		if (read_char(s, &cp) < 0)
			return -1;
	}
	name_r->text = first;
	name_r->len = (size_t)(s->p - 1 - first);
	return 0;
}

/* -- duplicate names -------------------------------------------------------------------- */

static uint32_t next_char(struct scan *s)
{
	uint32_t cp = 0;

	if (s->p >= s->end || read_char(s, &cp) < 0)
		return 0; /* the end: U+0000 cannot occur in a scanned name */
	return cp;
}

/* By code points after unescaping, which is also the order of memcmp on UTF-8. */
static int compare_names(const struct name *a, const struct name *b)
{
	struct scan x = { .p = a->text, .end = a->text + a->len };
	struct scan y = { .p = b->text, .end = b->text + b->len };
	uint32_t i, j;

	if (!a->escaped && !b->escaped) {
		int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);

		return order ? order : (a->len > b->len) - (a->len < b->len);
	}
	do {
		i = next_char(&x);
		j = next_char(&y);
	} while (i == j && i);
	return (i > j) - (i < j);
}

/* Sorted insertion, so that hostile names cost n log n comparisons and need no hash. */
static int add_name(struct scan *s, size_t first, const struct name *name)
{
	size_t low = first, high = s->name_count;

	if (high - first >= JSON_MAX_MEMBERS)
		return fail(s, "too many members");
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_names(name, &s->names[middle]);

		if (order == 0) {
			s->p = name->text;
			return fail(s, "duplicate member name");
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	if (s->name_count == s->name_cap) {
		s->name_cap = s->name_cap ? s->name_cap * 2 : 16;
		s->names = xrealloc(s->names, s->name_cap * sizeof(*s->names));
	}
	memmove(&s->names[low + 1], &s->names[low], (s->name_count - low) * sizeof(*s->names));
	s->names[low] = *name;
	s->name_count++;
	return 0;
}

/* -- numbers ---------------------------------------------------------------------------- */

struct number {
	bool negative, integer;
	const char *first; /* first digit that is not a leading zero, or NULL */
	size_t digits;     /* from there on, both sides of the point */
	int64_t magnitude; /* decimal exponent of that digit */
};

static void scan_digits(struct scan *s, struct number *n, bool fraction)
{
	for (; is_digit(peek(s)); s->p++) {
		if (!n->first && *s->p != '0')
			n->first = s->p;
		n->digits += n->first != NULL;
		if (fraction)
			n->magnitude -= !n->first || n->first == s->p;
		else
			n->magnitude += n->first && n->first != s->p;
	}
}

static int scan_exponent(struct scan *s, int64_t *exponent_r)
{
	int64_t v = 0;
	bool negative = false;

	if (!take(s, '+'))
		negative = take(s, '-');
	if (!is_digit(peek(s)))
		return fail(s, "expected a digit");
	for (; is_digit(peek(s)); s->p++)
		if (v < INT64_C(1000000000000000)) /* beyond any text's length: surely too big */
			v = v * 10 + (*s->p - '0');
	*exponent_r = negative ? -v : v;
	return 0;
}

/* json-c reads numbers into int64_t, uint64_t or double, and clamps silently. */
static int check_range(struct scan *s, const struct number *n)
{
	if (n->digits > 19)
		return fail(s, "number with more than 19 digits");
	if (n->first && n->magnitude > 307)
		return fail(s, "number out of range");
	if (n->first && n->integer && n->negative && n->digits == 19
	    && memcmp(n->first, "9223372036854775808", 19) > 0)
		return fail(s, "number out of range");
	return 0;
}

static int scan_number(struct scan *s)
{
	struct number n = { .negative = take(s, '-'), .integer = true };
	int64_t exponent = 0;

	if (!is_digit(peek(s)))
		return fail(s, "expected a value");
	if (!take(s, '0'))
		scan_digits(s, &n, false);
	if (take(s, '.')) {
		n.integer = false;
		if (!is_digit(peek(s)))
			return fail(s, "expected a digit");
		scan_digits(s, &n, true);
	}
	if (take(s, 'e') || take(s, 'E')) {
		n.integer = false;
		if (scan_exponent(s, &exponent) < 0)
			return -1;
	}
	n.magnitude += exponent;
	return check_range(s, &n);
}

/* -- values ----------------------------------------------------------------------------- */

static int scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return fail(s, "expected a value");
	s->p += n;
	return 0;
}

static int scan_value(struct scan *s, unsigned depth);

static int scan_member(struct scan *s, size_t first, unsigned depth)
{
	struct name name;

	skip_space(s);
	if (scan_string(s, &name) < 0 || add_name(s, first, &name) < 0)
		return -1;
	skip_space(s);
	if (!take(s, ':'))
		return fail(s, "expected ':'");
	return scan_value(s, depth);
}

static int scan_object(struct scan *s, unsigned depth)
{
	size_t first = s->name_count;

	skip_space(s);
	if (take(s, '}'))
		return 0;
	do {
		if (scan_member(s, first, depth) < 0)
			return -1;
	} while (take(s, ','));
	s->name_count = first;
	return take(s, '}') ? 0 : fail(s, "expected ',' or '}'");
}

static int scan_array(struct scan *s, unsigned depth)
{
	skip_space(s);
	if (take(s, ']'))
		return 0;
	do {
		if (scan_value(s, depth) < 0)
			return -1;
	} while (take(s, ','));
	return take(s, ']') ? 0 : fail(s, "expected ',' or ']'");
}

static int scan_bare_value(struct scan *s, unsigned depth)
{
	struct name ignored;

	switch (peek(s)) {
	case '{':
	case '[':
		if (depth >= JSON_MAX_DEPTH)
			return fail(s, "nested too deep");
		return *s->p++ == '{' ? scan_object(s, depth + 1) : scan_array(s, depth + 1);
	case '"':
		return scan_string(s, &ignored);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return scan_number(s);
	}
}

/* A value and the white space around it; depth counts the arrays and objects around it. */
static int scan_value(struct scan *s, unsigned depth)
{
	skip_space(s);
	if (scan_bare_value(s, depth) < 0)
		return -1;
	skip_space(s);
	return 0;
}

int json_check(const char *text, size_t len, const char **reason_r, size_t *offset_r)
{
	struct scan s = { .start = text, .p = text, .end = text + len };
	int rc = scan_value(&s, 0);

	if (rc == 0 && s.p != s.end)
		rc = fail(&s, "text after the value");
	free(s.names);
	*reason_r = s.reason;
	*offset_r = (size_t)(s.p - s.start);
	return rc;
}
