/* metrics: counts survive processes, unfit files are replaced, the text is Prometheus'. */
#include "compat.h"
#include "log.h"
#include "metrics.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#define BUCKET "halle_request_seconds_bucket{service=\"carts\","

static char folder[64];
static char path[128];

static int make_folder(void **state)
{
	(void)state;
	log_init("test", LOG_ERROR);
	(void)snprintf(folder, sizeof(folder), "/tmp/halle-metrics-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static const char *file(const char *name)
{
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {
		"carts.metrics", "auth.metrics", "old.metrics", "Odd name.metrics",
		"carts.metrics.new",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(names); i++)
		(void)unlink(file(names[i]));
	return rmdir(folder);
}

static void spoil(const char *name, const char *bytes)
{
	int fd = open(file(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
	(void)close(fd);
}

/* Counts in a process of its own, which then dies the hard way. */
static void count_in_child(const char *service, uint64_t n)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (metrics_open(folder, service) != 0)
			_exit(1);
		metrics_add(M_DB_ERRORS, n);
		metrics_observe_us(2500);
		metrics_observe_us(2501);
		metrics_observe_us(9000000);
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void render(struct sbuf *out)
{
	sbuf_init(out, 1 << 20);
	metrics_render(folder, out);
	assert_false(out->overflow);
}

static void assert_shown(const struct sbuf *out, const char *line)
{
	if (!strstr(sbuf_str(out), line))
		fail_msg("missing: %s\n%s", line, sbuf_str(out));
}

static void counting_works_without_a_file(void **state)
{
	uint64_t before = metrics_get(M_STARTS);

	(void)state;
	metrics_add(M_STARTS, 3);
	assert_int_equal(metrics_get(M_STARTS), before + 3);
	assert_int_equal(metrics_open("/nonexistent/folder", "carts"), -1);
	metrics_add(M_STARTS, 1);
	assert_int_equal(metrics_get(M_STARTS), before + 4);
}

static void counts_outlive_killed_processes(void **state)
{
	struct sbuf out;
	struct stat st;

	(void)state;
	count_in_child("carts", 5);
	count_in_child("carts", 7);
	count_in_child("auth", 1);
	assert_int_equal(stat(file("carts.metrics"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(access(file("carts.metrics.new"), F_OK), -1);
	render(&out);
	assert_shown(&out, "# HELP halle_db_errors_total Statements that failed.\n"
			   "# TYPE halle_db_errors_total counter\n"
			   "halle_db_errors_total{service=\"auth\"} 1\n"
			   "halle_db_errors_total{service=\"carts\"} 12\n");
	assert_shown(&out, "halle_requests_total{service=\"carts\",class=\"2xx\"} 0\n");
	assert_shown(&out, "# TYPE halle_request_seconds histogram\n");
	assert_shown(&out, BUCKET "le=\"0.001\"} 0\n"
			   BUCKET "le=\"0.0025\"} 2\n"
			   BUCKET "le=\"0.005\"} 4\n");
	assert_shown(&out, BUCKET "le=\"2.5\"} 4\n"
			   BUCKET "le=\"+Inf\"} 6\n"
			   "halle_request_seconds_sum{service=\"carts\"} 18.010002\n"
			   "halle_request_seconds_count{service=\"carts\"} 6\n");
	sbuf_free(&out);
}

static void a_gauge_holds_what_was_said_last(void **state)
{
	struct sbuf out;

	(void)state;
	metrics_set(M_MIRROR_PENDING, 7);
	metrics_set(M_MIRROR_PENDING, 3);
	assert_int_equal(metrics_get(M_MIRROR_PENDING), 3);
	metrics_set(M_MIRROR_PENDING, 0);
	count_in_child("carts", 1);
	render(&out);
	assert_shown(&out, "# TYPE halle_mirror_pending gauge\n"
			   "halle_mirror_pending{service=\"carts\"} 0\n");
	sbuf_free(&out);
}

static void each_name_is_announced_once(void **state)
{
	const char *at;
	struct sbuf out;
	int types = 0;

	(void)state;
	count_in_child("carts", 1);
	render(&out);
	for (at = sbuf_str(&out); (at = strstr(at, "# TYPE halle_requests_total ")); at++)
		types++;
	assert_int_equal(types, 1);
	sbuf_free(&out);
}

static void files_of_another_layout_are_skipped_and_replaced(void **state)
{
	struct sbuf out;

	(void)state;
	spoil("old.metrics", "something else");
	spoil("Odd name.metrics", "x");
	spoil("carts.metrics", "cut short");
	spoil("carts.metrics.new", "left by a crash");
	count_in_child("carts", 2);
	render(&out);
	assert_shown(&out, "halle_db_errors_total{service=\"carts\"} 2\n");
	assert_null(strstr(sbuf_str(&out), "old"));
	assert_null(strstr(sbuf_str(&out), "Odd"));
	sbuf_free(&out);
}

static void a_symbolic_link_is_not_followed(void **state)
{
	struct stat st;

	(void)state;
	spoil("old.metrics", "precious");
	assert_int_equal(symlink("old.metrics", file("carts.metrics")), 0);
	count_in_child("carts", 2);
	assert_int_equal(lstat(file("carts.metrics"), &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(stat(file("old.metrics"), &st), 0);
	assert_int_equal(st.st_size, strlen("precious"));
}

static void *add_many(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < 10000; i++)
		metrics_add(M_DB_CONNECTS, 1);
	return NULL;
}

static void an_absent_folder_renders_no_samples(void **state)
{
	struct sbuf out;

	(void)state;
	sbuf_init(&out, 1 << 20);
	metrics_render("/nonexistent/folder", &out);
	assert_null(strstr(sbuf_str(&out), "service="));
	sbuf_free(&out);
}

/* The last test: it leaves this process with a file. */
static void processes_that_start_together_share_one_file(void **state)
{
	pthread_t threads[2];
	pid_t children[4];
	uint64_t before = metrics_get(M_DB_CONNECTS);
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(children); i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			if (metrics_open(folder, "carts") != 0)
				_exit(1);
			(void)add_many(NULL);
			_exit(0);
		}
	}
	for (i = 0; i < COUNT(children); i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(metrics_open(folder, "carts"), 0);
	for (i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
	for (i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	/* every child and then this process brought along what was counted before */
	assert_int_equal(metrics_get(M_DB_CONNECTS), 60000 + 5 * before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counting_works_without_a_file),
		TEST(counts_outlive_killed_processes),
		TEST(a_gauge_holds_what_was_said_last),
		TEST(each_name_is_announced_once),
		TEST(files_of_another_layout_are_skipped_and_replaced),
		TEST(a_symbolic_link_is_not_followed),
		TEST(an_absent_folder_renders_no_samples),
		TEST(processes_that_start_together_share_one_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
