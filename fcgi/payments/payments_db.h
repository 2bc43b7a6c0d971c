/*
 * payments_db.h - the statements of halle-payments that concern payments; those of refunds
 * stand in payments_db_refund.h. Status and strings: db.h.
 */
#ifndef HALLE_PAYMENTS_DB_H
#define HALLE_PAYMENTS_DB_H

#include "db.h"

#define PAYMENT_ID   16
#define PAYMENT_HASH 32

enum payment_state {
	PAYMENT_INITIATED,
	PAYMENT_UNKNOWN,
	PAYMENT_CAPTURED, /* this and the following are final */
	PAYMENT_DECLINED,
	PAYMENT_FAILED
};

const char *payment_state_name(enum payment_state state);

struct payment {
	unsigned char id[PAYMENT_ID], fingerprint[PAYMENT_HASH];
	uint64_t number, order_id, user_id, amount_cents, refunded_cents, refunding_cents;
	bool begun; /* it has an amount and a currency */
	enum payment_state state;
	const char *currency, *reason, *refusal_lines; /* may be NULL */
	const char *card_brand, *card_last4;
	int64_t created_us, updated_us;
};

/* DB_CONFLICT: the id is there already. number is not read. */
enum db_status payments_db_add(struct db *db, const struct payment *payment, int64_t due_ms);
enum db_status payments_db_find(struct db *db, const unsigned char id[PAYMENT_ID],
				struct payment *out);
/* The same, locked until the transaction ends. */
enum db_status payments_db_lock(struct db *db, const unsigned char id[PAYMENT_ID],
				struct payment *out);
enum db_status payments_db_lock_number(struct db *db, uint64_t number, struct payment *out);
/* By its public id; owner 0: whoever's it is. */
enum db_status payments_db_show(struct db *db, uint64_t number, uint64_t owner,
				struct payment *out);

/* DB_NONE: it is not initiated any more. */
enum db_status payments_db_begin(struct db *db, const unsigned char id[PAYMENT_ID],
				 uint64_t amount_cents, const char *currency, int64_t due_ms);
/* To a final state, from a state that is none; DB_NONE: it was final. DB_CONFLICT: the order
 * has a captured payment already. */
struct settlement {
	const unsigned char *id;
	enum payment_state state;
	const char *reason, *refusal_lines, *reference; /* may be NULL */
};
enum db_status payments_db_settle(struct db *db, const struct settlement *s);
/* initiated to unknown; nothing happens in another state. */
enum db_status payments_db_unknown(struct db *db, const unsigned char id[PAYMENT_ID],
				   int64_t due_ms);

/* Payments that the completer must look at, locked unless another process has locked them;
 * then payments_db_due_next until DB_NONE. The second is how often it looked. */
enum db_status payments_db_due(struct db *db);
enum db_status payments_db_due_next(struct db *db, unsigned char id_r[PAYMENT_ID],
				    uint64_t *attempts_r);
/* Sets when it is due; DB_NONE: it is final meanwhile. */
enum db_status payments_db_postpone(struct db *db, const unsigned char id[PAYMENT_ID],
				    int64_t due_ms);

/* Newest first; owner 0 and order 0: any. before: public id of the last one of the page
 * before, or UINT64_MAX. Then payments_db_list_next until DB_NONE. */
enum db_status payments_db_list(struct db *db, uint64_t owner, uint64_t order, uint64_t before,
				uint64_t limit);
/* Oldest first, behind this public id. */
enum db_status payments_db_audit(struct db *db, uint64_t after, uint64_t limit);
enum db_status payments_db_list_next(struct db *db, struct payment *out);

#endif
