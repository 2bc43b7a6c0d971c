/*
 * json.c - writing JSON. Text is copied in runs; only what must be escaped is looked at twice.
 */
#include "compat.h"
#include "json.h"
#include "field.h"
#include "money.h"

void jw_init(struct jw *w, struct sbuf *out)
{
	*w = (struct jw){ .out = out };
}

/* What precedes every key and every value that has no key. */
static void separate(struct jw *w)
{
	if (w->after_key) {
		w->after_key = false;
		return;
	}
	if (w->comma[w->depth])
		sbuf_addch(w->out, ',');
	w->comma[w->depth] = true;
}

static void open_level(struct jw *w, char bracket)
{
	BUG_ON(w->depth >= COUNT(w->comma) - 1);
	separate(w);
	sbuf_addch(w->out, bracket);
	w->comma[++w->depth] = false;
}

static void close_level(struct jw *w, char bracket)
{
	BUG_ON(w->depth == 0 || w->after_key);
	w->depth--;
	sbuf_addch(w->out, bracket);
}

void jw_obj(struct jw *w)
{
	open_level(w, '{');
}

void jw_arr(struct jw *w)
{
	open_level(w, '[');
}

void jw_end_obj(struct jw *w)
{
	close_level(w, '}');
}

void jw_end_arr(struct jw *w)
{
	close_level(w, ']');
}

void jw_key(struct jw *w, const char *key)
{
	BUG_ON(w->after_key);
	separate(w);
	sbuf_addch(w->out, '"');
	sbuf_addstr(w->out, key);
	sbuf_add(w->out, "\":", 2);
	w->after_key = true;
}

static void add_escape(struct sbuf *out, unsigned char c)
{
	static const char short_form[128] = { ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b',
		['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't' };
	static const char digit[] = "0123456789abcdef";
	char text[6] = { '\\', 'u', '0', '0', digit[c >> 4], digit[c & 15] };

	if (c >= 0x80) {
		sbuf_add(out, "\xef\xbf\xbd", 3); /* U+FFFD for a byte that is not UTF-8 */
	} else if (short_form[c]) {
		text[1] = short_form[c];
		sbuf_add(out, text, 2);
	} else {
		sbuf_add(out, text, 6);
	}
}

/* Length of the run at s that can be copied as it is. */
static size_t plain_run(const char *s, size_t len)
{
	size_t i = 0, n;

	while (i < len) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x80) {
			if (c < 0x20 || c == '"' || c == '\\')
				break;
			i++;
		} else {
			n = utf8_next(s + i, len - i);
			if (!n)
				break;
			i += n;
		}
	}
	return i;
}

void jw_strn(struct jw *w, const char *s, size_t len)
{
	size_t i = 0, n;

	separate(w);
	sbuf_addch(w->out, '"');
	while (i < len) {
		n = plain_run(s + i, len - i);
		if (n)
			sbuf_add(w->out, s + i, n);
		i += n;
		if (i < len)
			add_escape(w->out, (unsigned char)s[i++]);
	}
	sbuf_addch(w->out, '"');
}

void jw_str(struct jw *w, const char *s)
{
	if (s)
		jw_strn(w, s, strlen(s));
	else
		jw_null(w);
}

void jw_u64(struct jw *w, uint64_t v)
{
	separate(w);
	sbuf_addu64(w->out, v);
}

void jw_i64(struct jw *w, int64_t v)
{
	separate(w);
	sbuf_addi64(w->out, v);
}

void jw_bool(struct jw *w, bool v)
{
	separate(w);
	sbuf_addstr(w->out, v ? "true" : "false");
}

void jw_null(struct jw *w)
{
	separate(w);
	sbuf_addstr(w->out, "null");
}

void jw_money(struct jw *w, int64_t cents)
{
	char text[MONEY_TEXT];

	separate(w);
	sbuf_addstr(w->out, money_format(cents, text));
}

void jw_raw(struct jw *w, const char *json, size_t len)
{
	separate(w);
	sbuf_add(w->out, json, len);
}

void jw_kstr(struct jw *w, const char *key, const char *s)
{
	jw_key(w, key);
	jw_str(w, s);
}

void jw_ku64(struct jw *w, const char *key, uint64_t v)
{
	jw_key(w, key);
	jw_u64(w, v);
}

void jw_ki64(struct jw *w, const char *key, int64_t v)
{
	jw_key(w, key);
	jw_i64(w, v);
}

void jw_kbool(struct jw *w, const char *key, bool v)
{
	jw_key(w, key);
	jw_bool(w, v);
}

void jw_kmoney(struct jw *w, const char *key, int64_t cents)
{
	jw_key(w, key);
	jw_money(w, cents);
}
