/* mirror_conn.c - a connection to Redis. */
#include "compat.h"

#include <sys/socket.h>

#include "log.h"
#include "metrics.h"
#include "mirror_conn.h"
#include "rnd.h"

#define RUN_ID  41
#define FILLING 17

void redis_arg(struct redis_args *a, const char *s, size_t len)
{
	BUG_ON(a->count == REDIS_ARGS_MAX);
	a->word[a->count] = s;
	a->len[a->count++] = len;
}

void redis_arg_str(struct redis_args *a, const char *s)
{
	redis_arg(a, s, strlen(s));
}

void redis_arg_u64(struct redis_args *a, const char *prefix, uint64_t v)
{
	char *text;

	BUG_ON(a->count == REDIS_ARGS_MAX);
	text = a->number[a->count];
	snprintf(text, sizeof(a->number[0]), "%s%" PRIu64, prefix, v);
	redis_arg_str(a, text);
}

enum mirror_status redis_fail(struct redis *r, const char *what)
{
	snprintf(r->base.error, sizeof(r->base.error), "%s", what);
	if (r->ctx)
		redisFree(r->ctx);
	r->ctx = NULL;
	metrics_add(M_MIRROR_ERRORS, 1);
	return MIRROR_DOWN;
}

static enum mirror_status fail_errno(struct redis *r)
{
	return redis_fail(r, r->ctx->errstr[0] ? r->ctx->errstr : "no answer");
}

redisReply *redis_reply(struct redis *r)
{
	void *reply = NULL;

	if (redisGetReply(r->ctx, &reply) != REDIS_OK || !reply)
		fail_errno(r);
	return reply;
}

enum mirror_status redis_send(struct redis *r, struct redis_args *a)
{
	if (redisAppendCommandArgv(r->ctx, a->count, a->word, a->len) != REDIS_OK)
		return fail_errno(r);
	return MIRROR_OK;
}

redisReply *redis_call(struct redis *r, struct redis_args *a)
{
	return redis_send(r, a) == MIRROR_OK ? redis_reply(r) : NULL;
}

enum mirror_status redis_expect(struct redis *r, redisReply *reply, int type)
{
	enum mirror_status st = MIRROR_OK;

	if (!reply)
		return MIRROR_DOWN;
	if (reply->type != type)
		st = redis_fail(r, reply->type == REDIS_REPLY_ERROR ? reply->str : "unexpected answer");
	freeReplyObject(reply);
	return st;
}

static enum mirror_status set_limit(struct redis *r)
{
	struct timeval tv = { .tv_sec = r->base.limit_ms / 1000,
			      .tv_usec = r->base.limit_ms % 1000 * 1000L };

	if (r->set_ms == r->base.limit_ms)
		return MIRROR_OK;
	if (redisSetTimeout(r->ctx, tv) != REDIS_OK)
		return fail_errno(r);
	r->set_ms = r->base.limit_ms;
	return MIRROR_OK;
}

static enum mirror_status authenticate(struct redis *r)
{
	struct redis_args a = { 0 };

	if (!r->password)
		return MIRROR_OK;
	redis_arg_str(&a, "AUTH");
	redis_arg_str(&a, r->user);
	redis_arg_str(&a, r->password);
	return redis_expect(r, redis_call(r, &a), REDIS_REPLY_STATUS);
}

static void read_run_id(const char *info, char run_id_r[RUN_ID])
{
	static const char label[] = "run_id:";
	const char *at = strstr(info, label);
	size_t len;

	run_id_r[0] = '\0';
	if (!at)
		return;
	at += sizeof(label) - 1;
	len = strcspn(at, "\r\n");
	if (len < RUN_ID)
		snprintf(run_id_r, RUN_ID, "%.*s", (int)len, at);
}

static enum mirror_status ask_run_id(struct redis *r, char run_id_r[RUN_ID])
{
	struct redis_args a = { 0 };
	redisReply *reply;
	enum mirror_status st;

	redis_arg_str(&a, "INFO");
	redis_arg_str(&a, "server");
	reply = redis_call(r, &a);
	run_id_r[0] = '\0';
	if (reply && reply->type == REDIS_REPLY_STRING)
		read_run_id(reply->str, run_id_r);
	st = redis_expect(r, reply, REDIS_REPLY_STRING);
	if (st == MIRROR_OK && !run_id_r[0])
		st = redis_fail(r, "INFO without run_id");
	return st;
}

/* A random word that goes with everything else when the store is emptied, as FLUSHALL does
 * without a restart: else a rebuild that was under way would call what is left whole. */
