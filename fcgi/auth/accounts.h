/*
 * accounts.h - making an account: its row and the events that make profile and cart.
 */
#ifndef HALLE_AUTH_ACCOUNTS_H
#define HALLE_AUTH_ACCOUNTS_H

#include "db.h"

#define PROFILE_NAME_MAX    100 /* code points; what halle-users takes */
#define PROFILE_PHONE_MAX   32
#define PROFILE_ADDRESS_MAX 500

struct new_account {
	const char *username, *email; /* of the forms in credentials.h */
	const char *password;	      /* as passwd.h stores it */
	const char *role;
	const char *first_name, *last_name, *phone, *address; /* may be NULL */
};

enum { ACCOUNT_TO_USERS, ACCOUNT_TO_CARTS, ACCOUNT_EVENTS };

/* Inside the caller's transaction. DB_CONFLICT: db_conflict_key is "username" or "email".
 * events_r: the ids of the events user.created, for outbox_deliver_one. */
NODISCARD enum db_status account_create(struct db *db, const struct new_account *in,
					uint64_t *id_r,
					unsigned char events_r[ACCOUNT_EVENTS][16]);

#endif
