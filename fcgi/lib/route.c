/* route.c - finding a route, and what is done once for all of them. */
#include "compat.h"

#include "crash.h"
#include "idem.h"
#include "log.h"
#include "metrics.h"
#include "revoked.h"
#include "rnd.h"
#include "route.h"

static const char *const method_names[M_COUNT] = {
	[M_OTHER] = "",	    [M_GET] = "GET",	 [M_HEAD] = "HEAD",	[M_POST] = "POST",
	[M_PUT] = "PUT",    [M_PATCH] = "PATCH", [M_DELETE] = "DELETE", [M_OPTIONS] = "OPTIONS",
};

const char *method_name(enum method m)
{
	return method_names[m];
}

enum method method_parse(const char *name)
{
	for (enum method m = M_GET; m < M_COUNT; m++) {
		if (strcmp(method_names[m], name) == 0)
			return m;
	}
	return M_OTHER;
}

/* How well a path fits a template. */
enum fit { FIT_NONE, FIT_BAD_ID, FIT_TEMPLATE, FIT_LITERAL };

static int id_parse(const char *s, size_t len, uint64_t *id_r)
{
	uint64_t v = 0;

	if (len == 0 || len > 19 || s[0] == '0')
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	if (v > INT64_MAX)
		return -1;
	*id_r = v;
	return 0;
}

/* What the {…} of a template took. */
struct taken {
	uint64_t id[2];
	unsigned n;
	unsigned char uuid[16];
};

static enum fit segment_fit(const char *template, const char *path, size_t len,
			    struct taken *taken)
{
	if (strncmp(template, "{uuid}", 6) == 0)
		return uuid_parse(path, len, taken->uuid) < 0 ? FIT_NONE : FIT_TEMPLATE;
	return id_parse(path, len, &taken->id[taken->n++]) < 0 ? FIT_BAD_ID : FIT_TEMPLATE;
}

static enum fit path_fit(const char *template, const char *path, struct taken *taken)
{
	enum fit fit = FIT_LITERAL;

	while (*template && *path) {
		if (*template == '{') {
			size_t len = strcspn(path, "/");
			enum fit segment = segment_fit(template, path, len, taken);

			if (segment == FIT_NONE)
				return FIT_NONE;
			if (segment < fit)
				fit = segment;
			template += strcspn(template, "}") + 1;
			path += len;
		} else if (*template++ != *path++) {
			return FIT_NONE;
		}
	}
	/* one trailing slash is the same resource: Flask's users know it so */
	if (*path == '/' && path[1] == '\0')
		path++;
	return *template || *path ? FIT_NONE : fit;
}

struct match {
	const struct route *route; /* fits path and method */
	enum fit fit;              /* best fit of the path by any method */
	unsigned allowed;          /* bit per method of the best fitting templates */
	struct taken taken;
};

static void match_add(struct match *m, const struct route *r, enum method method,
		      const char *path)
{
	struct taken taken = { .n = 0 };
	enum fit fit = path_fit(r->path, path, &taken);

	if (fit == FIT_NONE || fit < m->fit)
		return;
	if (fit > m->fit) {
		m->fit = fit;
		m->allowed = 0;
		m->route = NULL;
	}
	m->allowed |= 1u << r->method;
	if (r->method == method) {
		m->route = r;
		m->taken = taken;
	}
}

static void match_path(const struct route_env *env, enum method method, const char *path,
		       struct match *m)
{
	*m = (struct match){ .fit = FIT_NONE };
	for (const struct route *const *t = env->tables; *t; t++) {
		for (const struct route *r = *t; r->path; r++) {
			match_add(m, r, method, path);
			if (m->route && m->fit == FIT_LITERAL)
				return;
		}
	}
}

static size_t max_body(const struct route *r)
{
	if (r->flags & ROUTE_NO_BODY)
		return 0;
	if (r->max_body)
		return r->max_body;
	return r->method == M_POST || r->method == M_PUT || r->method == M_PATCH ?
		       ROUTE_JSON_MAX : 0;
}

