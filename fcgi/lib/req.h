/*
 * req.h - one request as a handler sees it. Filled by svc and route, answered through resp.h.
 * Everything it points to lives in pool until the answer is sent. One thread at a time.
 */
#ifndef HALLE_REQ_H
#define HALLE_REQ_H

#include "body.h"
#include "db.h"
#include "err.h"
#include "json.h"
#include "query.h"
#include "token.h"

enum method { M_OTHER, M_GET, M_HEAD, M_POST, M_PUT, M_PATCH, M_DELETE, M_OPTIONS, M_COUNT };

#define REQ_EVENTS 4

struct worker;    /* svc.h */
struct route_env; /* route.h */

struct req {
	enum method method; /* a HEAD is served by its GET handler */
	bool head;
	bool internal;       /* came through the internal socket */
	const char *path;    /* decoded and normalised by nginx */
	const char *query;   /* raw, "" when none */
	const char *id;      /* X-Request-Id */
	const char *trace;   /* traceparent (W3C Trace Context) or "" */
	const char *origin;  /* Origin header or "" */
	const char *remote;  /* client address */
	const char *content_type;
	const char *authorization;
	const char *if_none_match;
	const char *if_match;
	const char *idempotency_key; /* checked, unquoted; NULL when absent */
	const char *user_agent;
	const char *cookie;      /* Cookie header, NULL when absent */
	const char *fetch_site;  /* Sec-Fetch-Site header, NULL when absent */
	enum lang lang;
	const char *body; /* NUL-terminated */
	size_t body_len;
	uint64_t arg[2]; /* ids of the path template, in order */
	unsigned char uuid[16]; /* {uuid} of the path template, else zero */
	struct claims who; /* from the verified token; role ROLE_PUBLIC when anonymous */
	int64_t start_us, deadline_us; /* clock_mono_us */
	unsigned retry_after_s; /* what an answer of 503 tells; 0: 1 */

	struct pool *pool;
	struct db *db;
	struct worker *worker;
	struct token_cache *tokens; /* NULL: none */
	const struct route_env *env;

	/* ids of the outbox events that the open transaction has put, see svc_deliver */
	unsigned char event[REQ_EVENTS][16];
	unsigned events;

	/* the answer, see resp.h */
	int status;
	enum err error;  /* valid when failed */
	bool failed;
	bool replayed;   /* the answer is one that was given before */
	bool db_retry;   /* the error came from DB_RETRY: a ROUTE_TX route runs again */
	struct sbuf *head_out;
	struct sbuf *body_out;
	const char *etag; /* with quotes, or NULL */
	struct jw jw;
};

/* Body or query string by table; faults are answered (400) and -1 returned. present_r may be
 * NULL. The media type was checked by the route. */
NODISCARD int req_body(struct req *req, const struct field *table, void *dst, size_t size,
		       uint64_t *present_r);
NODISCARD int req_query(struct req *req, const struct field *table, void *dst, size_t size,
			uint64_t *present_r);

/* Milliseconds left before the deadline, at least 0, at most cap. */
int req_left_ms(const struct req *req, int cap);

#endif
