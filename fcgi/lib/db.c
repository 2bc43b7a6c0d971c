/* db.c - the connection, what its errors mean, and the calls that run a statement. */
#include "compat.h"

#include <errmsg.h>
#include <errno.h>
#include <mysqld_error.h>
#include <pthread.h>
#include <sys/socket.h>

#include "clock.h"
#include "db_priv.h"
#include "log.h"
#include "metrics.h"

#define CONNECT_S    1
#define IO_S         3 /* above max_statement_time, which does not cover COMMIT */
#define COMMON_MIGRATIONS "5" /* sql/common */
#define DOWN_MEMORY_US INT64_C(100000)

/* Not in every version's mysqld_error.h. */
#define CODE_CHECK_FAILED   4025
#define CODE_TOO_SLOW       1969
#define CODE_KILLED         1927
#define CODE_ACCESS_DENIED  1142

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_init(void)
{
	BUG_ON(mysql_library_init(0, NULL, NULL) != 0);
}

static struct db *make(const struct cfg *cfg, const struct db_target *target, bool bounded)
{
	struct db *db = xcalloc(1, sizeof(*db));

	pthread_once(&library_once, library_init);
	db->cfg = cfg;
	db->target = *target;
	db->bounded = bounded;
	return db;
}

struct db *db_new(const struct cfg *cfg)
{
	const struct db_target own = {
		.socket = cfg_str(cfg, CFG_DB_SOCKET), .host = cfg_str(cfg, CFG_DB_HOST),
		.user = cfg_str(cfg, CFG_DB_USER), .name = cfg_str(cfg, CFG_DB_NAME),
		.port = (unsigned)cfg_int(cfg, CFG_DB_PORT), .password = CFG_DB_PASSWORD,
	};

	return make(cfg, &own, false);
}

struct db *db_new_for(const struct cfg *cfg, const struct db_target *target)
{
	return make(cfg, target, true);
}

void db_free(struct db **db)
{
	if (!*db)
		return;
	db_close(*db);
	free(*db);
	*db = NULL;
}

struct pool *db_use_pool(struct db *db, struct pool *pool)
{
	struct pool *before = db->pool;

	db->pool = pool;
	return before;
}

int64_t db_take_us(struct db *db)
{
	int64_t us = db->waited_us;

	db->waited_us = 0;
	return us;
}

uint64_t db_affected(const struct db *db)
{
	return db->affected;
}

enum db_status db_changed(const struct db *db, enum db_status st)
{
	return st == DB_OK && db->affected == 0 ? DB_NONE : st;
}

uint64_t db_insert_id(const struct db *db)
{
	return db->insert_id;
}

const char *db_conflict_key(const struct db *db)
{
	return db->conflict_key;
}

void db_until(struct db *db, int64_t until_us)
{
	BUG_ON(!db->bounded);
	db->until_us = until_us;
}

const char *db_error(const struct db *db)
{
	return db->error;
}

/* -- what errors mean -- */

static enum db_status status_of(unsigned code)
{
	switch (code) {
	case ER_DUP_ENTRY:
	case ER_DUP_ENTRY_WITH_KEY_NAME:
	case ER_NO_REFERENCED_ROW:
	case ER_NO_REFERENCED_ROW_2:
	case ER_ROW_IS_REFERENCED:
	case ER_ROW_IS_REFERENCED_2:
	case CODE_CHECK_FAILED:
		return DB_CONFLICT;
	case ER_LOCK_DEADLOCK:
	case ER_LOCK_WAIT_TIMEOUT:
	case ER_CHECKREAD:
	case ER_NEED_REPREPARE:
		return DB_RETRY;
	case ER_CON_COUNT_ERROR:
	case ER_TOO_MANY_USER_CONNECTIONS:
	case ER_USER_LIMIT_REACHED:
	case ER_MAX_PREPARED_STMT_COUNT_REACHED:
	case ER_UNKNOWN_COM_ERROR: /* Galera: this node is not ready */
	case ER_SERVER_SHUTDOWN:
	case ER_NET_READ_ERROR:
	case ER_NET_READ_INTERRUPTED:
	case ER_NET_ERROR_ON_WRITE:
	case ER_NET_WRITE_INTERRUPTED:
	case ER_DISK_FULL:
	case ER_RECORD_FILE_FULL:
	case ER_OPTION_PREVENTS_STATEMENT: /* read-only */
	case ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION:
	case ER_QUERY_INTERRUPTED:
	case ER_OUT_OF_RESOURCES:
	case CODE_TOO_SLOW:
	case CODE_KILLED:
		return DB_DOWN;
	default:
		return code >= CR_MIN_ERROR && code <= CR_MAX_ERROR ? DB_DOWN : DB_FAIL;
	}
}

