/* log: what a line looks like, and that no value can break out of it. */
#include "compat.h"
#include "clock.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <cmocka.h>

static int real_stderr;
static int pipe_ends[2];
static char got[8192];

static int capture(void **state)
{
	(void)state;
	real_stderr = dup(STDERR_FILENO);
	return pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC) != 0 ||
	       dup2(pipe_ends[1], STDERR_FILENO) < 0;
}

static int restore(void **state)
{
	(void)state;
	log_context(NULL, 0);
	clock_set_test(0);
	(void)dup2(real_stderr, STDERR_FILENO);
	(void)close(real_stderr);
	(void)close(pipe_ends[0]);
	(void)close(pipe_ends[1]);
	return 0;
}

/* What arrived since the last call; "" when nothing did. */
static const char *written(void)
{
	ssize_t n = read(pipe_ends[0], got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = '\0';
	return got;
}

static void a_line_carries_head_context_and_fields(void **state)
{
	char expected[512];

	(void)state;
	log_init("carts", LOG_INFO);
	clock_set_test(INT64_C(1795168800123456));
	log_context("req-1", 42);
	log_warn("db.lost", LOG_STR("error", "gone"), LOG_INT("code", -2013));
	(void)snprintf(expected, sizeof(expected),
		       "{\"ts\":\"2026-11-20T10:00:00.123456Z\",\"level\":\"warn\","
		       "\"service\":\"carts\",\"pid\":%d,\"event\":\"db.lost\","
		       "\"request_id\":\"req-1\",\"user_id\":42,\"error\":\"gone\","
		       "\"code\":-2013}\n",
		       (int)getpid());
	assert_string_equal(written(), expected);
	log_context(NULL, 0);
	log_error("plain");
	assert_null(strstr(written(), "request_id"));
	assert_null(strstr(got, "user_id"));
	assert_non_null(strstr(got, "\"event\":\"plain\"}\n"));
}

static void lines_below_the_level_are_not_written(void **state)
{
	(void)state;
	log_init("carts", LOG_WARN);
	log_debug("a");
	log_info("b");
	assert_string_equal(written(), "");
	log_error("c");
	assert_non_null(strstr(written(), "\"level\":\"error\""));
	log_init("carts", LOG_DEBUG);
	log_debug("d");
	assert_non_null(strstr(written(), "\"level\":\"debug\""));
}

static void strings_cannot_break_out(void **state)
{
	static const struct {
		const char *value;
		const char *json;
	} cases[] = {
		{ "a\"b\\c", "\"v\":\"a\\\"b\\\\c\"}\n" },
		{ "\r\n\t\x01\x1f\x7f",
		  "\"v\":\"\\u000d\\u000a\\u0009\\u0001\\u001f\\u007f\"}\n" },
		{ "\"}\n{\"x\":\"", "\"v\":\"\\\"}\\u000a{\\\"x\\\":\\\"\"}\n" },
		{ "\xc3\xa9\xf0\x9f\x9b\x92", "\"v\":\"\xc3\xa9\xf0\x9f\x9b\x92\"}\n" },
		{ "a\xff" "b\xc3", "\"v\":\"a\xef\xbf\xbd" "b\xef\xbf\xbd\"}\n" },
		{ "\xed\xa0\x80", "\"v\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}\n" },
		{ "", "\"v\":\"\"}\n" },
		{ NULL, "\"v\":\"\"}\n" },
	};
	size_t i;

	(void)state;
	log_init("carts", LOG_INFO);
	for (i = 0; i < COUNT(cases); i++) {
		log_info("e", LOG_STR("v", cases[i].value));
		if (!strstr(written(), cases[i].json))
			fail_msg("%s", got);
	}
}

static void a_long_line_is_cut_and_says_so(void **state)
{
	static const char tail[] = "\",\"truncated\":true}\n";
	static char value[5000];
	size_t n, len;

	(void)state;
	log_init("carts", LOG_INFO);
	for (n = 3500; n < sizeof(value); n++) {
		memset(value, n % 2 ? 'a' : '\x01', n);
		value[n] = '\0';
		log_info("e", LOG_STR("v", value), LOG_INT("after", 1));
		len = strlen(written());
		assert_in_range(len, 3500, 4096);
		assert_int_equal(got[len - 1], '\n');
		if (strstr(got, "\"after\":1}\n"))
			continue;
		assert_non_null(strstr(got, "\"truncated\":true}\n"));
		if (!strstr(got, "a\",\"truncated") &&
		    !strstr(got, "\\u0001\",\"truncated"))
			fail_msg("%s", got + len - 60);
	}
	assert_string_equal(got + len - strlen(tail), tail);
}

static void a_line_of_many_fields_is_cut_between_them(void **state)
{
	struct log_field fields[2000] = { { 0 } };
	size_t i;

	(void)state;
	log_init("carts", LOG_INFO);
	for (i = 0; i + 1 < COUNT(fields); i++)
		fields[i] = (struct log_field)LOG_INT("number", i);
	log_write(LOG_INFO, "e", fields);
	assert_in_range(strlen(written()), 4000, 4096);
	assert_non_null(strstr(got, ",\"truncated\":true}\n"));
}

static void dropped_lines_are_counted_in_the_next_one(void **state)
{
	int null;

	(void)state;
	log_init("carts", LOG_INFO);
	null = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(null >= 0);
	(void)dup2(null, STDERR_FILENO);
	(void)close(null);
	errno = EDOM;
	log_info("lost");
	log_info("lost");
	assert_int_equal(errno, EDOM);
	(void)dup2(pipe_ends[1], STDERR_FILENO);
	log_info("e");
	assert_non_null(strstr(written(), "\"dropped\":2}\n"));
	log_info("e");
	assert_null(strstr(written(), "dropped"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, capture, restore)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_carries_head_context_and_fields),
		TEST(lines_below_the_level_are_not_written),
		TEST(strings_cannot_break_out),
		TEST(a_long_line_is_cut_and_says_so),
		TEST(a_line_of_many_fields_is_cut_between_them),
		TEST(dropped_lines_are_counted_in_the_next_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
