/* db_fixture.c - a MariaDB server for the tests of one program. */
#include "compat.h"

#include <glob.h>
#include <mysql.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "banned.h"
#include "db_fixture.h"

static char dir[64];
static struct cfg *cfg;

NORETURN static void die(const char *what, const char *detail)
{
	fprintf(stderr, "db_fixture: %s: %s\n", what, detail);
	exit(1);
}

static int run(const char *const *argv)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		die("cannot run", argv[0]);
	return WEXITSTATUS(status);
}

static void server(const char *verb)
{
	const char *argv[] = { "/bin/sh", TEST_SRCDIR "/tests/unit/mariadb.sh", verb, dir, NULL };
	int status = run(argv);

	if (status == 77)
		exit(77);
	if (status != 0)
		die("mariadb.sh failed", verb);
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0 || chmod(path, 0600) != 0)
		die("cannot write", path);
}

struct cfg *fixture_cfg_with(const char *lines)
{
	struct sbuf text, error;
	struct cfg *made;
	char path[128];

	sbuf_init(&text, 4096);
	sbuf_init(&error, 1024);
	sbuf_printf(&text, "db_socket = %s/socket\n%s", dir, lines);
	write_file("halle.conf", sbuf_str(&text));
	snprintf(path, sizeof(path), "%s/halle.conf", dir);
	made = cfg_load(path, "auth", &error);
	if (!made)
		die("configuration", sbuf_str(&error));
	sbuf_free(&text);
	sbuf_free(&error);
	return made;
}

void fixture_apply(const char *service)
{
	char socket[80], file[40];
	const char *argv[] = { "/bin/bash", TEST_SRCDIR "/sql/apply", "--user", "root",
			       "--only", service, "--password-dir", dir, "--socket", socket, NULL };

	snprintf(file, sizeof(file), "%s.pw", service);
	write_file(file, "p'a\"s $s\\w%d\n");
	snprintf(socket, sizeof(socket), "%s/socket", dir);
	if (run(argv) != 0)
		die("sql/apply", "failed");
}

int fixture_up(void **state UNUSED)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/halle.XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	if (!mkdtemp(dir))
		die("mkdtemp", dir);
	unsetenv("CREDENTIALS_DIRECTORY");
	server("init");
	server("start");
	fixture_apply("auth");
	cfg = fixture_cfg_with("db_password_file = auth.pw\n");
	return 0;
}

int fixture_down(void **state UNUSED)
{
	const char *argv[] = { "/bin/rm", "-rf", dir, NULL };

	server("stop");
	cfg_free(&cfg);
	return run(argv);
}

const struct cfg *fixture_cfg(void)
{
	return cfg;
}

const char *fixture_dir(void)
{
	return dir;
}

static MYSQL *root(void)
{
	char socket[80];
	unsigned seconds = 10;
	MYSQL *my = mysql_init(NULL);

	mysql_optionsv(my, MYSQL_OPT_READ_TIMEOUT, &seconds);
	snprintf(socket, sizeof(socket), "%s/socket", dir);
	if (!mysql_real_connect(my, NULL, "root", NULL, "halle_auth", 0, socket,
				       CLIENT_MULTI_STATEMENTS))
		die("root cannot connect", mysql_error(my));
	return my;
}

const char *fixture_ask(const char *sql)
{
	static _Thread_local char answer[256];
	MYSQL *my = root();
	MYSQL_RES *res;
	MYSQL_ROW row;
	int more;

	answer[0] = '\0';
	if (mysql_real_query(my, sql, strlen(sql)))
		die(sql, mysql_error(my));
	do {
		res = mysql_store_result(my);
		row = res ? mysql_fetch_row(res) : NULL;
		if (row)
			snprintf(answer, sizeof(answer), "%s", row[0] ? row[0] : "NULL");
		mysql_free_result(res);
		more = mysql_next_result(my);
	} while (more == 0);
	if (more > 0)
		die(sql, mysql_error(my));
	mysql_close(my);
	return answer;
}

void fixture_sql(const char *sql)
{
	fixture_ask(sql);
}

void fixture_server_start(void)
{
	server("start");
}

void fixture_server_stop(void)
{
	server("stop");
}

/* Its threads stop one by one after the call. */
static bool stopped(long pid)
{
	char pattern[64];
	glob_t tasks;
	bool all = true;

	snprintf(pattern, sizeof(pattern), "/proc/%ld/task/*/stat", pid);
	if (glob(pattern, 0, NULL, &tasks) != 0)
		die("cannot see the server's threads", pattern);
	for (size_t i = 0; i < tasks.gl_pathc; i++) {
		FILE *f = fopen(tasks.gl_pathv[i], "r");
		char text[64] = "";
		const char *state;

		if (f && fgets(text, sizeof(text), f) && (state = strchr(text, ')')))
			all &= state[2] == 'T';
		if (f)
			fclose(f);
	}
	globfree(&tasks);
	return all;
}

void fixture_server_signal(int signal)
{
	char path[80], text[32] = "";
	FILE *f;
	long pid;

	snprintf(path, sizeof(path), "%s/pid", dir);
	f = fopen(path, "r");
	if (!f || !fgets(text, sizeof(text), f) || (pid = strtol(text, NULL, 10)) <= 1 ||
	    kill((pid_t)pid, signal))
		die("cannot signal the server", path);
	fclose(f);
	while (signal == SIGSTOP && !stopped(pid))
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}
