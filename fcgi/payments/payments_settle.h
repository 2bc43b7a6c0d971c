/*
 * payments_settle.h - the outcome of a payment or refund, written with its event to orders in
 * one transaction, and once: who comes second finds it final and changes nothing. Used by
 * requests, by the completer and by events. The event is delivered by svc_deliver(req), which
 * the caller does.
 */
#ifndef HALLE_PAYMENTS_SETTLE_H
#define HALLE_PAYMENTS_SETTLE_H

#include "payments_bank.h"

/* In a transaction of its own. silent: orders never began it, so it is not told. */
enum db_status payments_settle(struct req *req, const struct settlement *s, bool silent);
/* The same inside the caller's transaction; DB_CONFLICT: the order was paid by another
 * payment, and the transaction must be rolled back. */
enum db_status payments_settle_in_tx(struct req *req, const struct settlement *s, bool silent);
/* By what the bank said; for BANK_UNKNOWN and BANK_CLOSED: nothing happens. */
enum db_status payments_settle_by(struct req *req, const unsigned char id[PAYMENT_ID],
				  const struct bank_answer *answer);

enum db_status refunds_settle_by(struct req *req, const unsigned char id[PAYMENT_ID],
				 const struct bank_answer *answer);

#endif