static enum mirror_status ask_filling(struct redis *r, char filling_r[FILLING])
{
	struct redis_args set = { 0 }, get = { 0 };
	unsigned char fresh[(FILLING - 1) / 2];
	enum mirror_status st;
	redisReply *reply;

	rnd_bytes(fresh, sizeof(fresh));
	hex_encode(fresh, sizeof(fresh), filling_r);
	redis_arg_str(&set, "SET");
	redis_arg_str(&set, REDIS_FILLING_KEY);
	redis_arg_str(&set, filling_r);
	redis_arg_str(&set, "NX");
	reply = redis_call(r, &set);
	st = redis_expect(r, reply, reply && reply->type == REDIS_REPLY_NIL ?
					     REDIS_REPLY_NIL : REDIS_REPLY_STATUS);
	if (st != MIRROR_OK)
		return st;
	redis_arg_str(&get, "GET");
	redis_arg_str(&get, REDIS_FILLING_KEY);
	reply = redis_call(r, &get);
	filling_r[0] = '\0';
	if (reply && reply->type == REDIS_REPLY_STRING)
		snprintf(filling_r, FILLING, "%s", reply->str);
	return redis_expect(r, reply, REDIS_REPLY_STRING);
}

enum mirror_status redis_ask_epoch(struct redis *r, char epoch_r[MIRROR_EPOCH_MAX],
				   bool *verified_r)
{
	char run_id[RUN_ID], filling[FILLING];
	struct redis_args a = { 0 };
	redisReply *reply;

	*verified_r = false;
	if (ask_run_id(r, run_id) != MIRROR_OK || ask_filling(r, filling) != MIRROR_OK)
		return MIRROR_DOWN;
	snprintf(epoch_r, MIRROR_EPOCH_MAX, "%s-%s", run_id, filling);
	redis_arg_str(&a, "GET");
	redis_arg_str(&a, REDIS_VERIFIED_KEY);
	reply = redis_call(r, &a);
	if (reply && reply->type == REDIS_REPLY_STRING)
		*verified_r = strcmp(reply->str, epoch_r) == 0;
	return redis_expect(r, reply, reply && reply->type == REDIS_REPLY_NIL ?
					      REDIS_REPLY_NIL : REDIS_REPLY_STRING);
}

static enum mirror_status connect_new(struct redis *r)
{
	static const struct timeval limit = { .tv_usec = MIRROR_CONNECT_MS * 1000L };

	r->ctx = redisConnectUnixWithTimeout(r->socket, limit);
	if (!r->ctx)
		return redis_fail(r, "no memory");
	if (r->ctx->err)
		return fail_errno(r);
	r->set_ms = 0;
	return set_limit(r) == MIRROR_OK ? authenticate(r) : MIRROR_DOWN;
}

/* A connection that Redis closed while it was idle must not fail the next write. Bytes that
 * wait unasked would be taken for the next answer. */
static bool is_usable(const redisContext *ctx)
{
	char byte;

	return recv(ctx->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
}

enum mirror_status redis_ready(struct redis *r)
{
	if (r->ctx && !is_usable(r->ctx)) {
		redisFree(r->ctx);
		r->ctx = NULL;
	}
	return r->ctx ? set_limit(r) : connect_new(r);
}

int redis_init(struct redis *r, const struct cfg *cfg)
{
	struct sbuf secret, error;
	int rc;

	r->base.limit_ms = (int)cfg_int(cfg, CFG_MIRROR_MS);
	r->socket = cfg_str(cfg, CFG_MIRROR_SOCKET);
	r->user = cfg_str(cfg, CFG_MIRROR_USER);
	sbuf_init(&secret, 4096);
	sbuf_init(&error, 512);
	rc = cfg_secret(cfg, CFG_MIRROR_PASSWORD, &secret, &error);
	if (rc == 0)
		r->password = xstrdup(sbuf_str(&secret));
	else if (rc < 0)
		log_error("mirror.password", LOG_STR("error", sbuf_str(&error)));
	if (secret.data)
		explicit_bzero(secret.data, secret.cap);
	sbuf_free(&secret);
	sbuf_free(&error);
	return rc < 0 ? -1 : 0;
}

void redis_end(struct redis *r)
{
	if (r->ctx)
		redisFree(r->ctx);
	r->ctx = NULL;
	if (r->password)
		explicit_bzero(r->password, strlen(r->password));
	free(r->password);
	r->password = NULL;
}
