/*
 * payments_bank.h - calls to the bank, each through the circuit breaker. A call is made once;
 * its outcome is known, or unknown: then nobody may act as if the bank had done nothing.
 */
#ifndef HALLE_PAYMENTS_BANK_H
#define HALLE_PAYMENTS_BANK_H

#include "card.h"
#include "payments.h"

enum bank_outcome {
	BANK_DONE,     /* approved, or refunded */
	BANK_DECLINED, /* decline_code says why; of a refund: refused */
	BANK_VOID,     /* never happened, and never will under this key */
	BANK_UNKNOWN,  /* no answer, or one that says nothing */
	BANK_CLOSED    /* the breaker let nobody pass: the bank was not called */
};

struct bank_answer {
	enum bank_outcome outcome;
	const char *reference, *decline_code; /* in the pool; may be NULL */
};

/* Who calls: a request, or a job with what it has of one (db, worker, pool, id, trace). */
void bank_call_charge(struct req *req, const struct payment *p, const struct card *card,
		      struct bank_answer *answer_r);
void bank_call_charge_resolve(struct req *req, const unsigned char key[PAYMENT_ID],
			      struct bank_answer *answer_r);
/* May be asked again: it goes back once. */
void bank_call_refund(struct req *req, const struct refund *r, struct bank_answer *answer_r);

#endif
