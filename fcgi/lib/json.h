/*
 * json.h - writing JSON (RFC 8259) straight into an sbuf, and the strict scan that a text
 * must pass before anything parses it. Not thread-safe per writer.
 */
#ifndef HALLE_JSON_H
#define HALLE_JSON_H

#include "sbuf.h"

/* Writer: commas and nesting are kept by the writer; depth at most 16 (BUG_ON). */
struct jw {
	struct sbuf *out;
	unsigned depth;
	bool comma[17];
	bool after_key;
};

void jw_init(struct jw *w, struct sbuf *out);
void jw_obj(struct jw *w);
void jw_arr(struct jw *w);
void jw_end_obj(struct jw *w);
void jw_end_arr(struct jw *w);
/* key is a literal of ours: not escaped. */
void jw_key(struct jw *w, const char *key);
void jw_str(struct jw *w, const char *s); /* NULL writes null; invalid UTF-8 becomes U+FFFD */
void jw_strn(struct jw *w, const char *s, size_t len);
void jw_u64(struct jw *w, uint64_t v);
void jw_i64(struct jw *w, int64_t v);
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_money(struct jw *w, int64_t cents); /* a JSON number, exact: 79.99 */
void jw_raw(struct jw *w, const char *json, size_t len); /* already valid JSON */

/* key and value in one call */
void jw_kstr(struct jw *w, const char *key, const char *s);
void jw_ku64(struct jw *w, const char *key, uint64_t v);
void jw_ki64(struct jw *w, const char *key, int64_t v);
void jw_kbool(struct jw *w, const char *key, bool v);
void jw_kmoney(struct jw *w, const char *key, int64_t cents);

#define JSON_MAX_DEPTH   16
#define JSON_MAX_MEMBERS 256 /* of one object */

/* Strict scan: exactly one RFC 8259 value and white space; valid UTF-8; no duplicate names
 * after unescaping; no \u0000 and no lone surrogate; depth and members within the limits;
 * numbers below 1e308 with at most 19 significant digits, integers not below -2^63. 0, or -1
 * with a short English reason (static text) and the byte offset. */
NODISCARD int json_check(const char *text, size_t len, const char **reason_r, size_t *offset_r);

#endif
