/*
 * payments.h - what the files of halle-payments share.
 *
 * A payment is written and committed before anybody is called, under an id made of the user
 * and his Idempotency-Key; then orders begins it, the bank is asked, and the outcome is
 * written with its event to orders in one transaction. Whatever breaks off in between, the
 * completer (payments_completer.c) asks the bank what became of that id.
 */
#ifndef HALLE_PAYMENTS_H
#define HALLE_PAYMENTS_H

#include <stdatomic.h>

#include "breaker.h"
#include "payments_db_refund.h"
#include "svc.h"

#define DUE_MS 3000 /* an attempt that nobody works on any more is looked at after this */

struct payments {
	struct breaker *breaker;
	unsigned most; /* requests of this process that may be on their way to the bank */
	atomic_uint inside;
};

/* Handlers, one per route. */
int payments_create(struct req *req);
int payments_list(struct req *req);
int payments_show(struct req *req);
int payments_refund(struct req *req);
int payments_breaker(struct req *req);
int payments_event(struct req *req);
int payments_audit(struct req *req);

#define COMPLETER_PERIOD_MS 500
void payments_complete(struct worker *w);

/* A UUID (version 8, RFC 9562) from SHA-256 of kind, user and the request's Idempotency-Key;
 * of nothing but chance when it has none. */
void payments_id(const struct req *req, const char *kind, unsigned char id_r[PAYMENT_ID]);

/* One value: the payment as people see it. */
void payment_json(struct jw *w, const struct payment *p);
/* Answers with what a payment has come to: 201, 202, 402, 409 while it is under way, or the
 * error that it failed with. replay: it is told again. */
int payment_answer(struct req *req, const struct payment *p, bool replay);

/* A place among those who may be on their way to the bank, and a breaker that is not open:
 * 0, or -1 after 503 was answered and nothing taken. */
NODISCARD int payments_enter(struct req *req);
void payments_leave(struct req *req);

#endif
