/*
 * db_priv.h - what the sources of db share: db.c (connection, errors, calls),
 * db_stmt.c (prepared statements and their values), db_tx.c (transactions), db_wait.c (the
 * library's calls that wait for the server).
 */
#ifndef HALLE_DB_PRIV_H
#define HALLE_DB_PRIV_H

#include <mysql.h>

#include "db.h"

#define DB_STMT_SLOTS 256 /* power of two; a service has far fewer statements */
#define DB_KEY_MAX    72  /* a name of 64 characters, cut when longer */

/* A statement prepared on the present connection. */
struct db_prep;

struct db {
	const struct cfg *cfg;
	struct db_target target;
	bool bounded;         /* by until_us: waits are made by db_wait.c */
	int64_t until_us;
	struct pool *pool;
	MYSQL *my;            /* NULL: not connected */
	bool down;            /* the last attempt to connect failed */
	int64_t down_until_us; /* and is not repeated before */
	struct db_prep *slots[DB_STMT_SLOTS]; /* open addressing by the db_stmt's address */
	unsigned prepared;
	struct db_prep *open; /* its result is not read to the end */
	bool in_tx;
	bool lost;            /* the connection of this transaction is gone */
	enum db_status doom;  /* DB_OK: this transaction may commit */
	unsigned code;        /* error number of the last failure */
	uint64_t affected, insert_id;
	int64_t waited_us;
	char conflict_key[DB_KEY_MAX];
	char error[160];
};

/* -- db.c -- */

/* Connects when there is no connection; never inside a transaction. */
NODISCARD enum db_status db_connect(struct db *db);
/* Ends the connection, and with it the transaction and all prepared statements. */
void db_close(struct db *db);
/* Judges a failure of the server or the client library: remembers, counts and logs it,
 * dooms the transaction, and closes a connection that is no longer usable. name: the
 * statement's. */
NODISCARD enum db_status db_failed(struct db *db, const char *name, unsigned code,
				   const char *text);
/* Drops what is left of an open result. */
void db_drain(struct db *db);

/* -- db_wait.c: as the functions of the library, but no longer than until_us -- */

NODISCARD bool db_wait_connect(struct db *db, MYSQL *my, const char *password);
NODISCARD int db_wait_query(struct db *db, const char *sql);
NODISCARD int db_wait_prepare(struct db *db, MYSQL_STMT *stmt, const char *sql);
NODISCARD int db_wait_execute(struct db *db, MYSQL_STMT *stmt);
NODISCARD int db_wait_fetch(struct db *db, MYSQL_STMT *stmt);
void db_wait_free_result(struct db *db, MYSQL_STMT *stmt);

/* -- db_stmt.c: failures went through db_failed already -- */

NODISCARD enum db_status db_prep_get(struct db *db, const struct db_stmt *stmt,
				     struct db_prep **prep_r);
/* rows 0: with these arguments; else once for each of so many rows of them. */
NODISCARD enum db_status db_prep_execute(struct db *db, struct db_prep *prep,
					 const struct db_val *args, unsigned rows);
/* DB_NONE at the end of the rows. */
NODISCARD enum db_status db_prep_fetch(struct db *db, struct db_prep *prep,
				       const struct db_val **row_r);
void db_prep_drop_rows(struct db *db, struct db_prep *prep);
/* Forgets all statements; the connection is closed already. */
void db_prep_free_all(struct db *db);

#endif
