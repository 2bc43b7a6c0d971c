/*
 * mirror.h - the second store of carts: Redis, or another MariaDB server, as mirror_store
 * says. Its files are the only users of hiredis, and of SQL for that other server.
 *
 * Per user the mirror holds one committed state and at most one prepared state, which becomes
 * committed only when MariaDB has it on disk. A state is named by version and fence; the fence
 * names one attempt to write, grows with every attempt, and is never used twice.
 * All verbs may be repeated. No call waits longer than limit_ms for an answer; after any
 * failure the connection is closed, so that a late answer is never read, and the next call
 * makes a new one. Users with a prepared state are listed in the store, so that the
 * reconciler finds them without a scan. A struct mirror belongs to one thread.
 */
#ifndef HALLE_CARTS_MIRROR_H
#define HALLE_CARTS_MIRROR_H

#include "cfg.h"
#include "pool.h"

#define MIRROR_CONNECT_MS 100
#define MIRROR_BATCH      64 /* most verbs of one mirror_run */
#define MIRROR_PENDING    256
#define MIRROR_EPOCH_MAX  64

enum mirror_status {
	MIRROR_OK,
	MIRROR_NO,      /* nothing to do: PROMOTE, ABORT: another state is prepared; FORCE: equal */
	MIRROR_FENCED,  /* PREPARE: a later attempt came first */
	MIRROR_BEHIND,  /* PREPARE: the base is at most prepared there; wait for its PROMOTE, or
			 * repeat with its text when MariaDB has it on disk */
	MIRROR_AHEAD,   /* PREPARE, FORCE: a higher version is committed there */
	MIRROR_DIFFERS, /* FORCE: the same version is there with another content */
	MIRROR_DOWN     /* no answer, or an error; nobody knows whether the verb was done */
};

/* One state of a cart. doc may be NULL where only the name counts. */
struct mirror_state {
	uint64_t version, fence;
	const char *doc;
	size_t len;
};

enum mirror_verb {
	MIRROR_PROMOTE,
	MIRROR_ABORT,
	MIRROR_FORCE,    /* install a committed state if it is newer */
	MIRROR_OVERWRITE /* FORCE, also over an equal version; only under the row lock */
};

struct mirror_op {
	enum mirror_verb verb;
	uint64_t user;
	struct mirror_state state;
	enum mirror_status result; /* set by mirror_run */
};

struct mirror_slots {
	struct mirror_state committed; /* version 0: none */
	struct mirror_state prepared;  /* version 0: none */
	uint64_t fence;                /* the highest attempt that the mirror has seen */
};

struct mirror {
	const struct mirror_store *store;
	int limit_ms;    /* the owner may change it between calls; mirror_ms at first */
	char error[160]; /* what the last MIRROR_DOWN was, for logs */
};

/* A store implements these; what each does stands at the functions below. */
struct mirror_store {
	struct mirror *(*open)(const struct cfg *cfg);
	void (*close)(struct mirror *m);
	enum mirror_status (*prepare)(struct mirror *m, uint64_t user,
				      const struct mirror_state *base, bool with_base,
				      const struct mirror_state *next);
	enum mirror_status (*run)(struct mirror *m, struct mirror_op *ops, unsigned count);
	enum mirror_status (*read)(struct mirror *m, uint64_t user, struct mirror_slots *slots_r,
				   struct pool *pool);
	enum mirror_status (*forget)(struct mirror *m, uint64_t user);
	enum mirror_status (*pending)(struct mirror *m, uint64_t **users_r, unsigned *count_r,
				      struct pool *pool);
	enum mirror_status (*list)(struct mirror *m, uint64_t *cursor, uint64_t **users_r,
				   unsigned *count_r, struct pool *pool);
	enum mirror_status (*epoch)(struct mirror *m, char epoch_r[MIRROR_EPOCH_MAX],
				    bool *verified_r);
	enum mirror_status (*verify)(struct mirror *m, const char *epoch);
	enum mirror_status (*ping)(struct mirror *m);
};

extern const struct mirror_store mirror_redis, mirror_mariadb;

/* Does not connect. NULL with a log line when the password file of Redis cannot be read; that
 * of MariaDB is read with every connection. */
struct mirror *mirror_new(const struct cfg *cfg);
void mirror_free(struct mirror **m);

/* PREPARE next, whose predecessor is base. with_base sends base's doc too. */
NODISCARD enum mirror_status mirror_prepare(struct mirror *m, uint64_t user,
					    const struct mirror_state *base, bool with_base,
					    const struct mirror_state *next);

/* PROMOTE, ABORT and FORCE in one round trip. MIRROR_OK when all were answered; otherwise
 * MIRROR_DOWN, and those without an answer have the result MIRROR_DOWN. */
NODISCARD enum mirror_status mirror_run(struct mirror *m, struct mirror_op *ops, unsigned count);

NODISCARD enum mirror_status mirror_read(struct mirror *m, uint64_t user,
					 struct mirror_slots *slots_r, struct pool *pool);

/* Drops everything about a user; only under the row lock that deletes him in MariaDB. */
NODISCARD enum mirror_status mirror_forget(struct mirror *m, uint64_t user);

/* Up to MIRROR_PENDING users with a prepared state, chosen at random; fewer: these are all. */
NODISCARD enum mirror_status mirror_pending(struct mirror *m, uint64_t **users_r,
					    unsigned *count_r, struct pool *pool);

/* Every user with a state, some of them (perhaps none) at a time; *cursor is 0 at first, and 0
 * again after the last. A user may come twice; one who comes or goes meanwhile may be missed. */
NODISCARD enum mirror_status mirror_list(struct mirror *m, uint64_t *cursor, uint64_t **users_r,
					 unsigned *count_r, struct pool *pool);

/* The name of this life of the store, which changes whenever it may have lost or regained
 * something unseen (Redis: its run id and a word that goes with its content; MariaDB: an id in
 * memory, the server's id and the age of the table, so also after a failover or a loaded dump),
 * and whether every cart was written into this life, as mirror_verify says when that is done. */
NODISCARD enum mirror_status mirror_epoch(struct mirror *m, char epoch_r[MIRROR_EPOCH_MAX],
					  bool *verified_r);
NODISCARD enum mirror_status mirror_verify(struct mirror *m, const char *epoch);

NODISCARD enum mirror_status mirror_ping(struct mirror *m);

const char *mirror_status_name(enum mirror_status status);

#endif
