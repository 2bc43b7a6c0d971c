/* breaker: its states by a clock of our own, and in many processes on one file. */
#include "compat.h"
#include "breaker.h"
#include "log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#define PROCESSES 8

static char folder[64];
static char path[128];
static int64_t *now; /* shared with children */

static int64_t test_now(void)
{
	return *now;
}

static const struct breaker_limits limits = { .failures = 3, .calls = 20, .percent = 50,
					      .open_ms = 60000, .now_ms = test_now };

static int set_up(void **state)
{
	(void)state;
	log_init("test", LOG_ERROR + 1);
	now = mmap(NULL, sizeof(*now), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	(void)snprintf(folder, sizeof(folder), "/tmp/halle-breaker-XXXXXX");
	if (now == MAP_FAILED || !mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/payments.breaker", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

static struct breaker *fresh(void)
{
	(void)unlink(path);
	*now = 1000000;
	return breaker_open(path, &limits);
}

static void call(struct breaker *b, bool ok)
{
	struct breaker_permit permit;

	assert_true(breaker_enter(b, &permit));
	breaker_leave(b, &permit, ok);
}

static bool passes(struct breaker *b)
{
	struct breaker_permit permit;

	return breaker_enter(b, &permit);
}

static enum breaker_state state_of(struct breaker *b)
{
	struct breaker_view view;

	breaker_look(b, &view);
	return view.state;
}

static void fail_thrice(struct breaker *b)
{
	for (int i = 0; i < 3; i++)
		call(b, false);
	assert_int_equal(state_of(b), BREAKER_OPEN);
}

static void test_three_failures_in_a_row_open_it(void **state)
{
	struct breaker *b = fresh();
	struct breaker_view view;

	(void)state;
	call(b, false);
	call(b, false);
	call(b, true);
	call(b, false);
	call(b, false);
	assert_int_equal(state_of(b), BREAKER_CLOSED);
	call(b, false);
	breaker_look(b, &view);
	assert_int_equal(view.state, BREAKER_OPEN);
	assert_int_equal(view.retry_after_s, 60);
	assert_false(passes(b));
	*now += 59999;
	assert_false(passes(b));
	breaker_look(b, &view);
	assert_int_equal(view.retry_after_s, 1);
	breaker_close(&b);
	assert_null(b);
}

static void test_half_of_twenty_calls_in_ten_seconds_open_it(void **state)
{
	struct breaker *b = fresh();

	(void)state;
	for (int i = 0; i < 9; i++) {
		call(b, true);
		call(b, false);
	}
	call(b, true);
	assert_int_equal(state_of(b), BREAKER_CLOSED);
	call(b, false);
	assert_int_equal(state_of(b), BREAKER_OPEN);
	breaker_close(&b);
}

static void test_what_is_older_than_ten_seconds_is_forgotten(void **state)
{
	struct breaker *b = fresh();

	(void)state;
	for (int i = 0; i < 9; i++) {
		call(b, true);
		call(b, false);
	}
	*now += 10000;
	call(b, true);
	call(b, false);
	assert_int_equal(state_of(b), BREAKER_CLOSED);
	breaker_close(&b);
}

static void test_one_probe_decides(void **state)
{
	struct breaker *b = fresh();
	struct breaker_permit permit;

	(void)state;
	fail_thrice(b);
	*now += 60000;
	assert_int_equal(state_of(b), BREAKER_HALF_OPEN);
	assert_true(breaker_enter(b, &permit));
	assert_false(passes(b));
	breaker_leave(b, &permit, false);
	assert_int_equal(state_of(b), BREAKER_OPEN);
	assert_false(passes(b));
	*now += 60000;
	assert_true(breaker_enter(b, &permit));
	breaker_leave(b, &permit, true);
	assert_int_equal(state_of(b), BREAKER_CLOSED);
	call(b, false);
	call(b, false);
	assert_int_equal(state_of(b), BREAKER_CLOSED);
	breaker_close(&b);
}

static void test_late_news_changes_nothing(void **state)
{
	struct breaker *b = fresh();
	struct breaker_permit slow, probe, second;

	(void)state;
	assert_true(breaker_enter(b, &slow));
	fail_thrice(b);
	breaker_leave(b, &slow, true);
	assert_int_equal(state_of(b), BREAKER_OPEN);
	*now += 60000;
	assert_true(breaker_enter(b, &probe));
	*now += BREAKER_LEASE_MS;
	assert_true(breaker_enter(b, &second));
	breaker_leave(b, &probe, true);
	assert_int_equal(state_of(b), BREAKER_HALF_OPEN);
	breaker_leave(b, &second, false);
	assert_int_equal(state_of(b), BREAKER_OPEN);
	breaker_close(&b);
}

static void test_failures_from_before_count_no_more(void **state)
{
	struct breaker *b = fresh();
	struct breaker_permit old[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(breaker_enter(b, &old[i]));
	fail_thrice(b);
	*now += 60000;
	call(b, true);
	for (int i = 0; i < 3; i++)
		breaker_leave(b, &old[i], false);
	assert_int_equal(state_of(b), BREAKER_CLOSED);
	call(b, false);
	call(b, false);
	assert_int_equal(state_of(b), BREAKER_CLOSED);
	breaker_close(&b);
}

/* The clock of another boot is behind. */
static void test_a_clock_that_went_back_does_not_wedge_it(void **state)
{
	struct breaker *b = fresh();

	(void)state;
	fail_thrice(b);
	*now = 500;
	assert_int_equal(state_of(b), BREAKER_HALF_OPEN);
	call(b, true);
	assert_int_equal(state_of(b), BREAKER_CLOSED);
	for (int i = 0; i < 19; i++)
		call(b, i % 2);
	breaker_close(&b);
}

static void spoil(const char *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	(void)close(fd);
}

static void test_a_bad_file_is_a_closed_breaker(void **state)
{
	static const size_t sizes[] = { 0, 1, 8, 50, 104, 200 };
	char garbage[200];
	struct breaker *b;

	(void)state;
	memset(garbage, 0xa5, sizeof(garbage));
	for (size_t i = 0; i < COUNT(sizes); i++) {
		spoil(garbage, sizes[i]);
		b = breaker_open(path, &limits);
		assert_int_equal(state_of(b), BREAKER_CLOSED);
		fail_thrice(b);
		breaker_close(&b);
		b = breaker_open(path, &limits);
		assert_int_equal(state_of(b), BREAKER_OPEN);
		breaker_close(&b);
	}
}

static void test_without_a_file_it_works_alone(void **state)
{
	struct breaker *b = breaker_open("/nonexistent/payments.breaker", &limits);

	(void)state;
	assert_int_equal(state_of(b), BREAKER_CLOSED);
	fail_thrice(b);
	breaker_close(&b);
}

/* -- several processes ---------------------------------------------------------------- */

/* Runs fn in PROCESSES processes at once; how many said true. */
static int in_processes(bool (*fn)(struct breaker *b))
{
	pid_t pid[PROCESSES];
	int yes = 0, status;

	for (int i = 0; i < PROCESSES; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] == 0) {
			struct breaker *b = breaker_open(path, &limits);

			_exit(fn(b) ? 1 : 0);
		}
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFEXITED(status));
		yes += WEXITSTATUS(status);
	}
	return yes;
}

static bool fail_once(struct breaker *b)
{
	struct breaker_permit permit;

	if (!breaker_enter(b, &permit))
		return false;
	breaker_leave(b, &permit, false);
	return true;
}

static void test_processes_count_together(void **state)
{
	struct breaker *b = fresh();

	(void)state;
	assert_in_range(in_processes(fail_once), 3, PROCESSES);
	assert_int_equal(state_of(b), BREAKER_OPEN);
	assert_int_equal(in_processes(fail_once), 0);
	breaker_close(&b);
}

static void test_processes_make_one_file_together(void **state)
{
	struct breaker *b;

	(void)state;
	(void)unlink(path);
	assert_in_range(in_processes(fail_once), 3, PROCESSES);
	b = breaker_open(path, &limits);
	assert_int_equal(state_of(b), BREAKER_OPEN);
	breaker_close(&b);
}

static void test_one_probe_of_all_processes(void **state)
{
	struct breaker *b = fresh();

	(void)state;
	for (int i = 0; i < 200; i++) {
		fail_thrice(b);
		*now += 60000;
		assert_int_equal(in_processes(passes), 1);
		*now += BREAKER_LEASE_MS;
		call(b, true);
	}
	breaker_close(&b);
}

static void test_a_killed_probe_is_succeeded_when_its_lease_ends(void **state)
{
	struct breaker *b = fresh();
	int status;

	(void)state;
	fail_thrice(b);
	*now += 60000;
	for (int i = 0; i < 200; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			(void)!passes(b);
			(void)kill(getpid(), SIGKILL);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		*now += BREAKER_LEASE_MS - 1;
		assert_false(passes(b));
		*now += 1;
	}
	call(b, true);
	assert_int_equal(state_of(b), BREAKER_CLOSED);
	breaker_close(&b);
}

/* Killed anywhere, without a plan: the file stays usable. */
static void test_processes_killed_anywhere_wedge_nothing(void **state)
{
	struct breaker *b = fresh();
	int status;

	(void)state;
	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();
		struct timespec nap = { .tv_nsec = i * 20000L };

		if (pid == 0) {
			for (unsigned n = 0;; n++) {
				struct breaker_permit permit;

				*now += 1 + n % 500;
				if (breaker_enter(b, &permit))
					breaker_leave(b, &permit, n % 3 == 0);
			}
		}
		nanosleep(&nap, NULL);
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	*now += 120000;
	call(b, true);
	assert_int_equal(state_of(b), BREAKER_CLOSED);
	breaker_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_failures_in_a_row_open_it),
		cmocka_unit_test(test_half_of_twenty_calls_in_ten_seconds_open_it),
		cmocka_unit_test(test_what_is_older_than_ten_seconds_is_forgotten),
		cmocka_unit_test(test_one_probe_decides),
		cmocka_unit_test(test_late_news_changes_nothing),
		cmocka_unit_test(test_failures_from_before_count_no_more),
		cmocka_unit_test(test_a_clock_that_went_back_does_not_wedge_it),
		cmocka_unit_test(test_a_bad_file_is_a_closed_breaker),
		cmocka_unit_test(test_without_a_file_it_works_alone),
		cmocka_unit_test(test_processes_count_together),
		cmocka_unit_test(test_processes_make_one_file_together),
		cmocka_unit_test(test_one_probe_of_all_processes),
		cmocka_unit_test(test_a_killed_probe_is_succeeded_when_its_lease_ends),
		cmocka_unit_test(test_processes_killed_anywhere_wedge_nothing),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
