/* ceiling.h - what the sources of ceiling share; see ceiling.c. */
#ifndef HALLE_BENCH_CEILING_H
#define HALLE_BENCH_CEILING_H

#include <hiredis/hiredis.h>
#include <mysql.h>
#include <pthread.h>
#include <stdatomic.h>

#define CARTS 64 /* per thread */
#define RING  4096
#define DOC   "[{\"p\":1,\"q\":2,\"c\":7999},{\"p\":2,\"q\":1,\"c\":129900}]"

struct promote {
	uint64_t user, version, fence;
};

struct bench {
	const char *mode, *db_socket, *db_user, *mirror_socket, *redis_user;
	char redis_password[256];
	int seconds;
	atomic_bool stop, failed;
	atomic_ulong done;
	/* cart2: what is to be promoted */
	pthread_mutex_t lock;
	struct promote ring[RING]; /* count entries from head on */
	unsigned head, count;
};

struct client {
	struct bench *bench;
	unsigned number;
	pthread_t id;
	MYSQL *my, *mirror;
	MYSQL_STMT *stmt[4];
	redisContext *redis;
	unsigned long cart;
	char prepare_sha[41], promote_sha[41];
	unsigned promotes;
};

struct param {
	enum enum_field_types type;
	const void *data;
	unsigned long len;
};

#define P_U64(v)     { MYSQL_TYPE_LONGLONG, &(v), sizeof(v) }
#define P_BLOB(p, n) { MYSQL_TYPE_BLOB, (p), (n) }

/* Ends the run with a message. */
void fail(struct client *c, const char *what);
MYSQL *dial(struct client *c, const char *socket);
bool query(struct client *c, const char *sql);
MYSQL_STMT *prepare_on(struct client *c, MYSQL *my, const char *sql);
bool run(struct client *c, MYSQL_STMT *s, const struct param *params, unsigned n);

/* The mirror of one cart write; row: version and fence of the base, fence of the attempt. */
bool mirror_init(struct client *c);
bool mirror_prepare(struct client *c, uint64_t user, const uint64_t row[3]);
void mirror_promote(struct client *c, uint64_t user, const uint64_t row[3]);
void *promoter_thread(void *client);

#endif
