/*
 * idem.h - Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07) for changes that
 * happen in one transaction of one database.
 *
 * The row of table idem is inserted first and completed last in the same transaction as the
 * change, so it exists exactly when the change does: a second request with the same key waits
 * for the first on the unique key and then replays its answer. Keys belong to their user.
 * Kept 24 h. Used by route for routes flagged ROUTE_TX; handlers do not see it.
 */
#ifndef HALLE_IDEM_H
#define HALLE_IDEM_H

#include "req.h"

enum idem_result {
	IDEM_NEW,    /* go on */
	IDEM_REPLAY, /* the stored answer was put into req */
	IDEM_REFUSED /* an error was answered: other request (422), still running (409), database */
};

/* Outside any transaction, before work that cannot be rolled back: whether the key has its
 * answer already. IDEM_NEW promises nothing: idem_enter decides. */
enum idem_result idem_look(struct req *req, const char *route);
/* Inside the transaction, before the handler. Without a key: IDEM_NEW. route is the method
 * and path template, part of the fingerprint beside path arguments and body. */
enum idem_result idem_enter(struct req *req, const char *route);
/* After a handler that answered 2xx, before COMMIT. */
NODISCARD enum db_status idem_leave(struct req *req);
/* Deletes rows older than 24 h, at most 1000. */
NODISCARD enum db_status idem_purge(struct db *db);

#endif
