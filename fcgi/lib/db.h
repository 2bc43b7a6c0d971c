/*
 * db.h - MariaDB for one thread: one connection, statements prepared once per connection
 * generation, typed arguments and results, one transaction runner. The only user of mysql.h.
 *
 * A connection is made when first needed and again after it was lost, but never inside a
 * transaction. Session settings: READ COMMITTED, lock wait 1 s, statement time 2 s, strict
 * mode, UTC, utf8mb4. Every wait is bounded: connect 1 s, read and write 3 s; or, where
 * db_until says so, the sum of all waits. A struct db belongs to one thread.
 */
#ifndef HALLE_DB_H
#define HALLE_DB_H

#include "cfg.h"
#include "pool.h"

enum db_status {
	DB_OK,
	DB_NONE,      /* no such row, or no further row */
	DB_CONFLICT,  /* duplicate key (1062), foreign key or CHECK (4025) refused it */
	DB_RETRY,     /* deadlock, lock wait or snapshot conflict; db_tx repeats these */
	DB_UNCERTAIN, /* connection lost while committing (a change outside a transaction
			 commits itself): nobody knows; look it up */
	DB_DOWN,      /* not connected, lost, too slow or read-only; nothing was changed */
	DB_FAIL       /* our bug (wrong SQL, truncation); logged */
};

/* in and out hold one letter per parameter and column, checked against the server when the
 * statement is prepared: u uint64_t, i int64_t, s text, b bytes; columns only: t DATETIME as
 * microseconds since 1970 in i, x bytes as hexadecimal text. Static: known by address. */
struct db_stmt {
	const char *name; /* for logs: "product_by_id" */
	const char *sql;
	const char *in;
	const char *out;
};

struct db_val {
	char type; /* u i s b t x */
	bool null;
	union {
		uint64_t u;
		int64_t i;
	};
	const char *s; /* s, b, x: NUL-terminated on results */
	size_t len;
};

static inline struct db_val db_u(uint64_t v)
{
	return (struct db_val){ .type = 'u', .u = v };
}
static inline struct db_val db_i(int64_t v)
{
	return (struct db_val){ .type = 'i', .i = v };
}
/* NULL is SQL NULL */
static inline struct db_val db_s(const char *s)
{
	return (struct db_val){ .type = 's', .null = !s, .s = s, .len = s ? strlen(s) : 0 };
}
static inline struct db_val db_b(const void *p, size_t len)
{
	return (struct db_val){ .type = 'b', .null = !p, .s = p, .len = len };
}

struct db;

/* A database other than the service's own. */
struct db_target {
	const char *socket, *host; /* socket "": TCP to host and port */
	const char *user, *name;
	unsigned port;
	enum cfg_key password; /* a SECRET */
};

/* Does not connect. cfg, and the strings of target, must outlive it. */
struct db *db_new(const struct cfg *cfg);
struct db *db_new_for(const struct cfg *cfg, const struct db_target *target);
void db_free(struct db **db);

/* Only after db_new_for: no call waits beyond this moment (clock_mono_us). What was not
 * answered by then ends the connection, so that its late answer is never read. */
void db_until(struct db *db, int64_t until_us);
/* Connected, by a connection that the server has not closed meanwhile. Not in a transaction. */
NODISCARD enum db_status db_ready(struct db *db);
/* Ends the connection and what it was doing; the next call makes another one. */
void db_drop(struct db *db);
/* What the last failure was, for logs. */
const char *db_error(const struct db *db);

/* Where result strings live; svc sets the request's pool. Returns the one before. */
struct pool *db_use_pool(struct db *db, struct pool *pool);

/* db_exec(db, &sql[X], db_u(id), db_s(name)): a statement without result rows.
 * db_one: exactly the first row, or DB_NONE; db_open + db_next: many rows.
 * A row's array is valid until the next call on db, its strings as long as the pool. An
 * unread result is dropped by the next call. */
#define db_exec(db, stmt, ...)                                                           \
	db_exec_vals((db), (stmt), (const struct db_val[]){ __VA_ARGS__ __VA_OPT__(,) { 0 } })
#define db_one(db, stmt, row_r, ...)                                                     \
	db_one_vals((db), (stmt), (row_r),                                               \
		    (const struct db_val[]){ __VA_ARGS__ __VA_OPT__(,) { 0 } })
#define db_open(db, stmt, ...)                                                           \
	db_open_vals((db), (stmt), (const struct db_val[]){ __VA_ARGS__ __VA_OPT__(,) { 0 } })

NODISCARD enum db_status db_exec_vals(struct db *db, const struct db_stmt *stmt,
				      const struct db_val *args);
NODISCARD enum db_status db_one_vals(struct db *db, const struct db_stmt *stmt,
				     const struct db_val **row_r, const struct db_val *args);
NODISCARD enum db_status db_open_vals(struct db *db, const struct db_stmt *stmt,
				      const struct db_val *args);
NODISCARD enum db_status db_next(struct db *db, const struct db_val **row_r);

/* In a transaction: a statement once for each of n rows of arguments, which lie one behind the
 * other, in one round trip; without rows, in none. After DB_CONFLICT roll back: the rows
 * before it were done. No subquery in an INSERT: the server (10.11) runs it for the first row
 * only. */
NODISCARD enum db_status db_exec_rows(struct db *db, const struct db_stmt *stmt,
				      const struct db_val *args, unsigned n);

uint64_t db_affected(const struct db *db); /* rows changed by the last db_exec or db_exec_rows */
/* st; but DB_NONE in place of DB_OK when the last db_exec changed no row. */
enum db_status db_changed(const struct db *db, enum db_status st);
uint64_t db_insert_id(const struct db *db);
/* After DB_CONFLICT: name of the violated key as the server tells it ("username"), or "". */
const char *db_conflict_key(const struct db *db);

/* BEGIN, fn, COMMIT. fn returns DB_OK to commit; anything else rolls back and is returned,
 * but DB_RETRY first repeats the whole (deadlock: 3 times, lock wait: once; jitter 5-50 ms).
 * A connection lost before COMMIT was sent is repeated once on a new one. fn may run several
 * times, so it must not act on the world outside the database (the cart mirror is the one
 * exception, see carts). Not nestable. */
NODISCARD enum db_status db_tx(struct db *db, enum db_status (*fn)(struct db *, void *), void *arg);

/* For the mirror protocol, which must act between the steps. A transaction in which a
 * statement ended other than DB_OK, DB_NONE or DB_CONFLICT is doomed: further statements and
 * db_commit answer that status again and change nothing. db_commit ends it in any case. */
NODISCARD enum db_status db_begin(struct db *db);
NODISCARD enum db_status db_commit(struct db *db);
void db_rollback(struct db *db);

/* MariaDB shows a committed change, and gives its locks away, before the change is on disk. When
 * this returns DB_OK, all that was seen before is; never DB_UNCERTAIN. Not in a transaction. */
NODISCARD enum db_status db_flush(struct db *db);
bool db_in_tx(const struct db *db);

/* Time spent waiting for the server since the last call, for Server-Timing. */
int64_t db_take_us(struct db *db);

/* Highest migration applied (table schema_migration), 0 when one of those that all services have
 * in common is missing; DB_NONE when there is none. */
NODISCARD enum db_status db_schema_version(struct db *db, uint64_t *version_r);

#endif
