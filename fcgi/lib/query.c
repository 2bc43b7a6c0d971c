/*
 * query.c - query strings and the base 64 alphabets, read strictly.
 */
#include "compat.h"
#include "query.h"

#define WHERE_MAX 128 /* bytes of a parameter's name repeated in a fault */

static bool is_unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
	       || c == '-' || c == '.' || c == '_' || c == '~';
}

void query_encode(const char *s, size_t len, struct sbuf *out)
{
	static const char digit[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		char escape[3] = { '%', digit[c >> 4], digit[c & 15] };

		if (is_unreserved(c))
			sbuf_addch(out, s[i]);
		else
			sbuf_add(out, escape, sizeof(escape));
	}
}

/* -- percent-decoding ------------------------------------------------------------------- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* -1 when an escape is cut short or holds something else than two hexadecimal digits. */
static int percent_decode(const char *s, size_t len, char *out, size_t *len_r)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (s[i] != '%') {
			out[n++] = (char)(s[i] == '+' ? ' ' : s[i]);
			continue;
		}
		if (len - i < 3)
			return -1;
		high = hex_value(s[i + 1]);
		low = hex_value(s[i + 2]);
		if (high < 0 || low < 0)
			return -1;
		out[n++] = (char)(high << 4 | low);
		i += 2;
	}
	out[n] = '\0';
	*len_r = n;
	return 0;
}

/* U+0000..1F, U+007F and U+0080..9F */
static bool has_control(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;

	for (size_t i = 0; i < len; i++)
		if (s[i] < 0x20 || s[i] == 0x7f
		    || (s[i] == 0xc2 && i + 1 < len && s[i + 1] < 0xa0))
			return true;
	return false;
}

/* NULL when it is not clean text. */
static char *decode(const char *s, size_t len, size_t *len_r, struct pool *pool)
{
	char *text = pool_alloc(pool, len + 1);

	if (percent_decode(s, len, text, len_r) < 0 || utf8_length(text, *len_r) < 0
	    || has_control(text, *len_r))
		return NULL;
	return text;
}

/* -- parameters ------------------------------------------------------------------------- */

struct reading {
	const struct field *table;
	void *dst;
	uint64_t present;
	struct pool *pool;
	struct faults *faults;
};

static void set_bool(const struct field *fld, void *dst, const char *text, const char *where,
		     struct faults *faults)
{
	bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;