/* After these the server or the library has given the connection up. */
static bool is_fatal(unsigned code)
{
	switch (code) {
	case CODE_KILLED:
	case ER_SERVER_SHUTDOWN:
	case ER_NET_PACKET_TOO_LARGE:
	case ER_NET_READ_ERROR:
	case ER_NET_READ_INTERRUPTED:
	case ER_NET_ERROR_ON_WRITE:
	case ER_NET_WRITE_INTERRUPTED:
	case ER_UNKNOWN_STMT_HANDLER:
		return true;
	default:
		return code >= CR_MIN_ERROR && code <= CR_MAX_ERROR;
	}
}

/* "Duplicate entry '…' for key 'username'" or "… CONSTRAINT `stock_ck` …". A client may
 * have put such words into the entry, but the server's own come last. */
static void note_conflict(struct db *db, unsigned code, const char *text)
{
	bool duplicate = code == ER_DUP_ENTRY || code == ER_DUP_ENTRY_WITH_KEY_NAME;
	const char *mark = duplicate ? "for key '" : "CONSTRAINT `", *key = NULL;
	size_t len;

	for (const char *p = text; (p = strstr(p, mark)); p = key) {
		key = p + strlen(mark);
		if (!duplicate)
			break;
	}
	len = key ? strcspn(key, duplicate ? "'" : "`") : 0;
	if (len >= DB_KEY_MAX)
		len = DB_KEY_MAX - 1;
	if (len)
		memcpy(db->conflict_key, key, len);
	db->conflict_key[len] = '\0';
}

static void log_failure(enum db_status st, const char *name, unsigned code,
			const char *text)
{
	enum log_level level = st == DB_RETRY ? LOG_INFO :
			       st == DB_DOWN  ? LOG_WARN : LOG_ERROR;

	metrics_add(M_DB_ERRORS, 1);
	log_at(level, "db.error", LOG_STR("statement", name), LOG_INT("code", code),
	       LOG_STR("error", text));
}

enum db_status db_failed(struct db *db, const char *name, unsigned code, const char *text)
{
	enum db_status st = status_of(code);

	db->code = code;
	snprintf(db->error, sizeof(db->error), "%s: %u: %s", name, code, text);
	if (st == DB_CONFLICT) {
		/* the text holds what a client sent */
		log_debug("db.conflict", LOG_STR("statement", name),
			  LOG_INT("code", code));
		note_conflict(db, code, text);
		return st;
	}
	log_failure(st, name, code, text);
	if (db->in_tx && db->doom == DB_OK)
		db->doom = st;
	if (is_fatal(code))
		db_close(db);
	return st;
}

/* -- the connection -- */

void db_close(struct db *db)
{
	if (!db->my)
		return;
	/* first, so that the statements have no server left to tell that they end */
	mysql_close(db->my);
	db->my = NULL;
	db->open = NULL;
	db_prep_free_all(db);
	db->lost = db->in_tx;
}

