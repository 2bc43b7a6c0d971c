/*
 * log.h - structured log: one JSON object per line on stderr, one write(2) each.
 *
 * Every line carries ts (RFC 3339 UTC, microseconds), level, service, pid, event and, while
 * a request is being served by this thread, request_id and user_id. Strings are escaped, so
 * a client cannot forge lines. Never log tokens, passwords, bodies or header values.
 * Thread-safe; keeps errno. A line above 4 KiB is cut and says "truncated":true. A line that
 * cannot be written is dropped; the next one that can be says how many ("dropped").
 *
 *	log_warn("db.lost", LOG_STR("error", text), LOG_INT("code", 2013));
 */
#ifndef HALLE_LOG_H
#define HALLE_LOG_H

#include "compat.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
	const char *key;
	const char *str; /* NULL: num is the value */
	int64_t num;
};

#define LOG_STR(k, v) { .key = (k), .str = log_text(v) }
#define LOG_INT(k, v) { .key = (k), .num = (int64_t)(v) }

#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_at(level, event, ...)                                                        \
	log_write((level), (event),                                                      \
		  (const struct log_field[]){ { 0 }, ##__VA_ARGS__, { 0 } } + 1)

/* NULL is logged as an empty string. */
static inline const char *log_text(const char *s)
{
	return s ? s : "";
}

/* Once, before threads start. service is kept, not copied. */
void log_init(const char *service, enum log_level least);
/* Context of this thread; NULL and 0 clear it. id is kept, not copied. */
void log_context(const char *request_id, uint64_t user_id);
void log_write(enum log_level level, const char *event, const struct log_field *fields);

#endif
