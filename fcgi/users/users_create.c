/*
 * users_create.c - POST /users: an account made by an admin.
 *
 * auth makes it, in one synchronous call: a password is kept nowhere but there. auth
 * knows the call by a key derived from the caller's, so that a repetition after a crash
 * between the two services finds the account instead of making another one.
 */
#include "compat.h"

#include <openssl/sha.h>

#include "clock.h"
#include "idem.h"
#include "log.h"
#include "rnd.h"
#include "users.h"

#define PATH	    "/users"
#define CALL_MS	    2500
#define PROBE_MS    500
#define KEY_TEXT    (2 * SHA256_DIGEST_LENGTH + 1)
#define PAUSE_NS    50000000L

struct creation {
	struct req *req;
	const char *username, *email; /* as the caller wrote them */
	uint64_t id;
};

static const struct field name_fields[] = {
	FIELD_STR(struct creation, username, 0, 1024, .nullable = true),
	FIELD_STR(struct creation, email, 0, 1024, .nullable = true),
	{ 0 },
};

/* What Idempotency-Key compares instead of the body: a fast hash of a password must not
 * be stored anywhere. A body that cannot be read is auth's to refuse. */
static void describe_body(struct req *req, struct creation *c)
{
	struct body_report report;

	if (body_parse_known(req->body, req->body_len, name_fields, c, sizeof(*c),
			     req->pool, &report) != BODY_OK)
		*c = (struct creation){ .id = 0 };
	c->req = req;
	req->body = pool_printf(req->pool, "%s %s", c->username ? c->username : "",
				c->email ? c->email : "");
	req->body_len = strlen(req->body);
}

static void derive_key(const struct req *req, char key[KEY_TEXT])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct sbuf text;

	if (!req->idempotency_key) {
		rnd_bytes(digest, sizeof(digest));
		hex_encode(digest, sizeof(digest), key);
		return;
	}
	sbuf_init(&text, 1024);
	sbuf_printf(&text, "%" PRIu64 "\n%s", req->who.user_id, req->idempotency_key);
	SHA256((const unsigned char *)sbuf_str(&text), text.len, digest);
	hex_encode(digest, sizeof(digest), key);
	sbuf_free(&text);
}

/* -- asking auth --------------------------------------------------------------------- */

/* Before anything is sent it can be said that nothing was made. */
static int probe(struct req *req)
{
	struct peer_call call = {
		.service = "auth", .method = "GET", .path = "/auth/readyz",
		.request_id = req->id, .trace = req->trace,
		.timeout_ms = req_left_ms(req, PROBE_MS),
	};

	if (peer_send(req->worker->peer, &call) < 0 || call.status != 200)
		return resp_error(req, ERR_SERVICE_UNAVAILABLE);
	return 0;
}

/* The answers of nginx for a worker that died or hangs: nobody knows what it did. */
static bool is_answer(int status)
{
	return status && status != 502 && status != 504;
}

/* Repeated with the same key until auth answers or the time is up. */
static int ask(struct req *req, const char *body, size_t len, struct peer_call *call)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	char key[KEY_TEXT];

	derive_key(req, key);
	*call = (struct peer_call){
		.service = "auth", .method = "POST", .path = "/internal/auth/accounts",
		.body = body, .body_len = len, .request_id = req->id, .trace = req->trace,
		.idempotency_key = key, .language = resp_lang(req, "en", "fr"),
	};
	while ((call->timeout_ms = req_left_ms(req, CALL_MS)) > 0) {
		if (peer_send(req->worker->peer, call) == 0 && is_answer(call->status))
			return 0;
		nanosleep(&pause, NULL);
	}
	return resp_error(req, ERR_OUTCOME_UNKNOWN);
}

/* -- passing on what auth refused ---------------------------------------------------- */

struct refusal {
	const char *code, *detail;
};

static const struct field code_fields[] = {
	FIELD_STR(struct refusal, code, 1, 64, .required = true),
	{ 0 },
};

static const struct field detail_fields[] = {
	FIELD_STR(struct refusal, detail, 1, 1024, .required = true),
	{ 0 },
};

static enum err read_code(struct req *req, const struct peer_call *call)
{
	static const enum err known[] = {
		ERR_VALIDATION_FAILED, ERR_MALFORMED_JSON, ERR_USERNAME_TAKEN,
		ERR_EMAIL_TAKEN, ERR_IDEMPOTENCY_KEY_REUSED, ERR_IDEMPOTENCY_KEY_BUSY,
		ERR_SERVER_BUSY, ERR_SERVICE_UNAVAILABLE, ERR_DATABASE_UNAVAILABLE,
		ERR_OUTCOME_UNKNOWN,
	};
	const char *error = body_member(sbuf_str(&call->reply), call->reply.len, "error",
					req->pool);
	struct body_report report;
	struct refusal in;