static void set_options(MYSQL *my)
{
	static const unsigned connect_s = CONNECT_S, io_s = IO_S, none = 0;
	static const my_bool on = 1, off = 0;

	mysql_optionsv(my, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
	mysql_optionsv(my, MYSQL_OPT_READ_TIMEOUT, &io_s);
	mysql_optionsv(my, MYSQL_OPT_WRITE_TIMEOUT, &io_s);
	/* else a statement in a lost transaction would run alone in a new session */
	mysql_optionsv(my, MYSQL_OPT_RECONNECT, &off);
	mysql_optionsv(my, MYSQL_OPT_LOCAL_INFILE, &none);
	mysql_optionsv(my, MYSQL_REPORT_DATA_TRUNCATION, &on);
	mysql_optionsv(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_optionsv(my, MYSQL_INIT_COMMAND,
		       "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
	/* also for parameters, which collation_connection alone does not reach */
	mysql_optionsv(my, MYSQL_INIT_COMMAND,
		       "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci");
	/* messages in English, because note_conflict reads them */
	mysql_optionsv(my, MYSQL_INIT_COMMAND,
		       "SET SESSION innodb_lock_wait_timeout = 1, max_statement_time = 2, "
		       "idle_write_transaction_timeout = 5, time_zone = '+00:00', "
		       "lc_messages = 'en_US', "
		       "sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,"
		       "NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION'");
}

static MYSQL *dial(struct db *db, const char *password, struct sbuf *error)
{
	MYSQL *my = mysql_init(NULL);

	BUG_ON(!my);
	set_options(my);
	if (db_wait_connect(db, my, password))
		return my;
	sbuf_printf(error, "%u: %s", mysql_errno(my), mysql_error(my));
	mysql_close(my);
	return NULL;
}

/* The password is read each time: it may have been changed. */
static MYSQL *dial_with_password(struct db *db, struct sbuf *error)
{
	struct sbuf password;
	MYSQL *my = NULL;

	sbuf_init(&password, 4096);
	switch (cfg_secret(db->cfg, db->target.password, &password, error)) {
	case 0:
		my = dial(db, sbuf_str(&password), error);
		explicit_bzero(password.data, password.len);
		break;
	case 1:
		my = dial(db, NULL, error);
		break;
	default:
		break;
	}
	sbuf_free(&password);
	return my;
}

/* Logs the change of state, not every attempt. */
static void note_connected(struct db *db, const char *error)
{
	if (!db->my) {
		db->down_until_us = clock_mono_us() + DOWN_MEMORY_US;
		snprintf(db->error, sizeof(db->error), "%s", error);
		metrics_add(M_DB_ERRORS, 1);
		if (!db->down)
			log_warn("db.down", LOG_STR("error", error));
	} else {
		metrics_add(M_DB_CONNECTS, 1);
		if (db->down)
			log_info("db.up");
	}
	db->down = !db->my;
}

enum db_status db_connect(struct db *db)
{
	int64_t start;
	struct sbuf error;

	if (db->my)
		return DB_OK;
	start = clock_mono_us();
	if (db->in_tx || start < db->down_until_us || (db->bounded && start >= db->until_us))
		return DB_DOWN;
	sbuf_init(&error, 1024);
	db->my = dial_with_password(db, &error);
	note_connected(db, sbuf_str(&error));
	sbuf_free(&error);
	db->waited_us += clock_mono_us() - start;
	return db->my ? DB_OK : DB_DOWN;
}

/* Bytes that wait unasked would be taken for the next answer. */
static bool is_usable(MYSQL *my)
{
	char byte;

	return recv(mysql_get_socket(my), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       errno == EAGAIN;
}

enum db_status db_ready(struct db *db)
{
	BUG_ON(db->in_tx);
	db_drain(db);
	if (db->my && !is_usable(db->my))
		db_close(db);
	return db_connect(db);
}

void db_drop(struct db *db)
{
	db_close(db);
}

/* -- running statements -- */

void db_drain(struct db *db)
{
	if (db->open)
		db_prep_drop_rows(db, db->open);
	db->open = NULL;
}

static bool is_read(const struct db_stmt *stmt)
{
	return strncasecmp(stmt->sql, "SELECT", 6) == 0;
}

/* One attempt. *again_r: the connection was lost and nothing can have been changed. */
static enum db_status attempt(struct db *db, const struct db_stmt *stmt,
			      const struct db_val *args, unsigned rows, bool *again_r)
{
	struct db_prep *prep;
	enum db_status st = db_connect(db);
	bool sent = false;

	*again_r = false;
	if (st != DB_OK)
		return st;
	st = db_prep_get(db, stmt, &prep);
	if (st == DB_OK) {
		st = db_prep_execute(db, prep, args, rows);
		/* 2006: the request did not go out whole, so it was not run */
		sent = st != DB_OK && db->code != CR_SERVER_GONE_ERROR;
	}
	if (db->my || db->in_tx)
		return st;
	*again_r = !sent || is_read(stmt);
	if (*again_r || st != DB_DOWN)
		return st;
	metrics_add(M_DB_UNCERTAIN, 1);
	return DB_UNCERTAIN; /* its own transaction: the loss may have met the commit */
}

static enum db_status run(struct db *db, const struct db_stmt *stmt,
			  const struct db_val *args, unsigned rows)
{
	int64_t start = clock_mono_us();
	enum db_status st;
	bool again;

	db_drain(db);
	db->affected = db->insert_id = 0;
	if (db->in_tx && db->doom != DB_OK)
		return db->doom;
	st = attempt(db, stmt, args, rows, &again);
	/* what took long was a time-out: it would be one again */
	if (again && clock_mono_us() - start < CONNECT_S * INT64_C(1000000))
		st = attempt(db, stmt, args, rows, &again);
	db->waited_us += clock_mono_us() - start;
	return st;
}

enum db_status db_exec_vals(struct db *db, const struct db_stmt *stmt,
			    const struct db_val *args)
{
	BUG_ON(*stmt->out);
	return run(db, stmt, args, 0);
}

enum db_status db_exec_rows(struct db *db, const struct db_stmt *stmt,
			    const struct db_val *args, unsigned n)
{
	BUG_ON(*stmt->out || !db->in_tx);
	if (n > 0)
		return run(db, stmt, args, n);
	db->affected = 0;
	return db->doom;
}

enum db_status db_open_vals(struct db *db, const struct db_stmt *stmt,
			    const struct db_val *args)
{
	BUG_ON(!*stmt->out);
	return run(db, stmt, args, 0);
}

enum db_status db_next(struct db *db, const struct db_val **row_r)
{
	int64_t start = clock_mono_us();
	enum db_status st;

	if (!db->open)
		return DB_NONE;
	st = db_prep_fetch(db, db->open, row_r);
	if (st != DB_OK)
		db_drain(db);
	db->waited_us += clock_mono_us() - start;
	return st;
}

enum db_status db_one_vals(struct db *db, const struct db_stmt *stmt,
			   const struct db_val **row_r, const struct db_val *args)
{
	enum db_status st = db_open_vals(db, stmt, args);

	if (st == DB_OK)
		st = db_next(db, row_r);
	db_drain(db);
	return st;
}

enum db_status db_schema_version(struct db *db, uint64_t *version_r)
{
	static const struct db_stmt sql = {
		"schema_version", "SELECT IF(SUM(number < 100) < " COMMON_MIGRATIONS ", 0, MAX(number))"
				  " FROM schema_migration", "", "u"
	};
	const struct db_val *row;
	enum db_status st = db_one(db, &sql, &row);

	if (st == DB_FAIL &&
	    (db->code == ER_NO_SUCH_TABLE || db->code == CODE_ACCESS_DENIED))
		return DB_NONE;
	if (st != DB_OK)
		return st;
	if (row[0].null)
		return DB_NONE;
	*version_r = row[0].u;
	return DB_OK;
}
