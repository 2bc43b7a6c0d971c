/*
 * route.h - the route table of a service and what is done once for all routes: matching, 404,
 * 405 with Allow, HEAD, OPTIONS and CORS, token and role, media type, body limit,
 * Idempotency-Key, transaction. A row without a role is closed to everybody.
 */
#ifndef HALLE_ROUTE_H
#define HALLE_ROUTE_H

#include "resp.h"

enum route_flags {
	ROUTE_TX = 1,       /* handler runs inside db_tx with Idempotency-Key; may run again;
			       2xx commits, an error rolls back */
	ROUTE_RAW_BODY = 2, /* the body is bytes, not JSON */
	ROUTE_NO_BODY = 4   /* PUT/POST/PATCH without a body */
};

struct route {
	enum method method;
	const char *path; /* "/products/{id}/image"; {…} takes an id, 1..2^63-1
			     (another text: 400); {uuid}, once, a UUID (else: 404) */
	int (*run)(struct req *req);
	enum role role;
	size_t max_body; /* 0: 16 KiB for methods with a body */
	unsigned flags;
};

#define ROUTE_JSON_MAX 16384

/* What route needs to know of the worker. */
struct route_env {
	const struct route *const *tables; /* NULL-terminated; each table ends with a zero row */
	const struct token_keys *access_keys;
	const struct token_keys *service_keys;
	const char *service;      /* audience of service tokens */
	const char *cors_origins; /* separated by spaces */
	void (*deliver)(struct req *req); /* the events of a ROUTE_TX route, after its commit */
};

/* Finds the row for the request's method and path (a literal segment wins over {…}), checks
 * and runs it. Always leaves an answer in req. */
void route_run(const struct route_env *env, struct req *req);

/* Who a token stands for, the one place that decides it: 0 and his claims, or -1 after 401
 * was answered and counted. */
NODISCARD int route_token(struct req *req, enum token_type type, const char *token,
			  struct claims *claims_r);

/* Before the body is read: the most that this request may carry. */
size_t route_max_body(const struct route_env *env, enum method method, const char *path);

const char *method_name(enum method m);
enum method method_parse(const char *name);

#endif
