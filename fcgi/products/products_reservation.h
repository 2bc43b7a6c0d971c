/*
 * products_reservation.h - reservations: what orders may ask by its calls, by its events, and
 * what time does. All run inside a transaction; an error that is answered rolls it back.
 */
#ifndef HALLE_PRODUCTS_RESERVATION_H
#define HALLE_PRODUCTS_RESERVATION_H

#include "products_db_reservation.h"
#include "resp.h"

#define HOLD_S_MAX 86400

/* POST /internal/products/… from orders; each may be repeated.
 * reserve {reservation_id, hold_s, items[{product_id, quantity}], expected_total_cents?,
 * instead_of?}: holds the stock of all items or of none. One that is held stays so for longer,
 * one that expired is held anew, one that was released never (409 STOCK_NOT_HELD): its order is
 * closed, and a late repetition must not bring its stock back. instead_of ends as if expired.
 * extend {reservation_id, hold_s}; commit {reservation_id}; release {reservation_id, again?}:
 * for ever, or, with again, only what is held, which then counts as expired. */
int products_reserve(struct req *req);
int products_extend(struct req *req);
int products_commit(struct req *req);
int products_release(struct req *req);

/* POST /internal/products/events: reservation.commit and reservation.release {reservation_id,
 * order_id} from orders. A commit that cannot be is told by the event reservation.lost. */
int products_event(struct req *req);

/* POST /internal/products/audit {after?, limit?}: {wrong[], rows[], next}: whether the
 * ledger, the stock and the reservations agree, a page of them at a time. */
int products_audit(struct req *req);

/* Job: held reservations beyond their time expire. */
#define EXPIRY_PERIOD_MS 1000
struct worker;
void products_expire(struct worker *w);

/* -- shared -------------------------------------------------------------------------- */

enum settled {
	SETTLED,	  /* it is so, now or before */
	SETTLED_SHORT,	  /* it had expired and the stock is gone: nothing changed */
	SETTLED_NOT_HELD  /* there is no such reservation, or it was released */
};

/* Sells what is held; lines_r is set when it is SETTLED_SHORT. */
NODISCARD enum db_status reservation_commit(struct db *db, struct pool *pool,
					    const unsigned char *id, enum settled *result_r,
					    struct lines *lines_r);
/* Gives back what is held or sold; always settled. */
NODISCARD enum db_status reservation_release(struct db *db, struct pool *pool,
					     const unsigned char *id);
/* Gives back what is held, and leaves it as if it had expired. */
NODISCARD enum db_status reservation_let_go(struct db *db, struct pool *pool,
					    const unsigned char *id);

/* 403 unless orders calls: 0, or -1 when that was answered. */
NODISCARD int reservation_caller(struct req *req);
/* The members of a body that the table names. 0, or -1 after 400 was answered. */
NODISCARD int reservation_body(struct req *req, const struct field *table, void *dst,
			       size_t size);
/* The id behind a text that uuid_is has passed. */
void reservation_id_of(const char *text, unsigned char id[RESERVATION_ID]);
/* 409 with all lines that are short. Always -1. */
int reservation_short(struct req *req, const struct lines *lines);

#endif