size_t route_max_body(const struct route_env *env, enum method method, const char *path)
{
	struct match m;

	match_path(env, method == M_HEAD ? M_GET : method, path, &m);
	return m.route ? max_body(m.route) : ROUTE_JSON_MAX;
}

static void allow_header(struct req *req, unsigned allowed)
{
	struct sbuf list;

	sbuf_init(&list, 128);
	for (enum method m = M_GET; m < M_OPTIONS; m++) {
		if (allowed & (1u << m)) {
			sbuf_addstr(&list, method_names[m]);
			sbuf_addstr(&list, m == M_GET ? ", HEAD, " : ", ");
		}
	}
	sbuf_addstr(&list, "OPTIONS");
	resp_header(req, "Allow", "%s", sbuf_str(&list));
	sbuf_free(&list);
}

static bool origin_listed(const char *list, const char *origin)
{
	size_t len = strlen(origin);

	while (*list) {
		size_t n = strcspn(list, " ");

		if (n == len && memcmp(list, origin, len) == 0)
			return true;
		list += n + strspn(list + n, " ");
	}
	return false;
}

/* Fetch standard: exact origins only, never "*", never credentials. */
static void cors_headers(const struct route_env *env, struct req *req, bool preflight)
{
	if (!env->cors_origins[0])
		return;
	resp_header(req, "Vary", "Origin");
	if (!req->origin[0] || !origin_listed(env->cors_origins, req->origin))
		return;
	resp_header(req, "Access-Control-Allow-Origin", "%s", req->origin);
	resp_header(req, "Access-Control-Expose-Headers",
		    "ETag, Link, Location, Mirror, Retry-After, X-Request-Id, "
		    "Idempotent-Replayed");
	if (!preflight)
		return;
	resp_header(req, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
	resp_header(req, "Access-Control-Allow-Headers",
		    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
		    "Accept-Language, traceparent");
	resp_header(req, "Access-Control-Max-Age", "600");
}

/* "Bearer <token>", or the bare token as the clients of seed 000 send it. */
static const char *bearer(const char *authorization)
{
	if (strncasecmp(authorization, "Bearer ", 7) == 0)
		authorization += 7;
	return authorization + strspn(authorization, " ");
}

int route_token(struct req *req, enum token_type type, const char *token,
		struct claims *claims_r)
{
	const struct route_env *env = req->env;
	bool service = type == TOKEN_SERVICE;

	switch (token_verify(service ? env->service_keys : env->access_keys, req->tokens, type,
			     service ? env->service : "halle", token, strlen(token), claims_r)) {
	case TOKEN_OK:
		if (service || !revoked_is(claims_r))
			return 0;
		metrics_add(M_TOKEN_REVOKED, 1);
		return resp_error(req, ERR_TOKEN_REVOKED);
	case TOKEN_OUTDATED:
		return resp_error(req, ERR_TOKEN_EXPIRED);
	case TOKEN_INVALID:
		metrics_add(M_TOKEN_REFUSED, 1);
		return resp_error(req, ERR_INVALID_TOKEN);
	}
	BUG_ON(true);
}

static int authenticate(const struct route *r, struct req *req)
{
	enum token_type type = r->role == ROLE_SERVICE ? TOKEN_SERVICE : TOKEN_ACCESS;

	if (!req->authorization)
		return resp_error(req, ERR_UNAUTHENTICATED);
	if (route_token(req, type, bearer(req->authorization), &req->who) < 0)
		return -1;
	log_context(req->id, req->who.user_id);
	return 0;
}

static int check_role(const struct route *r, struct req *req)
{
	switch (r->role) {
	case ROLE_PUBLIC:
		return 0;
	case ROLE_SERVICE:
		if (!req->internal)
			return resp_error(req, ERR_NOT_FOUND);
		return authenticate(r, req);
	case ROLE_CUSTOMER:
		return authenticate(r, req);
	case ROLE_ADMIN:
		if (authenticate(r, req) < 0)
			return -1;
		return req->who.role == ROLE_ADMIN ? 0 : resp_error(req, ERR_FORBIDDEN);
	case ROLE_NONE:
		break;
	}
	log_error("route.closed", LOG_STR("path", r->path));
	return resp_error(req, ERR_FORBIDDEN);
}

static bool is_json(const char *type)
{
	static const char json[] = "application/json";

	return strncasecmp(type, json, sizeof(json) - 1) == 0 &&
	       strchr("; \t", type[sizeof(json) - 1]);
}

static int check_body(const struct route *r, struct req *req)
{
	size_t max = max_body(r);

	if (req->body_len > max)
		return resp_error_detail(req, ERR_BODY_TOO_LARGE, "%s %zu",
					 resp_lang(req, "Bytes at most:", "Octets au plus :"), max);
	if (max == 0 || (r->flags & ROUTE_RAW_BODY))
		return 0;
	if (!is_json(req->content_type))
		return resp_error_detail(req, ERR_UNSUPPORTED_MEDIA_TYPE,
					 "Content-Type: application/json");
	return 0;
}

struct tx {
	const struct route *route;
	struct req *req;
};

/* An error answer rolls back: DB_NONE tells db_tx so, the answer itself stands in req. */
static enum db_status run_in_tx(struct db *db UNUSED, void *arg)
{
	struct tx *tx = arg;
	struct req *req = tx->req;

	req->etag = NULL;
	req->events = 0;
	switch (idem_enter(req, tx->route->path)) {
	case IDEM_REPLAY:
		return DB_OK;
	case IDEM_REFUSED:
		return DB_NONE;
	case IDEM_NEW:
		break;
	}
	if (tx->route->run(req) < 0)
		return req->db_retry ? DB_RETRY : DB_NONE;
	return idem_leave(req);
}

static void run(const struct route_env *env, const struct route *r, struct req *req)
{
	struct tx tx = { .route = r, .req = req };
	enum db_status st;

	if (!(r->flags & ROUTE_TX)) {
		r->run(req);
		return;
	}
	st = db_tx(req->db, run_in_tx, &tx);
	if (st == DB_OK && CRASH_POINT("route_committed"))
		st = DB_UNCERTAIN;
	if (st == DB_OK && req->events > 0)
		env->deliver(req);
	else if (st != DB_OK && !(st == DB_NONE && req->failed))
		resp_db(req, st == DB_NONE ? DB_FAIL : st);
}

static void answer_options(const struct route_env *env, const struct match *m, struct req *req)
{
	resp_empty(req, 204);
	allow_header(req, m->allowed);
	cors_headers(env, req, true);
}

/* A repetition may see what was committed before it is on disk, and must not promise it then. */
static void settle_replay(struct req *req)
{
	enum db_status st = req->replayed && !req->failed ? db_flush(req->db) : DB_OK;

	if (st != DB_OK)
		resp_db(req, st);
}

static void dispatch(const struct route_env *env, const struct match *m, struct req *req)
{
	const struct route *r = m->route;

	if (m->fit == FIT_NONE) {
		resp_error(req, ERR_NOT_FOUND);
	} else if (m->fit == FIT_BAD_ID) {
		resp_error(req, ERR_INVALID_ID);
	} else if (!r) {
		resp_error(req, ERR_METHOD_NOT_ALLOWED);
		allow_header(req, m->allowed);
	} else if (check_role(r, req) == 0 && check_body(r, req) == 0) {
		memcpy(req->arg, m->taken.id, sizeof(req->arg));
		memcpy(req->uuid, m->taken.uuid, sizeof(req->uuid));
		run(env, r, req);
		settle_replay(req);
	}
}

void route_run(const struct route_env *env, struct req *req)
{
	struct match m;

	req->env = env;
	req->who.role = ROLE_PUBLIC;
	match_path(env, req->method, req->path, &m);
	if (req->method == M_OPTIONS && m.fit > FIT_BAD_ID) {
		answer_options(env, &m, req);
		return;
	}
	dispatch(env, &m, req);
	cors_headers(env, req, false);
}
