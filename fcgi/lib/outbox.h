/*
 * outbox.h - events from one service to another, written in the same transaction as the
 * change they tell of, delivered over REST until the receiver took them.
 *
 * Table outbox (sender) and inbox (receiver) of each service's database. Delivery: at least
 * once, in any order; the receiver remembers event ids in the transaction that acts on them.
 * Event on the wire: POST /internal/<service>/events
 *	{"event_id":"<uuid>","type":"user.created","data":{…}}
 * Delivered rows are deleted; failed ones wait 0.2 s doubling to 60 s, for ever.
 */
#ifndef HALLE_OUTBOX_H
#define HALLE_OUTBOX_H

#include "db.h"
#include "peer.h"
#include "rnd.h"

/* Inside the caller's transaction. data is a JSON object. id_r may be NULL. */
NODISCARD enum db_status outbox_put(struct db *db, const char *service, const char *type,
				    const char *data, size_t len, unsigned char id_r[16]);

/* One pass: leases up to 64 due rows (FOR UPDATE SKIP LOCKED, 10 s), delivers them, a few at
 * once, and deletes the taken ones. Safe in any number of threads and processes. Number
 * delivered, or -1 when the database is away. timeout_ms bounds each call. */
int outbox_deliver(struct db *db, struct peer *peer, int timeout_ms);

/* Delivers one event that the caller put and committed, at once and whoever leased it (the
 * receiver takes it once): true when the receiver has it, now or before. */
bool outbox_deliver_one(struct db *db, struct peer *peer, const unsigned char id[16],
			int timeout_ms);

/* Receiver, inside its transaction: DB_OK the first time, DB_CONFLICT when seen before. */
NODISCARD enum db_status inbox_enter(struct db *db, const unsigned char id[16]);

/* Deletes inbox rows older than 30 days, at most 1000; for the background thread. */
NODISCARD enum db_status inbox_purge(struct db *db);

#endif
