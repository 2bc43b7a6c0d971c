/*
 * fixture_req.h - a request for unit tests of the layers above it: no worker, no database.
 */
#ifndef HALLE_TESTS_FIXTURE_REQ_H
#define HALLE_TESTS_FIXTURE_REQ_H

#include "resp.h"

struct fixture {
	struct pool *pool;
	struct sbuf head, body;
	struct req req;
};

static inline void fixture_init(struct fixture *f)
{
	f->pool = pool_new();
	sbuf_init(&f->head, 12288);
	sbuf_init(&f->body, 65536);
	f->req = (struct req){
		.method = M_GET, .path = "/", .query = "", .id = "test", .trace = "", .origin = "",
		.remote = "127.0.0.1", .content_type = "application/json", .user_agent = "",
		.body = "", .pool = f->pool, .head_out = &f->head, .body_out = &f->body,
	};
}

static inline void fixture_end(struct fixture *f)
{
	pool_free(&f->pool);
	sbuf_free(&f->head);
	sbuf_free(&f->body);
}

static inline bool fixture_has(const struct sbuf *out, const char *text)
{
	return strstr(sbuf_str(out), text);
}

#endif
