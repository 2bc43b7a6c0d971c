/* mirror_fixture.c - a redis-server and a MariaDB server for the tests of one program. */
#include "compat.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "clock.h"
#include "db_fixture.h"
#include "mirror_fixture.h"

static char dir[64], socket_path[96];
static pid_t redis_pid;

void nap_ms(long ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static void silence(void)
{
	int null = open("/dev/null", O_RDWR);

	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
}

#define run_quietly(...) run_words((const char *const[]){ __VA_ARGS__, NULL })
static int run_words(const char *const *words)
{
	char *argv[16] = { NULL };
	int status;
	pid_t pid;

	for (size_t i = 0; words[i]; i++)
		argv[i] = xstrdup(words[i]);
	pid = fork();
	if (pid == 0) {
		silence();
		execvp(argv[0], argv);
		_exit(127);
	}
	for (size_t i = 0; argv[i]; i++)
		free(argv[i]);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool redis_installed(void)
{
	return run_quietly("redis-server", "--version") == 0;
}

int redis_cli_words(const char *const *words)
{
	const char *argv[16] = { "redis-cli", "-s", socket_path };

	for (size_t i = 3; i < COUNT(argv) - 1 && words[i - 3]; i++)
		argv[i] = words[i - 3];
	return run_words(argv);
}

static void redis_start(void)
{
	redis_pid = fork();
	if (redis_pid == 0) {
		silence();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket_path,
		       "--dir", dir, "--save", "", "--appendonly", "yes", (char *)NULL);
		_exit(127);
	}
	assert_true(redis_pid > 0);
}

static void redis_stop(void)
{
	if (redis_pid <= 0)
		return;
	kill(redis_pid, SIGKILL);
	waitpid(redis_pid, NULL, 0);
	redis_pid = 0;
	unlink(socket_path);
}

static void redis_signal(int how)
{
	kill(redis_pid, how);
}

struct server redis = { .start = redis_start, .stop = redis_stop,
			       .signal = redis_signal };
struct server maria = { .start = fixture_server_start, .stop = fixture_server_stop,
			       .signal = fixture_server_signal };
struct server *server;

struct mirror *fresh(void)
{
	struct mirror *m = mirror_new(server->cfg);

	assert_non_null(m);
	return m;
}

void server_wait(void)
{
	struct mirror *m = fresh();
	int64_t until = clock_mono_us() + 10000000;

	while (mirror_ping(m) != MIRROR_OK && clock_mono_us() < until)
		nap_ms(10);
	assert_int_equal(mirror_ping(m), MIRROR_OK);
	mirror_free(&m);
}

struct mirror_state state(uint64_t version, uint64_t fence, const char *doc)
{
	return (struct mirror_state){ version, fence, doc, doc ? strlen(doc) : 0 };
}

enum mirror_status one(struct mirror *m, enum mirror_verb verb, uint64_t user,
		       struct mirror_state s)
{
	struct mirror_op op = { .verb = verb, .user = user, .state = s };

	if (mirror_run(m, &op, 1) != MIRROR_OK)
		return MIRROR_DOWN;
	return op.result;
}

static struct cfg *redis_cfg(void)
{
	struct sbuf error;
	struct cfg *cfg;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/halle.conf", dir);
	f = fopen(path, "w");
	if (!f)
		return NULL;
	fprintf(f, "mirror_socket = %s\n", socket_path);
	fclose(f);
	sbuf_init(&error, 512);
	cfg = cfg_load(path, "carts", &error);
	sbuf_free(&error);
	return cfg;
}

int redis_up(void **unused UNUSED)
{
	server = &redis;
	snprintf(dir, sizeof(dir), "/tmp/halle-mirror-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(socket_path, sizeof(socket_path), "%s/redis.sock", dir);
	redis.cfg = redis_cfg();
	assert_non_null(redis.cfg);
	redis_start();
	server_wait();
	return 0;
}

int maria_up(void **state)
{
	char lines[256];

	fixture_up(state);
	fixture_apply("mirror");
	snprintf(lines, sizeof(lines), "mirror_store = mariadb\nmirror_user = halle-mirror\n"
		 "mirror_socket = %s/socket\nmirror_password_file = mirror.pw\n", fixture_dir());
	maria.cfg = fixture_cfg_with(lines);
	server = &maria;
	server_wait();
	return 0;
}

int all_down(void **state)
{
	redis_stop();
	cfg_free(&redis.cfg);
	cfg_free(&maria.cfg);
	fixture_down(state);
	return run_quietly("rm", "-rf", "--", dir);
}

