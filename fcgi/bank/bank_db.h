/*
 * bank_db.h - the statements of halle-bank. Status and strings: db.h.
 */
#ifndef HALLE_BANK_DB_H
#define HALLE_BANK_DB_H

#include "db.h"

struct charge {
	unsigned char key[16];
	uint64_t number, amount_cents, refunded_cents;
	const char *currency, *outcome;	/* "approved", "declined", "void" */
	const char *decline_code, *reference, *card_brand, *card_last4; /* may be NULL */
};

enum db_status bank_db_charge(struct db *db, const unsigned char key[16], struct charge *out);
/* DB_CONFLICT: the key is there already. number is not read. */
enum db_status bank_db_charge_add(struct db *db, const struct charge *charge);
/* Takes amount from what is left of an approved charge; DB_NONE: so much is not left. */
enum db_status bank_db_charge_refund(struct db *db, const unsigned char key[16],
				     uint64_t amount_cents);

struct bank_refund {
	unsigned char key[16], charge_key[16];
	uint64_t amount_cents;
	const char *outcome; /* "refunded", "refused" */
};

enum db_status bank_db_refund(struct db *db, const unsigned char key[16],
			      struct bank_refund *out);
/* DB_CONFLICT: the key is there already. */
enum db_status bank_db_refund_add(struct db *db, const struct bank_refund *refund);
enum db_status bank_db_refund_refuse(struct db *db, const unsigned char key[16]);

struct behaviour {
	uint64_t failure_rate, latency_ms;
	bool down;
};

enum db_status bank_db_behaviour(struct db *db, struct behaviour *out);
enum db_status bank_db_behaviour_set(struct db *db, const struct behaviour *b);

/* Charges after this number, in order; then bank_db_audit_next until DB_NONE. The refunds'
 * own sum is put into sum_r. */
enum db_status bank_db_audit(struct db *db, uint64_t after, uint64_t limit);
enum db_status bank_db_audit_next(struct db *db, struct charge *out, uint64_t *sum_r);

#endif
