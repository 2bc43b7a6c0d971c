/*
 * orders_db.h - the statements of halle-orders that requests need; those of jobs and of the
 * audit are in orders_db_job.h. All run on the caller's connection, in his transaction if
 * there is one. Strings live in the pool of db.
 */
#ifndef HALLE_ORDERS_DB_H
#define HALLE_ORDERS_DB_H

#include "db.h"

#define UUID_BYTES      16
#define ORDER_LINES_MAX 100

struct order_line {
	uint64_t product_id;
	const char *name;
	int64_t unit_cents, quantity;
};

struct order {
	uint64_t id, user_id, version, cart_version; /* cart_version 0: not from a cart */
	const char *user_name; /* NULL: deleted */
	const char *status, *payment_state;
	int64_t total_cents, refunded_cents;
	unsigned char reservation[UUID_BYTES], payment[UUID_BYTES];
	bool has_payment; /* else payment is zero */
	bool overdue;     /* expires_at is past */
	int64_t expires_us, created_us, updated_us;
	unsigned count;
	struct order_line line[ORDER_LINES_MAX];
};

struct order_event {
	const char *type, *detail; /* detail may be NULL */
	uint64_t actor;            /* 0: the shop itself */
	int64_t created_us;
};

/* What of a list is asked for: 0 and NULL are no filter. */
struct order_query {
	uint64_t user_id, before, limit;
	const char *status;
};

/* One order with its lines; user_id 0: whosever it is. */
NODISCARD enum db_status orders_db_get(struct db *db, uint64_t id, uint64_t user_id,
				       struct order *o_r);
/* The same, locked. */
NODISCARD enum db_status orders_db_lock(struct db *db, uint64_t id, uint64_t user_id,
					struct order *o_r);
/* Newest first; next gives whole orders and DB_NONE at the end. */
NODISCARD enum db_status orders_db_list(struct db *db, const struct order_query *q);
struct order_walk {
	struct order *order;       /* being filled */
	const struct db_val *row;  /* of the next one; NULL at the beginning */
	bool ended;
};
NODISCARD enum db_status orders_db_list_next(struct db *db, struct order_walk *walk);
/* Oldest first, all of the order's. */
NODISCARD enum db_status orders_db_events(struct db *db, uint64_t order_id);
NODISCARD enum db_status orders_db_events_next(struct db *db, struct order_event *e_r);

/* Locks the buyer's row until the transaction ends, and counts this as a change of it. */
NODISCARD enum db_status orders_db_lock_user(struct db *db, uint64_t user_id,
					     uint64_t *changes_r);
NODISCARD enum db_status orders_db_delete_user(struct db *db, uint64_t user_id);
struct standing {
	uint64_t open;  /* pending orders of the buyer */
	int64_t now_us; /* the database's clock, since 1970 */
	bool deleted;   /* the buyer's account is */
	uint64_t changes; /* so often was his row locked for an order, or his account deleted */
};
NODISCARD enum db_status orders_db_standing(struct db *db, uint64_t user_id,
					    struct standing *standing_r);
/* The buyer's order that was made of this reservation or this cart already. */
NODISCARD enum db_status orders_db_made(struct db *db, const struct order *o, uint64_t *id_r);
/* A new pending order of this moment, with its lines and its first event; fills the rest of o.
 * DB_CONFLICT, and nothing written: there is one of this reservation or this cart. */
NODISCARD enum db_status orders_db_insert(struct db *db, struct order *o, int64_t now_us,
					  uint64_t hold_s);
/* Other lines for a pending order without a payment; DB_NONE unless it still has the version
 * that o has. */
NODISCARD enum db_status orders_db_replace(struct db *db, const struct order *o, uint64_t hold_s);
/* Guarded by the status that o has. */
NODISCARD enum db_status orders_db_status(struct db *db, const struct order *o, const char *to);
NODISCARD enum db_status orders_db_event(struct db *db, uint64_t order_id, const char *type,
					 const char *detail, uint64_t actor);

/* -- payments ------------------------------------------------------------------------ */

/* Of the version that o has; DB_NONE when it is another. */
NODISCARD enum db_status orders_db_start(struct db *db, const struct order *o,
					 const unsigned char *payment, uint64_t hold_s);
/* Guarded by the payment that o has and its state: state and sum refunded. state "none"
 * forgets the payment. */
NODISCARD enum db_status orders_db_payment(struct db *db, const struct order *o,
					   const char *state, int64_t refunded_cents);
/* What is known of a payment: DB_NONE when nothing; state in the pool. */
NODISCARD enum db_status orders_db_heard(struct db *db, const unsigned char *payment,
					 const char **state_r);
NODISCARD enum db_status orders_db_hear(struct db *db, const unsigned char *payment,
					uint64_t order_id, const char *state, int64_t cents);
/* His pending orders without a payment, and his name in all of them. */
NODISCARD enum db_status orders_db_forget_name(struct db *db, uint64_t user_id);

#endif
