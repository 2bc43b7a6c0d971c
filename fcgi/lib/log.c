/*
 * log.c - a line is built in a buffer on the stack and leaves with one write(2), so lines
 * of several processes never mix (writes up to PIPE_BUF, 4096, are atomic).
 */
#include "compat.h"
#include "log.h"
#include "clock.h"
#include "field.h"

#include <errno.h>
#include <stdatomic.h>

#define LINE_BYTES 4096
#define CUT_TAIL   ",\"truncated\":true}\n"
#define ROOM       (LINE_BYTES - sizeof(CUT_TAIL)) /* so that a cut line can be closed */

struct line {
	char text[LINE_BYTES];
	size_t len;
	bool cut; /* something did not fit; nothing more is added */
};

static const char *log_service = "halle";
static enum log_level log_least = LOG_INFO;
static _Atomic uint64_t dropped;

static _Thread_local const char *context_id;
static _Thread_local uint64_t context_user;

void log_init(const char *service, enum log_level least)
{
	log_service = service;
	log_least = least;
}

void log_context(const char *request_id, uint64_t user_id)
{
	context_id = request_id;
	context_user = user_id;
}

static bool put(struct line *l, const char *bytes, size_t n)
{
	if (n > ROOM - l->len) {
		l->cut = true;
		return false;
	}
	memcpy(l->text + l->len, bytes, n);
	l->len += n;
	return true;
}

#define CHAR_BYTES 6 /* "\u001f" */

/* The JSON form of the character that s begins with; *used_r is its bytes in s. */
static size_t escape(const char *s, size_t len, char out[CHAR_BYTES], size_t *used_r)
{
	static const char hex[] = "0123456789abcdef";
	static const char replacement[] = { '\xef', '\xbf', '\xbd' }; /* U+FFFD */
	static const char control[] = { '\\', 'u', '0', '0' };
	unsigned char c = (unsigned char)*s;
	size_t n = utf8_next(s, len);

	*used_r = n ? n : 1;
	if (n == 0) {
		memcpy(out, replacement, sizeof(replacement));
		return 3;
	}
	if (c == '"' || c == '\\') {
		out[0] = '\\';
		out[1] = *s;
		return 2;
	}
	if (c < 0x20 || c == 0x7f) {
		memcpy(out, control, sizeof(control));
		out[4] = hex[c >> 4];
		out[5] = hex[c & 15];
		return 6;
	}
	memcpy(out, s, n);
	return n;
}

/* A string that is too long loses its end, never its closing quote. */
static bool put_string(struct line *l, const char *s)
{
	size_t len = strlen(s);

	if (ROOM - l->len < 2 || !put(l, "\"", 1)) {
		l->cut = true;
		return false;
	}
	while (len) {
		char form[CHAR_BYTES];
		size_t used, n = escape(s, len, form, &used);

		if (n + 1 > ROOM - l->len) {
			l->cut = true;
			break;
		}
		(void)put(l, form, n);
		s += used;
		len -= used;
	}
	l->text[l->len++] = '"';
	return true;
}

static bool put_number(struct line *l, int64_t v)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRId64, v);

	return put(l, digits, (size_t)n);
}

/* "key":value, whole or not at all but for a string's end. str NULL: num is the value. */
static void put_member(struct line *l, const char *key, const char *str, int64_t num)
{
	size_t mark = l->len;

	if (l->cut)
		return;
	if (!put(l, mark ? ",\"" : "{\"", 2) || !put(l, key, strlen(key)) ||
	    !put(l, "\":", 2) || !(str ? put_string(l, str) : put_number(l, num)))
		l->len = mark;
}

static void put_head(struct line *l, enum log_level level, const char *event)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	char now[CLOCK_TEXT];

	put_member(l, "ts", clock_rfc3339(clock_wall_us(), true, now), 0);
	put_member(l, "level", names[level], 0);
	put_member(l, "service", log_service, 0);
	put_member(l, "pid", NULL, getpid());
	put_member(l, "event", event, 0);
	if (context_id)
		put_member(l, "request_id", context_id, 0);
	if (context_user)
		put_member(l, "user_id", NULL, (int64_t)context_user);
}

static void put_tail(struct line *l)
{
	const char *tail = l->cut ? CUT_TAIL : "}\n";
	size_t n = strlen(tail);

	memcpy(l->text + l->len, tail, n);
	l->len += n;
}

static bool emit(const struct line *l)
{
	ssize_t n;

	do
		n = write(STDERR_FILENO, l->text, l->len);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)l->len;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	int saved_errno = errno;
	uint64_t lost;
	struct line l;

	if (level < log_least)
		return;
	l.len = 0;
	l.cut = false;
	put_head(&l, level, event);
	lost = atomic_exchange_explicit(&dropped, 0, memory_order_relaxed);
	if (lost)
		put_member(&l, "dropped", NULL, (int64_t)lost);
	for (; fields->key; fields++)
		put_member(&l, fields->key, fields->str, fields->num);
	put_tail(&l);
	if (!emit(&l))
		atomic_fetch_add_explicit(&dropped, lost + 1, memory_order_relaxed);
	errno = saved_errno;
}
