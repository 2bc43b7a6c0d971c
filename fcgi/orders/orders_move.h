/*
 * orders_move.h - the states of an order, and what each change of them tells others. All run
 * inside a transaction with the order locked.
 *
 *	pending -> paid -> preparing -> shipped -> delivered
 *	pending -> cancelled | expired;  paid, preparing -> cancelled
 */
#ifndef HALLE_ORDERS_MOVE_H
#define HALLE_ORDERS_MOVE_H

#include "orders_db.h"
#include "req.h"

/* NULL-terminated names of all states. */
extern const char *const order_statuses[];

bool order_is(const struct order *o, const char *status);
bool order_payment_is(const struct order *o, const char *state);
/* Whether an admin may move it so; and all such states, NULL-terminated. */
bool order_may(const struct order *o, const char *to);
const char *const *order_allowed(const struct order *o);

/* The step, its event, nothing else. req may be NULL in jobs; actor 0: the shop. */
NODISCARD enum db_status order_step(struct db *db, const struct order *o, const char *to,
				    uint64_t actor);
/* The end of an order that was not shipped: the step, its stock, and its money if it was
 * paid. to: cancelled or expired. */
NODISCARD enum db_status order_end(struct db *db, struct req *req, const struct order *o,
				   const char *to, uint64_t actor);

/* Outbox events; those of a request are remembered in it for delivery after the commit. */
NODISCARD enum db_status order_tell_stock(struct db *db, struct req *req, const struct order *o,
					  const char *type);
NODISCARD enum db_status order_tell_refund(struct db *db, struct req *req, uint64_t order_id,
					   const unsigned char *payment);
NODISCARD enum db_status order_tell(struct db *db, struct req *req, const char *service,
				    const char *type, const char *data, size_t len);

#endif
