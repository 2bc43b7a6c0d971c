/*
 * payments_db_refund.h - the statements of halle-payments that concern refunds. Status and
 * strings: db.h.
 */
#ifndef HALLE_PAYMENTS_DB_REFUND_H
#define HALLE_PAYMENTS_DB_REFUND_H

#include "payments_db.h"

struct refund {
	unsigned char id[PAYMENT_ID], payment_id[PAYMENT_ID];
	uint64_t number, amount_cents;
	bool whole; /* no amount was asked for: all that was left */
	const char *state; /* "initiated", "unknown", "done", "refused" */
	uint64_t user_id;  /* 0: an order asked for it */
	int64_t created_us;
};

/* Of what is left of a payment whose money we have; DB_NONE: so much is not left. */
enum db_status refunds_db_hold(struct db *db, const unsigned char payment_id[PAYMENT_ID],
			       uint64_t amount_cents);
/* What was held either went back or did not. */
enum db_status refunds_db_unhold(struct db *db, const unsigned char payment_id[PAYMENT_ID],
				 uint64_t amount_cents, bool refunded);

/* DB_CONFLICT: the id is there already. number and state are not read. */
enum db_status refunds_db_add(struct db *db, const struct refund *refund, int64_t due_ms);
enum db_status refunds_db_find(struct db *db, const unsigned char id[PAYMENT_ID],
			       struct refund *out);
/* To "done" or "refused"; DB_NONE: it was final. */
enum db_status refunds_db_settle(struct db *db, const unsigned char id[PAYMENT_ID],
				 const char *state);
enum db_status refunds_db_unknown(struct db *db, const unsigned char id[PAYMENT_ID],
				  int64_t due_ms);

/* As payments_db_due and its kin. */
enum db_status refunds_db_due(struct db *db);
enum db_status refunds_db_due_next(struct db *db, unsigned char id_r[PAYMENT_ID],
				   uint64_t *attempts_r);
enum db_status refunds_db_postpone(struct db *db, const unsigned char id[PAYMENT_ID],
				   int64_t due_ms);

/* All of a payment, oldest first. */
enum db_status refunds_db_of(struct db *db, const unsigned char payment_id[PAYMENT_ID]);
enum db_status refunds_db_of_next(struct db *db, struct refund *out);

#endif
