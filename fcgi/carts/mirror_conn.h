/*
 * mirror_conn.h - a connection to Redis for mirror_redis.c: commands, answers, failures.
 * After a failure the connection is closed and counted, and base.error says why.
 */
#ifndef HALLE_CARTS_MIRROR_CONN_H
#define HALLE_CARTS_MIRROR_CONN_H

#include <hiredis/hiredis.h>

#include "mirror.h"

#define REDIS_ARGS_MAX 14

struct redis {
	struct mirror base;
	const char *socket, *user;
	char *password; /* NULL: no AUTH */
	redisContext *ctx; /* NULL: not connected */
	int set_ms; /* the limit that ctx has now */
};

/* A command's words; the bytes are not copied. Starts as { 0 }. */
struct redis_args {
	int count;
	const char *word[REDIS_ARGS_MAX];
	size_t len[REDIS_ARGS_MAX];
	char number[REDIS_ARGS_MAX][32];
};

void redis_arg(struct redis_args *a, const char *s, size_t len);
void redis_arg_str(struct redis_args *a, const char *s);
void redis_arg_u64(struct redis_args *a, const char *prefix, uint64_t v);

/* -1 with a log line when the password cannot be read. */
NODISCARD int redis_init(struct redis *r, const struct cfg *cfg);
void redis_end(struct redis *r);

/* Connected, and the peer has not closed: before every command or pipeline. */
NODISCARD enum mirror_status redis_ready(struct redis *r);

/* Always MIRROR_DOWN. */
enum mirror_status redis_fail(struct redis *r, const char *what);

NODISCARD enum mirror_status redis_send(struct redis *r, struct redis_args *a);
/* The next answer, which the caller frees, or NULL. */
redisReply *redis_reply(struct redis *r);
redisReply *redis_call(struct redis *r, struct redis_args *a);
/* Frees the answer (or takes NULL); anything but the wanted type is a failure. */
NODISCARD enum mirror_status redis_expect(struct redis *r, redisReply *reply, int type);

/* mirror_epoch on a connection that is ready */
NODISCARD enum mirror_status redis_ask_epoch(struct redis *r, char epoch_r[MIRROR_EPOCH_MAX],
					     bool *verified_r);

#define REDIS_VERIFIED_KEY "halle:verified"
#define REDIS_FILLING_KEY  "halle:filling" /* a random word, see redis_ask_epoch */

#endif
