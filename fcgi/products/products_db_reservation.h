/*
 * products_db_reservation.h - the SQL of reservations. Everything here belongs inside a
 * transaction. Text in results lives in the pool of db.
 *
 * Whoever locks keeps this order, so that nobody waits in a circle: reservations first, then
 * products in order of their ids.
 */
#ifndef HALLE_PRODUCTS_DB_RESERVATION_H
#define HALLE_PRODUCTS_DB_RESERVATION_H

#include "db.h"
#include "lines.h"

#define RESERVATION_ID 16

enum reservation_state {
	RESERVATION_HELD,      /* its stock is kept for it until it expires */
	RESERVATION_COMMITTED, /* its stock is sold */
	RESERVATION_RELEASED,  /* given back: before or after it was sold */
	RESERVATION_EXPIRED    /* given back when its time was over */
};

/* "held" */
const char *reservation_state_name(enum reservation_state state);

/* DB_NONE: there is no such reservation. */
NODISCARD enum db_status reservation_lock(struct db *db, const unsigned char *id,
					  enum reservation_state *state_r);
/* DB_OK: it was held beyond its time, and is locked. DB_NONE: not so, or another one has
 * locked it; nothing waits. */
NODISCARD enum db_status reservation_lock_due(struct db *db, const unsigned char *id);
/* Up to RESERVATION_BATCH held beyond their time, the longest first; no lock. */
#define RESERVATION_BATCH 64
NODISCARD enum db_status reservation_due(struct db *db,
					 unsigned char ids_r[RESERVATION_BATCH][RESERVATION_ID],
					 unsigned *count_r);

/* Its lines, folded, with what their products are now; no lock. */
NODISCARD enum db_status reservation_lines(struct db *db, const unsigned char *id,
					   struct lines *lines_r);
/* Locks the products of folded lines, and tells of each what it is now. */
NODISCARD enum db_status products_lock_lines(struct db *db, struct pool *pool,
					     struct lines *lines);

/* A new one, held for so many seconds. DB_NONE: there is one of this name, which is locked. */
NODISCARD enum db_status reservation_make(struct db *db, const unsigned char *id,
					  uint64_t hold_s);
/* Held, and for so many seconds from now at least. */
NODISCARD enum db_status reservation_hold(struct db *db, const unsigned char *id,
					  uint64_t hold_s);
NODISCARD enum db_status reservation_set(struct db *db, const unsigned char *id,
					 enum reservation_state state);
/* replace: in place of those that it has. The products are locked, for the foreign keys lock
 * them. */
NODISCARD enum db_status reservation_put_lines(struct db *db, const unsigned char *id,
					       const struct lines *lines, bool replace);

enum stock_move {
	MOVE_RESERVE, /* from the stock to the held reservation */
	MOVE_RELEASE, /* and back */
	MOVE_EXPIRE,  /* likewise */
	MOVE_SELL,    /* from the held reservation out of the shop */
	MOVE_TAKE,    /* from the stock out of the shop */
	MOVE_RETURN   /* and back */
};
/* Moves the stock of all its lines, and writes the ledger; products_lock_lines has locked their
 * products and told their stock, which is enough. */
NODISCARD enum db_status reservation_move(struct db *db, const unsigned char *id,
					  const struct lines *lines, enum stock_move move);

#endif
