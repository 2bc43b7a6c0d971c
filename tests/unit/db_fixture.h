/*
 * db_fixture.h - a MariaDB server of its own for a test program: empty, on a unix socket in a
 * temporary folder, with the database and the account of the service auth as sql/apply makes
 * them. Ends the program with 77 when MariaDB is not installed, with 1 on other failures.
 */
#ifndef HALLE_DB_FIXTURE_H
#define HALLE_DB_FIXTURE_H

#include "cfg.h"

int fixture_up(void **state);   /* cmocka group set-up */
int fixture_down(void **state); /* cmocka group tear-down */

/* Makes the database and the account of another service too; its password is in the file
 * SERVICE.pw of the folder. */
void fixture_apply(const char *service);

const struct cfg *fixture_cfg(void);
const char *fixture_dir(void);
/* A file of the configuration with these further lines; the caller frees it. */
struct cfg *fixture_cfg_with(const char *lines);

/* Statements as root, separated by semicolons. */
void fixture_sql(const char *sql);
/* First column of the first row as text in a static buffer, "" when there is none. */
const char *fixture_ask(const char *sql);

void fixture_server_start(void);
void fixture_server_stop(void);
void fixture_server_signal(int signal);

#endif
