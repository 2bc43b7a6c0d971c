/*
 * carts_write.h - the one way to change a cart: in MariaDB and in the mirror, or in neither.
 */
#ifndef HALLE_CARTS_WRITE_H
#define HALLE_CARTS_WRITE_H

#include "carts.h"
#include "carts_db.h"

/* An operation that failed once and is done again by an operator, under its own name. */
struct change_again {
	const unsigned char *op_id;       /* OP_ID bytes */
	const unsigned char *fingerprint; /* OP_FINGERPRINT bytes; NULL: it had no Idempotency-Key */
	const char *route, *crud;         /* as in the journal */
};

struct change {
	const char *path;     /* template of the route; what happened, when nobody asked */
	const char *location; /* of the cart, when the answer is 201 */
	const char *pointer;  /* of the quantity in the body, for faults */
	const char *action;   /* "EDIT", for the journal */
	int status;           /* of the answer: 200 or 201 */
	uint64_t user;
	uint64_t product, quantity; /* arguments of apply and for the journal; 0: none */
	uint64_t version;           /* that is meant; 0: none */
	const struct fact *fact;    /* of the product, when apply needs it */
	const struct doc *taken;    /* lines that apply takes off; prices do not matter */
	/* Names the operation when nobody asked for it: the id of an event, or one of our own.
	 * Any cart can be changed so, even one that is not there, and once by one id; the
	 * answer is 204. NULL for requests of users, who find no deleted cart, and no cart of
	 * others that is not made yet (404). */
	const unsigned char *event_id;
	const struct change_again *again; /* NULL: none */
	bool revives;          /* a user finds the cart also when its owner deleted it */
	enum cart_end deleted; /* what the cart is afterwards */
	/* Whether there is nothing to do for this base; the answer is the cart as it is (200).
	 * NULL: there always is. */
	bool (*settled)(const struct change *change, const struct cart_row *base);
	/* Changes doc, or answers an error and returns -1. May run several times. */
	int (*apply)(struct req *req, const struct change *change, struct doc *doc);
};

/* Answers req. Idempotency-Key and If-Match are obeyed. */
int carts_write(struct req *req, const struct change *change);

#endif