	if (!error || body_parse_known(error, strlen(error), code_fields, &in, sizeof(in),
				       req->pool, &report) != BODY_OK)
		return ERR_INTERNAL;
	for (size_t i = 0; i < COUNT(known); i++) {
		if (strcmp(err_code(known[i]), in.code) == 0)
			return known[i];
	}
	log_error("auth.refused", LOG_INT("status", call->status),
		  LOG_STR("code", in.code));
	return ERR_INTERNAL;
}

static int pass_on(struct req *req, const struct peer_call *call)
{
	const char *reply = sbuf_str(&call->reply);
	const char *errors = body_member(reply, call->reply.len, "errors", req->pool);
	enum err e = read_code(req, call);
	struct body_report report;
	struct refusal in;
	struct jw *w;

	if (e == ERR_VALIDATION_FAILED && errors) {
		w = resp_problem(req, e);
		jw_key(w, "errors");
		jw_raw(w, errors, strlen(errors));
		return resp_problem_done(req);
	}
	if (e == ERR_MALFORMED_JSON &&
	    body_parse_known(reply, call->reply.len, detail_fields, &in, sizeof(in),
			     req->pool, &report) == BODY_OK)
		return resp_error_detail(req, e, "%s", in.detail);
	resp_error(req, e);
	if (e == ERR_IDEMPOTENCY_KEY_BUSY)
		resp_header(req, "Retry-After", "1");
	return -1;
}

/* -- answering ----------------------------------------------------------------------- */

static const struct field id_fields[] = {
	FIELD_U64(struct creation, id, 1, INT64_MAX, .required = true,
		  .alias = "user_id"),
	{ 0 },
};

static int read_id(struct req *req, const struct peer_call *call, uint64_t *id_r)
{
	const char *data = body_member(sbuf_str(&call->reply), call->reply.len, "data",
				       req->pool);
	struct body_report report;
	struct creation in;

	if (!data || body_parse_known(data, strlen(data), id_fields, &in, sizeof(in),
				      req->pool, &report) != BODY_OK) {
		log_error("auth.answer", LOG_INT("status", call->status));
		return resp_error(req, ERR_INTERNAL);
	}
	*id_r = in.id;
	return 0;
}

/* A profile that its event has not made yet will be as it is shown here. */
static int answer(const struct creation *c)
{
	struct req *req = c->req;
	struct profile p;
	enum db_status st = users_db_profile(req->db, c->id, &p);

	if (st == DB_OK) {
		users_answer(req, 201, &p);
	} else if (st == DB_NONE) {
		p = (struct profile){ .id = c->id, .username = c->username,
				      .email = c->email, .role = role_name(ROLE_CUSTOMER),
				      .created_us = clock_wall_us() };
		p.updated_us = p.created_us;
		users_json(resp_data(req, 201), &p);
		resp_done(req);
	} else {
		return resp_db(req, st);
	}
	resp_header(req, "Location", "/users/%" PRIu64, c->id);
	return 0;
}

/* DB_NONE: an answer stands in req. */
static enum db_status enter(struct req *req)
{
	req->etag = NULL;
	return idem_enter(req, PATH) == IDEM_NEW ? DB_OK : DB_NONE;
}

/* Takes the key's place for a moment to see if it is known; DB_CONFLICT: it is not. */
static enum db_status look(struct db *db UNUSED, void *arg)
{
	return enter(arg) == DB_OK ? DB_CONFLICT : DB_NONE;
}

static enum db_status keep(struct db *db UNUSED, void *arg)
{
	const struct creation *c = arg;

	if (enter(c->req) != DB_OK)
		return DB_NONE;
	if (answer(c) < 0)
		return c->req->db_retry ? DB_RETRY : DB_NONE;
	return idem_leave(c->req);
}

static int in_tx(struct req *req, enum db_status (*fn)(struct db *, void *), void *arg)
{
	enum db_status st = db_tx(req->db, fn, arg);

	if (st == DB_OK || st == DB_CONFLICT)
		return 0;
	return st == DB_NONE ? -1 : resp_db(req, st);
}

static int create(struct req *req, struct creation *c, const char *body, size_t len)
{
	struct peer_call call;

	if (req->idempotency_key && in_tx(req, look, req) < 0)
		return req->failed ? -1 : 0;
	if (probe(req) < 0 || ask(req, body, len, &call) < 0)
		return -1;
	if (call.status != 201)
		return pass_on(req, &call);
	if (read_id(req, &call, &c->id) < 0)
		return -1;
	if (!req->idempotency_key)
		return answer(c);
	return in_tx(req, keep, c) < 0 && req->failed ? -1 : 0;
}

int users_create(struct req *req)
{
	const char *body = req->body;
	size_t len = req->body_len;
	struct creation c;
	int rc;

	describe_body(req, &c);
	rc = create(req, &c, body, len);
	xwipe(body, len);
	return rc;
}
