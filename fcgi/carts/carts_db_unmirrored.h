/*
 * carts_db_unmirrored.h - the SQL of carts that were written while the mirror was away.
 * Statuses as in db.h.
 */
#ifndef HALLE_CARTS_DB_UNMIRRORED_H
#define HALLE_CARTS_DB_UNMIRRORED_H

#include "db.h"

/* In the transaction that writes the cart; again: nothing. */
NODISCARD enum db_status carts_db_unmirrored_mark(struct db *db, uint64_t user);
/* The first user after this one; DB_NONE: there is none. */
NODISCARD enum db_status carts_db_unmirrored_next(struct db *db, uint64_t after,
						  uint64_t *user_r);
/* Under the row lock of his cart. */
NODISCARD enum db_status carts_db_unmirrored_clear(struct db *db, uint64_t user);

#endif
