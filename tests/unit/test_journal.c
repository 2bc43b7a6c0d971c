/* test_journal.c - failed_cart_requests.log: whole lines, checksums, repair, limits. */
#include "compat.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "journal.h"
#include "json.h"
#include "metrics.h"
#include "pool.h"

static char dir[64], path[96];
static struct pool *pool;
static const unsigned char op_id[16] = { 1, 2, 3 };

static struct journal_entry entry(void)
{
	return (struct journal_entry){
		.request_id = "r1", .op_id = op_id, .crud = "PATCH EDIT",
		.route = "PATCH /cart/items/{product_id}", .user_id = 7, .product_id = 3,
		.quantity = 2, .base_version = 4, .fence = 99, .stage = STAGE_S_PREPARE,
		.outcome = OUTCOME_ROLLED_BACK, .err_code = "DOWN", .err_msg = "no answer",
		.attempt = 1,
	};
}

static char *content(void)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char *text;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	text = pool_alloc(pool, (size_t)st.st_size + 1);
	assert_int_equal(read(fd, text, (size_t)st.st_size), st.st_size);
	close(fd);
	return text;
}

static void put(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Checks one line as a reader would; returns the start of the next one. */
static const char *check_line(const char *line)
{
	const char *end = strchr(line, '\n'), *mark, *reason;
	char want[16];
	size_t offset;

	assert_non_null(end);
	assert_int_equal(json_check(line, (size_t)(end - line), &reason, &offset), 0);
	mark = end - strlen(",\"crc32c\":\"00000000\"}");
	assert_memory_equal(mark, ",\"crc32c\":\"", 11);
	snprintf(want, sizeof(want), "%08" PRIx32, crc32c(line, (size_t)(mark - line)));
	assert_memory_equal(mark + 11, want, 8);
	return end + 1;
}

static void the_checksum_is_castagnoli(void **state UNUSED)
{
	assert_int_equal(crc32c("123456789", 9), 0xe3069283);
	assert_int_equal(crc32c("", 0), 0);
}

static void a_line_tells_everything_and_can_be_checked(void **state UNUSED)
{
	struct journal *j = journal_new(path);
	struct journal_entry e = entry();
	const char *text;

	journal_write(j, &e);
	e.stage = STAGE_P_COMMIT;
	e.outcome = OUTCOME_UNKNOWN;
	journal_write(j, &e);
	text = content();
	assert_non_null(strstr(text, "\"seq\":1,"));
	assert_non_null(strstr(text, "\"op_id\":\"01020300-0000-0000-0000-000000000000\","
				     "\"target\":\"MIRROR_CART\",\"crud\":\"PATCH EDIT\","
				     "\"route\":\"PATCH /cart/items/{product_id}\",\"user_id\":7,"
				     "\"args\":{\"product_id\":3,\"quantity\":2},"
				     "\"base_version\":4,\"new_version\":5,"
				     "\"stage\":\"s_prepare\",\"fence\":99,"
				     "\"outcome\":\"rolled_back\","
				     "\"err\":{\"code\":\"DOWN\",\"msg\":\"no answer\"},"
				     "\"attempt\":1,"));
	text = check_line(text);
	assert_non_null(strstr(text, "\"target\":\"MARIADB_CART\""));
	assert_non_null(strstr(text, "\"outcome\":\"unknown\""));
	assert_string_equal(check_line(text), "");
	journal_free(&j);
}

static void a_rollback_a_key_and_a_repair_are_told(void **state UNUSED)
{
	static const unsigned char fingerprint[32] = { 0xab, 1 };
	struct journal *j = journal_new(path);
	struct journal_entry e = entry();
	const char *text;

	e.product_id = e.quantity = 0;
	e.version = 17;
	e.fingerprint = fingerprint;
	journal_write(j, &e);
	e.stage = STAGE_S_PROMOTE;
	e.outcome = OUTCOME_REPAIRED;
	e.new_version = 9;
	journal_write(j, &e);
	text = content();
	assert_non_null(strstr(text, "\"args\":{\"version\":17},"));
	assert_non_null(strstr(text, "\"fingerprint\":\"ab01000000"));
	text = check_line(text);
	assert_non_null(strstr(text, "\"target\":\"MIRROR_CART\""));
	assert_non_null(strstr(text, "\"base_version\":4,\"new_version\":9,"
				     "\"stage\":\"s_promote\""));
	assert_non_null(strstr(text, "\"outcome\":\"repaired\""));
	assert_string_equal(check_line(text), "");
	journal_free(&j);
}

static void after_reopening_nothing_holds_the_old_file(void **state UNUSED)
{
	struct journal *j = journal_new(path);
	struct journal_entry e = entry();
	struct stat st;
	int next;

	next = dup(STDERR_FILENO);
	close(next);
	journal_reopen(j);
	journal_write(j, &e);
	assert_int_equal(fstat(next, &st), 0);
	journal_reopen(j);
	assert_int_equal(fstat(next, &st), -1);
	journal_write(j, &e);
	assert_string_equal(check_line(check_line(content())), "");
	journal_free(&j);
}

/* The kernel takes some bytes of a line and then no more, as on a full disk. */
static void a_line_that_did_not_fit_is_ended_by_the_next_one(void **state UNUSED)
{
	const struct rlimit small = { 40, RLIM_INFINITY }, all = { RLIM_INFINITY, RLIM_INFINITY };
	struct journal *j = journal_new(path);
	struct journal_entry e = entry();
	uint64_t before = metrics_get(M_JOURNAL_ERRORS);

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	journal_write(j, &e);
	journal_write(j, &e);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_int_equal(metrics_get(M_JOURNAL_ERRORS), before + 2);
	assert_int_equal(strlen(content()), 40);
	journal_write(j, &e);
	assert_int_equal(metrics_get(M_JOURNAL_ERRORS), before + 2);
	assert_int_equal(content()[40], '\n');
	assert_string_equal(check_line(content() + 41), "");
	journal_free(&j);
}

static void what_a_client_sent_cannot_forge_a_line(void **state UNUSED)
{
	struct journal *j = journal_new(path);
	struct journal_entry e = entry();

	e.request_id = "x\"}\n{\"ts\":\"2026\"\x01\xff";
	journal_write(j, &e);
	assert_string_equal(check_line(content()), "");
	journal_free(&j);
}

static void half_a_line_left_by_a_crash_is_ended_first(void **state UNUSED)
{
	struct journal *j = journal_new(path);
	struct journal_entry e = entry();

	put("{\"ts\":\"20");
	journal_write(j, &e);
	journal_write(j, &e);
	assert_memory_equal(content(), "{\"ts\":\"20\n{", 11);
	assert_string_equal(check_line(check_line(content() + 10)), "");
	journal_free(&j);
}

/* The start of the last line. */
static const char *last_line(const char *text)
{
	const char *at = text + strlen(text) - 1;

	while (at > text && at[-1] != '\n')
		at--;
	return at;
}

static void a_file_cut_at_any_byte_is_mended(void **state UNUSED)
{
	struct journal *j = journal_new(path);
	struct journal_entry e = entry();
	const char *whole, *after;

	journal_write(j, &e);
	journal_write(j, &e);
	journal_free(&j);
	whole = content();
	for (size_t n = 0; n <= strlen(whole); n++) {
		put(pool_printf(pool, "%.*s", (int)n, whole));
		j = journal_new(path);
		journal_write(j, &e);
		journal_free(&j);
		after = content();
		assert_memory_equal(after, whole, n);
		assert_string_equal(check_line(last_line(after)), "");
		/* nothing was added but that line, and the end of the one before it */
		assert_in_range(last_line(after) - after, n, n + 1);
	}
}

static void a_file_moved_away_is_made_anew(void **state UNUSED)
{
	struct journal *j = journal_new(path);
	struct journal_entry e = entry();
	char old[128];

	journal_write(j, &e);
	snprintf(old, sizeof(old), "%s.1", path);
	assert_int_equal(rename(path, old), 0);
	journal_write(j, &e);
	assert_string_equal(check_line(content()), "");
	unlink(old);
	journal_free(&j);
}

static void a_full_or_missing_place_is_counted_and_survived(void **state UNUSED)
{
	struct journal *j = journal_new(path), *nowhere = journal_new("/nonexistent/x.log");
	struct journal_entry e = entry();
	uint64_t before = metrics_get(M_JOURNAL_ERRORS);

	put("");
	assert_int_equal(truncate(path, JOURNAL_MAX_BYTES - 10), 0);
	journal_write(j, &e);
	journal_write(nowhere, &e);
	assert_int_equal(metrics_get(M_JOURNAL_ERRORS), before + 2);
	assert_int_equal(truncate(path, 0), 0);
	journal_write(j, &e);
	assert_int_equal(metrics_get(M_JOURNAL_ERRORS), before + 2);
	journal_free(&j);
	journal_free(&nowhere);
}

static void *writer(void *arg)
{
	struct journal_entry e = entry();

	for (int i = 0; i < 50; i++)
		journal_write(arg, &e);
	return NULL;
}

static void lines_of_many_threads_and_processes_stay_whole(void **state UNUSED)
{
	struct journal *j[2] = { journal_new(path), journal_new(path) };
	pthread_t thread[4];
	const char *text;
	int lines = 0;

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, writer, j[i % 2]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	for (text = content(); *text; lines++)
		text = check_line(text);
	assert_int_equal(lines, 200);
	journal_free(&j[0]);
	journal_free(&j[1]);
}

static int set_up(void **state UNUSED)
{
	pool = pool_new();
	snprintf(dir, sizeof(dir), "/tmp/halle-journal-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/failed.log", dir);
	return 0;
}

static int tear_down(void **state UNUSED)
{
	pool_free(&pool);
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_checksum_is_castagnoli),
		TEST(a_line_tells_everything_and_can_be_checked),
		TEST(a_rollback_a_key_and_a_repair_are_told),
		TEST(after_reopening_nothing_holds_the_old_file),
		TEST(a_line_that_did_not_fit_is_ended_by_the_next_one),
		TEST(what_a_client_sent_cannot_forge_a_line),
		TEST(half_a_line_left_by_a_crash_is_ended_first),
		TEST(a_file_cut_at_any_byte_is_mended),
		TEST(a_file_moved_away_is_made_anew),
		TEST(a_full_or_missing_place_is_counted_and_survived),
		TEST(lines_of_many_threads_and_processes_stay_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
