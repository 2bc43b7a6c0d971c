/*
 * carts_db.h - the SQL of carts. Statuses as in db.h; strings live in the pool of db.
 */
#ifndef HALLE_CARTS_DB_H
#define HALLE_CARTS_DB_H

#include "db.h"
#include "doc.h"

#define OP_ID          16
#define OP_FINGERPRINT 32

struct cart_row {
	uint64_t version, fence;
	const char *doc;
	size_t len;
	enum cart_end deleted;
};

/* One write that was done. */
struct cart_op {
	const unsigned char *id; /* OP_ID bytes */
	uint64_t user, version, fence;
	const char *route;
	const unsigned char *fingerprint; /* OP_FINGERPRINT bytes */
	uint64_t status;
	const char *doc;
	enum cart_end deleted;
	const char *response; /* NULL unless the client gave an Idempotency-Key */
	size_t response_len;
};

/* No lock. DB_NONE: the user has no cart yet. */
NODISCARD enum db_status carts_db_read(struct db *db, uint64_t user, struct cart_row *row_r);

/* In a transaction. Locks the user's cart, making an empty one of version 0 when there is
 * none, and names a new attempt. */
NODISCARD enum db_status carts_db_lock(struct db *db, uint64_t user, struct cart_row *row_r,
				       uint64_t *fence_r);
/* The same without making and naming; DB_NONE then holds no lock. */
NODISCARD enum db_status carts_db_hold(struct db *db, uint64_t user, struct cart_row *row_r);

NODISCARD enum db_status carts_db_op(struct db *db, const unsigned char id[OP_ID],
				     struct cart_op *op_r);
NODISCARD enum db_status carts_db_op_add(struct db *db, const struct cart_op *op);

/* carts_db_read, of version 0 when there is no cart; what was read is on disk. */
NODISCARD enum db_status carts_db_read_durable(struct db *db, uint64_t user,
					       struct cart_row *row_r);

/* The next version of a locked cart. */
NODISCARD enum db_status carts_db_update(struct db *db, const struct cart_op *op);

/* A user's versions below this one, the newest first; then carts_db_history_next until
 * DB_NONE. */
struct cart_version {
	uint64_t version;
	int64_t created_us;
	const char *route, *doc;
	size_t len;
	enum cart_end deleted;
};
NODISCARD enum db_status carts_db_history(struct db *db, uint64_t user, uint64_t before,
					  uint64_t count);
NODISCARD enum db_status carts_db_history_next(struct db *db, struct cart_version *version_r);
/* What a version held; DB_NONE when it is not kept. */
NODISCARD enum db_status carts_db_version(struct db *db, uint64_t user, uint64_t version,
					  const char **doc_r, size_t *len_r);

/* Carts with lines that nobody changed for so many days, the longest idle first. */
#define IDLE_BATCH 64
struct cart_idle {
	uint64_t user, version;
};
NODISCARD enum db_status carts_db_idle(struct db *db, uint64_t days,
				       struct cart_idle idle_r[IDLE_BATCH], unsigned *count_r);

/* All carts in order of user id, count at a time; then carts_db_walk_next until DB_NONE. */
NODISCARD enum db_status carts_db_walk(struct db *db, uint64_t after, uint64_t count);
NODISCARD enum db_status carts_db_walk_next(struct db *db, uint64_t *user_r,
					    struct cart_row *row_r);

/* DB_OK: owner holds the lease for 3 s from now, *taken_r when he did not before; DB_NONE:
 * another one has it. */
NODISCARD enum db_status carts_db_lease(struct db *db, const char *name, const char *owner,
					bool *taken_r);

/* Operations older than so many days, at most 1000. */
NODISCARD enum db_status carts_db_purge_ops(struct db *db, uint64_t days);
/* A user whose cart went with his account more than CART_GONE_DAYS days ago. */
#define CART_GONE_DAYS 7
NODISCARD enum db_status carts_db_dead(struct db *db, uint64_t *user_r);
/* Removes a locked cart and its operations. */
NODISCARD enum db_status carts_db_remove(struct db *db, uint64_t user);

#endif