	if (yes || strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
		memcpy((char *)dst + fld->offset, &yes, sizeof(yes));
	else
		fault_add(faults, where, "type", 0, fld->type);
}

static void set_field(struct reading *r, const struct field *fld, const char *text, size_t len,
		      const char *where)
{
	switch (fld->type) {
	case FIELD_TYPE_STR:
		field_set_str(fld, r->dst, text, len, where, r->faults);
		break;
	case FIELD_TYPE_U64:
	case FIELD_TYPE_I64:
	case FIELD_TYPE_MONEY:
		field_set_number(fld, r->dst, text, len, where, r->faults);
		break;
	case FIELD_TYPE_BOOL:
		set_bool(fld, r->dst, text, where, r->faults);
		break;
	case FIELD_TYPE_BYTES:
	case FIELD_TYPE_ARRAY:
	default:
		BUG_ON(true); /* these come in bodies only */
	}
}

/* For "where": the name, or its undecoded text when it cannot be decoded. */
static const char *shown(struct reading *r, const char *text, size_t len)
{
	size_t n = 0, step;

	while (n < len && (step = utf8_next(text + n, len - n)) && n + step <= WHERE_MAX)
		n += step;
	return pool_dup(r->pool, text, n);
}

static void read_parameter(struct reading *r, const char *raw, size_t len)
{
	const char *equals = memchr(raw, '=', len);
	size_t raw_name = equals ? (size_t)(equals - raw) : len;
	size_t raw_value = equals ? len - raw_name - 1 : 0;
	size_t name_len, value_len;
	const char *name = decode(raw, raw_name, &name_len, r->pool);
	const char *value = decode(raw + (len - raw_value), raw_value, &value_len, r->pool);
	int i = name ? field_find(r->table, name, name_len) : -1;
	const char *where = name ? shown(r, name, name_len) : shown(r, raw, raw_name);

	if (!name)
		fault_add(r->faults, where, "format", 0, FIELD_TYPE_STR);
	else if (i < 0)
		fault_add(r->faults, where, "unknown", 0, FIELD_TYPE_STR);
	else if (r->present & UINT64_C(1) << i)
		fault_add(r->faults, where, "duplicate", 0, r->table[i].type);
	else if (!value)
		fault_add(r->faults, where, "format", 0, r->table[i].type);
	else
		set_field(r, &r->table[i], value, value_len, where);
	if (i >= 0)
		r->present |= UINT64_C(1) << i;
}

static void require(struct reading *r)
{
	for (unsigned i = 0; r->table[i].name; i++) {
		BUG_ON(i >= 64);
		if (r->table[i].required && !(r->present & UINT64_C(1) << i))
			fault_add(r->faults, r->table[i].name, "required", 0,
				  r->table[i].type);
	}
}

int query_parse(const char *raw, const struct field *table, void *dst, size_t size,
		uint64_t *present_r, struct pool *pool, struct faults *faults)
{
	struct reading r = { .table = table, .dst = dst, .pool = pool, .faults = faults };

	memset(dst, 0, size);
	faults->count = 0;
	/* once the list is full, nothing further would be told */
	while (*raw && faults->count < FAULTS_MAX) {
		size_t len = strcspn(raw, "&");

		if (len)
			read_parameter(&r, raw, len);
		raw += len + (raw[len] == '&');
	}
	require(&r);
	*present_r = r.present;
	return faults->count ? -1 : 0;
}

/* -- base 64 ---------------------------------------------------------------------------- */

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

void base64url_encode(const void *bytes, size_t len, struct sbuf *out)
{
	static const char digit[] = ALNUM "-_";
	const unsigned char *s = bytes;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)s[i] << 16;
		char group[4];

		if (n > 1)
			v |= (uint32_t)s[i + 1] << 8;
		if (n > 2)
			v |= s[i + 2];
		for (unsigned k = 0; k < 4; k++)
			group[k] = digit[v >> (18 - 6 * k) & 63];
		sbuf_add(out, group, n + 1);
	}
}

/* Value + 1 of each character of the alphabet; 0: foreign. */
#define DIGITS64(c62, c63)                                                              \
	{                                                                               \
		['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,  \
		19, 20, 21, 22, 23, 24, 25, 26,                                         \
		['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,     \
		42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,                             \
		['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,                         \
		[c62] = 63, [c63] = 64                                                  \
	}

static const unsigned char base64_digits[256] = DIGITS64('+', '/');
static const unsigned char base64url_digits[256] = DIGITS64('-', '_');

/* Without padding; NULL for a foreign character, a lone final one, or stray final bits,
 * so that no two texts give the same bytes. */
static unsigned char *decode64(const char *text, size_t len, const unsigned char digits[256],
			       size_t *len_r, struct pool *pool)
{
	unsigned char *out;
	uint32_t bits = 0;
	unsigned held = 0;
	size_t n = 0;

	if (len % 4 == 1)
		return NULL;
	out = pool_alloc(pool, len / 4 * 3 + 3);
	for (size_t i = 0; i < len; i++) {
		unsigned v = digits[(unsigned char)text[i]];

		if (!v)
			return NULL;
		bits = bits << 6 | (v - 1);
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[n++] = (unsigned char)(bits >> held);
			bits &= (1U << held) - 1;
		}
	}
	*len_r = n;
	return bits ? NULL : out;
}

unsigned char *base64url_decode(const char *text, size_t len, size_t *len_r, struct pool *pool)
{
	return decode64(text, len, base64url_digits, len_r, pool);
}

unsigned char *base64_decode(const char *text, size_t len, size_t *len_r, struct pool *pool)
{
	if (len % 4)
		return NULL;
	for (int i = 0; i < 2 && len && text[len - 1] == '='; i++)
		len--;
	return decode64(text, len, base64_digits, len_r, pool);
}
