/*
 * carts_write.h - the one way to change a cart: in MariaDB and in the mirror, or in neither.
 */
#ifndef HALLE_CARTS_WRITE_H
#define HALLE_CARTS_WRITE_H

#include "carts.h"

struct change {
	const char *path;   /* template of the route */
	const char *action; /* "EDIT", for the journal */
	int status;         /* of the answer: 200 or 201 */
	uint64_t user;
	uint64_t product, quantity; /* arguments of apply and for the journal; 0: none */
	const struct fact *fact;    /* of the product, when apply needs it */
	/* Id of the event that asks for a cart to be made, or deleted with its user. One that
	 * is (or was) there is not made again, a deleted one not deleted again; the answer is
	 * 204. NULL for requests of users, which find a deleted cart no more. */
	const unsigned char *event_id;
	bool deletes;
	/* Changes doc, or answers an error and returns -1. May run several times. */
	int (*apply)(struct req *req, const struct change *change, struct doc *doc);
};

/* Answers req. Idempotency-Key and If-Match are obeyed. */
int carts_write(struct req *req, const struct change *change);

#endif
