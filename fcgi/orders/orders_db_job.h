/* orders_db_job.h - the statements of the jobs, of a user's end and of the audit. */
#ifndef HALLE_ORDERS_DB_JOB_H
#define HALLE_ORDERS_DB_JOB_H

#include "orders_db.h"

#define ORDERS_BATCH 64

enum orders_due {
	DUE_EXPIRY, /* pending, past its time, no payment; of: ignored */
	DUE_HOLD,   /* a payment is under way and the hold ends soon; of: ignored */
	DUE_OF_USER /* pending without a payment, of this user */
};

/* At most ORDERS_BATCH ids. */
NODISCARD enum db_status orders_db_due(struct db *db, enum orders_due due, uint64_t of,
				       uint64_t ids_r[ORDERS_BATCH], unsigned *count_r);
/* The hold of an order whose payment is under way was prolonged. */
NODISCARD enum db_status orders_db_held(struct db *db, uint64_t id, uint64_t hold_s);

struct order_audit {
	uint64_t id;
	const char *status, *payment_state;
	const char *reservation, *payment; /* hexadecimal; payment NULL when there is none */
	int64_t total_cents, lines_cents, refunded_cents, age_s;
	const char *lines; /* JSON array of {product_id, quantity} */
	bool state_fits;   /* status and payment_state may be seen together */
};

NODISCARD enum db_status orders_db_audit(struct db *db, uint64_t after, uint64_t limit);
NODISCARD enum db_status orders_db_audit_next(struct db *db, struct order_audit *a_r);

#endif
