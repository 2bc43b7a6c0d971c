/* cfg: what a configuration file may say, and the sentence for what it may not. */
#include "compat.h"
#include "cfg.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <cmocka.h>

static char folder[64];
static char path[128];
static struct sbuf error;

static int make_folder(void **state)
{
	(void)state;
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	sbuf_init(&error, 4096);
	(void)snprintf(folder, sizeof(folder), "/tmp/halle-cfg-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static const char *file(const char *name)
{
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int remove_folder(void **state)
{
	(void)state;
	sbuf_free(&error);
	(void)unlink(file("halle.conf"));
	(void)unlink(file("jwt.keys"));
	return rmdir(folder);
}

static void put(const char *name, const void *bytes, size_t len, mode_t mode)
{
	int fd = open(file(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, bytes, len), len);
	(void)close(fd);
}

static struct cfg *load(const char *text, const char *service)
{
	put("halle.conf", text, strlen(text), 0644);
	sbuf_reset(&error);
	return cfg_load(file("halle.conf"), service, &error);
}

static void without_a_file_defaults_hold(void **state)
{
	struct cfg *cfg = cfg_load(NULL, "carts", &error);

	(void)state;
	assert_non_null(cfg);
	assert_int_equal(cfg_int(cfg, CFG_THREADS), 8);
	assert_int_equal(cfg_int(cfg, CFG_FACTS_MS), 1000);
	assert_string_equal(cfg_str(cfg, CFG_LOG_LEVEL), "info");
	assert_string_equal(cfg_str(cfg, CFG_DB_NAME), "halle_carts");
	assert_string_equal(cfg_str(cfg, CFG_DB_USER), "halle-carts");
	assert_string_equal(cfg_str(cfg, CFG_JWT_KEYS), HALLE_SYSCONFDIR "/jwt.keys");
	assert_string_equal(cfg_str(cfg, CFG_DB_PASSWORD), "");
	cfg_free(&cfg);
	assert_null(cfg);
	cfg_free(&cfg);
}

static void lines_set_keys_and_comments_do_not(void **state)
{
	struct cfg *cfg = load("# threads = 1\n"
			       "\n"
			       "\tthreads=16   # per process\r\n"
			       "  public_origin =  https://shop.example:8443  \n"
			       "token_issuer = a#b = c\n"
			       "mirror_user =\n"
			       "log_level = debug", "auth");

	(void)state;
	assert_non_null(cfg);
	assert_int_equal(cfg_int(cfg, CFG_THREADS), 16);
	assert_string_equal(cfg_str(cfg, CFG_PUBLIC_ORIGIN), "https://shop.example:8443");
	assert_string_equal(cfg_str(cfg, CFG_TOKEN_ISSUER), "a#b = c");
	assert_string_equal(cfg_str(cfg, CFG_MIRROR_USER), "");
	assert_string_equal(cfg_str(cfg, CFG_LOG_LEVEL), "debug");
	cfg_free(&cfg);
}

static void a_service_s_own_line_wins_wherever_it_stands(void **state)
{
	static const char text[] = "carts.threads = 3\nthreads = 5\nauth.threads = 7\n";
	static const struct {
		const char *service;
		int64_t threads;
	} cases[] = { { "carts", 3 }, { "auth", 7 }, { "users", 5 } };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct cfg *cfg = load(text, cases[i].service);

		assert_non_null(cfg);
		assert_int_equal(cfg_int(cfg, CFG_THREADS), cases[i].threads);
		cfg_free(&cfg);
	}
}

static void relative_paths_start_at_the_file_s_folder(void **state)
{
	struct cfg *cfg = load("journal = failed.log\n"
			       "db_socket =\n"
			       "metrics_dir = /run/%s\n"
			       "db_name = %s_x_%s%d\n", "carts");
	char expected[128];

	(void)state;
	assert_non_null(cfg);
	(void)snprintf(expected, sizeof(expected), "%s/failed.log", folder);
	assert_string_equal(cfg_str(cfg, CFG_JOURNAL), expected);
	(void)snprintf(expected, sizeof(expected), "%s/jwt.keys", folder);
	assert_string_equal(cfg_str(cfg, CFG_JWT_KEYS), expected);
	assert_string_equal(cfg_str(cfg, CFG_DB_SOCKET), "");
	assert_string_equal(cfg_str(cfg, CFG_METRICS_DIR), "/run/%s");
	assert_string_equal(cfg_str(cfg, CFG_DB_NAME), "carts_x_carts%d");
	cfg_free(&cfg);
	assert_int_equal(chdir(folder), 0);
	cfg = cfg_load("halle.conf", "carts", &error);
	assert_non_null(cfg);
	assert_string_equal(cfg_str(cfg, CFG_JWT_KEYS), expected);
	cfg_free(&cfg);
	cfg = cfg_load("./halle.conf", "carts", &error);
	assert_non_null(cfg);
	(void)snprintf(expected, sizeof(expected), "%s/./jwt.keys", folder);
	assert_string_equal(cfg_str(cfg, CFG_JWT_KEYS), expected);
	cfg_free(&cfg);
	assert_int_equal(chdir("/"), 0);
}

static void relative_secrets_start_at_the_credentials_folder(void **state)
{
	struct cfg *cfg;

	(void)state;
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x", 1), 0);
	cfg = load("journal = j.log\nservice_keys_file = /etc/k\n", "carts");
	assert_non_null(cfg);
	assert_string_equal(cfg_str(cfg, CFG_JWT_KEYS), "/run/credentials/x/jwt.keys");
	assert_string_equal(cfg_str(cfg, CFG_SERVICE_KEYS), "/etc/k");
	assert_string_equal(cfg_str(cfg, CFG_JOURNAL), file("j.log"));
	cfg_free(&cfg);
}

static void mistakes_are_named_with_file_and_line(void **state)
{
	static const struct {
		const char *text;
		const char *sentence;
	} cases[] = {
		{ "\nthread = 8\n", ":2: unknown key \"thread\"; known are threads " },
		{ "shop.threads = 8\n", ":1: unknown service \"shop\"; known are auth " },
		{ "carts.thread = 8\n", ":1: unknown key \"thread\"" },
		{ ".threads = 8\n", ":1: unknown service \"\"" },
		{ "= 8\n", ":1: unknown key \"\"" },
		{ "threads\n", ":1: expected \"key = value\"" },
		{ "threads 8\n", ":1: expected" },
		{ "threads = 8\n\nthreads = 8\n", ":3: threads was set at line 1" },
		{ "auth.threads = 8\nauth.threads = 9\n", ":2: threads was set" },
		{ "threads = 0\n", ":1: threads must be an integer from 1 to 256" },
		{ "threads = 257\n", ":1: threads must be" },
		{ "threads = 99999999999999999999\n", ":1: threads must be" },
		{ "threads = 8x\n", ":1: threads must be" },
		{ "threads = 8#x\n", ":1: threads must be" },
		{ "threads = 08\n", ":1: threads must be" },
		{ "threads = -1\n", ":1: threads must be" },
		{ "threads = 1.0\n", ":1: threads must be" },
		{ "threads =\n", ":1: threads must be" },
		{ "auth.threads = 0\n", ":1: threads must be" },
		{ "log_level = INFO\n", ":1: log_level must be debug, info, warn or er" },
		{ "log_level =\n", ":1: log_level must be" },
		{ "mirror_store = mongodb\n", ":1: mirror_store must be redis or mariadb" },
		{ "mirror_store = maria\n", ":1: mirror_store must be redis or mariadb" },
		{ "mirror_mode = loose\n", ":1: mirror_mode must be strict or degraded" },
		{ "threads = \xff\n", "is not a text file in UTF-8" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct cfg *cfg = load(cases[i].text, "carts");

		assert_null(cfg);
		if (!strstr(sbuf_str(&error), cases[i].sentence))
			fail_msg("%s", sbuf_str(&error));
		assert_non_null(strstr(sbuf_str(&error), "halle.conf"));
	}
}

static void unreadable_files_are_refused(void **state)
{
	static char large[70000];

	(void)state;
	assert_null(cfg_load(file("absent.conf"), "carts", &error));
	assert_non_null(strstr(sbuf_str(&error), "absent.conf: No such file"));
	sbuf_reset(&error);
	assert_null(cfg_load(folder, "carts", &error));
	assert_non_null(strstr(sbuf_str(&error), "not a regular file"));
	memset(large, '\n', sizeof(large) - 1);
	assert_null(load(large, "carts"));
	assert_non_null(strstr(sbuf_str(&error), "too large"));
	put("halle.conf", "threads = 8\0", 12, 0644);
	sbuf_reset(&error);
	assert_null(cfg_load(file("halle.conf"), "carts", &error));
	assert_non_null(strstr(sbuf_str(&error), "not a text file"));
}

static void secrets_are_read_without_their_final_newline(void **state)
{
	static const struct {
		const char *bytes;
		const char *secret;
	} cases[] = {
		{ "k1 00ff\n", "k1 00ff" },
		{ "s3cret", "s3cret" },
		{ "a\nb\r\n", "a\nb" },
		{ "a\n\n", "a\n" },
	};
	struct cfg *cfg = load("", "carts");
	struct sbuf secret;
	size_t i;

	(void)state;
	assert_non_null(cfg);
	sbuf_init(&secret, 4096);
	for (i = 0; i < COUNT(cases); i++) {
		put("jwt.keys", cases[i].bytes, strlen(cases[i].bytes), 0640);
		sbuf_reset(&secret);
		assert_int_equal(cfg_secret(cfg, CFG_JWT_KEYS, &secret, &error), 0);
		assert_string_equal(sbuf_str(&secret), cases[i].secret);
	}
	sbuf_reset(&secret);
	assert_int_equal(cfg_secret(cfg, CFG_DB_PASSWORD, &secret, &error), 1);
	assert_string_equal(sbuf_str(&secret), "");
	assert_string_equal(sbuf_str(&error), "");
	sbuf_free(&secret);
	cfg_free(&cfg);
}

static void unfit_secrets_are_refused(void **state)
{
	static char large[4097];
	static const struct {
		const char *bytes;
		mode_t mode;
		const char *why;
	} cases[] = {
		{ "", 0600, "empty" },
		{ "\n", 0600, "empty" },
		{ "secret", 0604, "others" },
		{ large, 0600, "too large" },
	};
	struct cfg *cfg = load("", "carts");
	struct sbuf secret;
	size_t i;

	(void)state;
	assert_non_null(cfg);
	memset(large, 'x', sizeof(large));
	sbuf_init(&secret, 4096);
	assert_int_equal(cfg_secret(cfg, CFG_JWT_KEYS, &secret, &error), -1);
	assert_non_null(strstr(sbuf_str(&error), "jwt.keys: No such file"));
	for (i = 0; i < COUNT(cases); i++) {
		const char *bytes = cases[i].bytes;
		size_t len = bytes == large ? sizeof(large) : strlen(bytes);

		put("jwt.keys", bytes, len, cases[i].mode);
		sbuf_reset(&error);
		assert_int_equal(cfg_secret(cfg, CFG_JWT_KEYS, &secret, &error), -1);
		if (!strstr(sbuf_str(&error), cases[i].why))
			fail_msg("%s", sbuf_str(&error));
		assert_null(strstr(sbuf_str(&error), "secret"));
	}
	sbuf_free(&secret);
	cfg_free(&cfg);
}

static void a_fifo_does_not_block_the_start(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(file("halle.conf"), 0600), 0);
	assert_null(cfg_load(file("halle.conf"), "carts", &error));
	assert_non_null(strstr(sbuf_str(&error), "not a regular file"));
}

static void a_dump_can_be_read_back_and_holds_no_secret(void **state)
{
	struct cfg *cfg = load("threads = 9\nlog_level = warn\n", "carts");
	struct cfg *again;
	struct sbuf dump;

	(void)state;
	assert_non_null(cfg);
	put("jwt.keys", "k1 c0ffee\n", 10, 0600);
	sbuf_init(&dump, 65536);
	cfg_dump(cfg, &dump);
	assert_non_null(strstr(sbuf_str(&dump), "\nthreads = 9\n"));
	assert_non_null(strstr(sbuf_str(&dump), "/jwt.keys\n"));
	assert_null(strstr(sbuf_str(&dump), "c0ffee"));
	again = load(sbuf_str(&dump), "carts");
	assert_non_null(again);
	assert_int_equal(cfg_int(again, CFG_THREADS), 9);
	assert_string_equal(cfg_str(again, CFG_DB_NAME), "halle_carts");
	cfg_free(&again);
	cfg_free(&cfg);
	sbuf_free(&dump);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_file_defaults_hold),
		TEST(lines_set_keys_and_comments_do_not),
		TEST(a_service_s_own_line_wins_wherever_it_stands),
		TEST(relative_paths_start_at_the_file_s_folder),
		TEST(relative_secrets_start_at_the_credentials_folder),
		TEST(mistakes_are_named_with_file_and_line),
		TEST(unreadable_files_are_refused),
		TEST(secrets_are_read_without_their_final_newline),
		TEST(unfit_secrets_are_refused),
		TEST(a_fifo_does_not_block_the_start),
		TEST(a_dump_can_be_read_back_and_holds_no_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
