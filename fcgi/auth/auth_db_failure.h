/*
 * auth_db_failure.h - statements on the count of wrong passwords. Status: db.h.
 */
#ifndef HALLE_AUTH_DB_FAILURE_H
#define HALLE_AUTH_DB_FAILURE_H

#include "db.h"

#define FAILURE_FREE	 5   /* failures without a wait */
#define FAILURE_WINDOW_S 900 /* within this time; also the longest wait */

/* Counts an attempt before its password is looked at, so that parallel guesses are all
 * counted. DB_NONE: it may not be made yet; nothing was changed. */
enum db_status auth_db_failure_count(struct db *db, const unsigned char subject[32]);
/* Microseconds until an attempt may be made; DB_NONE: it may now. Takes no lock. */
enum db_status auth_db_failure_wait(struct db *db, const unsigned char subject[32],
				    int64_t *us_r);
/* Takes a counted attempt back whose password nobody looked at. */
enum db_status auth_db_failure_uncount(struct db *db, const unsigned char subject[32]);
/* The password was right. */
enum db_status auth_db_failure_forget(struct db *db, const unsigned char subject[32]);
/* Deletes counts that are over; at most 1000. */
enum db_status auth_db_failure_purge(struct db *db);

#endif
