/* db_wait.c - the library's calls that wait for the server: plain, or bounded by until_us.
 * The library's own time-outs are whole seconds and hold for each packet, so the bounded ones
 * are made by its non-blocking calls. */
#include "compat.h"

#include <errno.h>
#include <poll.h>

#include "clock.h"
#include "db_priv.h"

static short events_of(int wanted)
{
	return (short)((wanted & MYSQL_WAIT_READ ? POLLIN : 0) |
		       (wanted & MYSQL_WAIT_WRITE ? POLLOUT : 0) |
		       (wanted & MYSQL_WAIT_EXCEPT ? POLLPRI : 0));
}

/* Which of the wanted MYSQL_WAIT_… happened. After a time-out the library gives up. */
static int await(const struct db *db, MYSQL *my, int wanted)
{
	struct pollfd p = { .fd = mysql_get_socket(my), .events = events_of(wanted) };
	int64_t left_us = db->until_us - clock_mono_us();
	int n = 0;

	while (left_us > 0) {
		n = poll(&p, 1, (int)((left_us + 999) / 1000));
		if (n > 0 || (n < 0 && errno != EINTR))
			break;
		left_us = db->until_us - clock_mono_us();
	}
	/* also after an error or hang-up, which the library is to find */
	return n > 0 ? wanted & ~MYSQL_WAIT_TIMEOUT : MYSQL_WAIT_TIMEOUT;
}

static MYSQL *connect_plainly(const struct db_target *t, MYSQL *my, const char *password)
{
	return mysql_real_connect(my, *t->socket ? NULL : t->host, t->user, password, t->name,
				  t->port, *t->socket ? t->socket : NULL, 0);
}

bool db_wait_connect(struct db *db, MYSQL *my, const char *password)
{
	const struct db_target *t = &db->target;
	MYSQL *done;
	int wanted;

	if (!db->bounded)
		return connect_plainly(t, my, password);
	mysql_optionsv(my, MYSQL_OPT_NONBLOCK, NULL);
	wanted = mysql_real_connect_start(&done, my, *t->socket ? NULL : t->host, t->user, password,
					  t->name, t->port, *t->socket ? t->socket : NULL, 0);
	while (wanted)
		wanted = mysql_real_connect_cont(&done, my, await(db, my, wanted));
	return done;
}

int db_wait_query(struct db *db, const char *sql)
{
	int failed, wanted;

	if (!db->bounded)
		return mysql_real_query(db->my, sql, strlen(sql));
	wanted = mysql_real_query_start(&failed, db->my, sql, strlen(sql));
	while (wanted)
		wanted = mysql_real_query_cont(&failed, db->my, await(db, db->my, wanted));
	return failed;
}

int db_wait_prepare(struct db *db, MYSQL_STMT *stmt, const char *sql)
{
	int failed, wanted;

	if (!db->bounded)
		return mysql_stmt_prepare(stmt, sql, strlen(sql));
	wanted = mysql_stmt_prepare_start(&failed, stmt, sql, strlen(sql));
	while (wanted)
		wanted = mysql_stmt_prepare_cont(&failed, stmt, await(db, db->my, wanted));
	return failed;
}

int db_wait_execute(struct db *db, MYSQL_STMT *stmt)
{
	int failed, wanted;

	if (!db->bounded)
		return mysql_stmt_execute(stmt);
	wanted = mysql_stmt_execute_start(&failed, stmt);
	while (wanted)
		wanted = mysql_stmt_execute_cont(&failed, stmt, await(db, db->my, wanted));
	return failed;
}

int db_wait_fetch(struct db *db, MYSQL_STMT *stmt)
{
	int result, wanted;

	if (!db->bounded)
		return mysql_stmt_fetch(stmt);
	wanted = mysql_stmt_fetch_start(&result, stmt);
	while (wanted)
		wanted = mysql_stmt_fetch_cont(&result, stmt, await(db, db->my, wanted));
	return result;
}

void db_wait_free_result(struct db *db, MYSQL_STMT *stmt)
{
	my_bool failed;
	int wanted;

	if (!db->bounded) {
		mysql_stmt_free_result(stmt);
		return;
	}
	wanted = mysql_stmt_free_result_start(&failed, stmt);
	while (wanted)
		wanted = mysql_stmt_free_result_cont(&failed, stmt, await(db, db->my, wanted));
}
