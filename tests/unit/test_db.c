/* test_db.c - statements, their values and errors, against a real server. */
#include "compat.h"

#include <setjmp.h>

#include <cmocka.h>

#include "clock.h"
#include "db.h"
#include "db_fixture.h"

enum sql {
	ADD, ADD_ID, GET, NAMES, RENAME, ADD_CHILD, DROP, ALL_TYPES, ECHO,
	STRAY, TOO_FEW, TOO_MANY, BROKEN, NUMBERS, SESSION, DATE_SUM, TYPED, COUNT_ALL
};

static const struct db_stmt sql[] = {
	[ADD] = { "add", "INSERT INTO thing (name, small) VALUES (?, ?)", "si", "" },
	[ADD_ID] = { "add_id", "INSERT INTO thing (id, name) VALUES (?, ?)", "us", "" },
	[GET] = { "get", "SELECT id, small FROM thing WHERE name = ?", "s", "ui" },
	[NAMES] = { "names", "SELECT name FROM thing ORDER BY id", "", "s" },
	[RENAME] = { "rename", "UPDATE thing SET name = ? WHERE id = ?", "su", "" },
	[ADD_CHILD] = { "add_child", "INSERT INTO child (thing_id) VALUES (?)", "u", "" },
	[DROP] = { "drop", "DELETE FROM thing WHERE id = ?", "u", "" },
	[ALL_TYPES] = { "all_types", "INSERT INTO sample (u, i, s, b) VALUES (?, ?, ?, ?)",
			"uisb", "" },
	[ECHO] = { "echo", "SELECT u, i, s, b FROM sample ORDER BY n DESC", "", "uisb" },
	[STRAY] = { "stray", "SELECT * FROM no_such_table", "", "u" },
	[TOO_FEW] = { "too_few", "SELECT id FROM thing WHERE id = ? OR id = ?", "u", "u" },
	[TOO_MANY] = { "too_many", "SELECT id, name FROM thing", "", "u" },
	[BROKEN] = { "broken", "SELEC 1", "", "u" },
	[NUMBERS] = { "numbers", "SELECT u, i FROM sample ORDER BY n DESC", "", "iu" },
	[SESSION] = { "session", "SELECT @@tx_isolation, @@innodb_lock_wait_timeout, @@time_zone,"
		      " @@sql_mode, @@character_set_client, CURRENT_USER(), @@max_statement_time + 0",
		      "", "susssss" },
	[DATE_SUM] = { "date_sum", "SELECT CAST('2026-11-20 10:00:00.5' AS DATETIME(6)), SUM(x)"
		       " FROM (SELECT 3 AS x UNION SELECT 9007199254740993) t", "", "su" },
	[TYPED] = { "typed", "SELECT CAST('2026-11-20 10:00:00.123456' AS DATETIME(6)),"
		    " CAST('0000-03-01' AS DATE), CAST(NULL AS DATETIME(6)), X'00ff7A', X'', NULL",
		    "", "tttxxx" },
	[COUNT_ALL] = { "count_all", "SELECT COUNT(*) FROM thing", "", "u" },
};

static struct db *db;
static struct pool *pool;
static const struct db_val *row;

static int up(void **state)
{
	fixture_up(state);
	fixture_sql("CREATE TABLE thing (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,"
		    " name VARCHAR(90) NOT NULL, small TINYINT NOT NULL DEFAULT 0,"
		    " UNIQUE KEY username (name), CONSTRAINT small_ck CHECK (small >= 0));"
		    "CREATE TABLE child (thing_id BIGINT UNSIGNED NOT NULL,"
		    " CONSTRAINT child_thing FOREIGN KEY (thing_id) REFERENCES thing (id));"
		    "CREATE TABLE sample (n BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,"
		    " u BIGINT UNSIGNED, i BIGINT, s LONGTEXT, b LONGBLOB) CHARACTER SET utf8mb4;"
		    "GRANT ALL ON halle_auth.* TO 'halle-auth'@'localhost'");
	return 0;
}

static int each_up(void **state UNUSED)
{
	fixture_sql("DELETE FROM child; DELETE FROM thing; DELETE FROM sample;"
		    "INSERT INTO thing (id, name) VALUES (1, 'one'), (2, 'two'), (3, 'three')");
	pool = pool_new();
	db = db_new(fixture_cfg());
	db_use_pool(db, pool);
	return 0;
}

static int each_down(void **state UNUSED)
{
	db_free(&db);
	pool_free(&pool);
	return 0;
}

static void add_sample(struct db_val u, struct db_val i, struct db_val s, struct db_val b)
{
	assert_int_equal(db_exec(db, &sql[ALL_TYPES], u, i, s, b), DB_OK);
}

static void values_come_back_as_they_went_in(void **state UNUSED)
{
	static const struct {
		uint64_t u;
		int64_t i;
		const char *s, *b;
		size_t b_len;
	} cases[] = {
		{ 0, 0, "", "", 0 },
		{ UINT64_MAX, INT64_MIN, "a", "\0", 1 },
		{ INT64_MAX, INT64_MAX, "Étendoir 🧺 'quoted' \\", "a\0b\xff\xfe", 5 },
		{ 1, -1, "%s; DROP TABLE thing", "\r\n", 2 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		add_sample(db_u(cases[i].u), db_i(cases[i].i), db_s(cases[i].s),
			   db_b(cases[i].b, cases[i].b_len));
		assert_int_equal(db_one(db, &sql[ECHO], &row), DB_OK);
		assert_true(row[0].u == cases[i].u && !row[0].null);
		assert_true(row[1].i == cases[i].i && !row[1].null);
		assert_string_equal(row[2].s, cases[i].s);
		assert_int_equal(row[2].len, strlen(cases[i].s));
		assert_int_equal(row[3].len, cases[i].b_len);
		assert_memory_equal(row[3].s, cases[i].b, cases[i].b_len + 1);
	}
}

static void nulls_stay_nulls_between_values(void **state UNUSED)
{
	struct db_val null_u = { .type = 'u', .null = true };
	struct db_val null_i = { .type = 'i', .null = true };

	for (int round = 0; round < 2; round++) {
		add_sample(null_u, null_i, db_s(NULL), db_b(NULL, 0));
		assert_int_equal(db_one(db, &sql[ECHO], &row), DB_OK);
		for (int i = 0; i < 4; i++)
			assert_true(row[i].null && !row[i].u && !row[i].s && !row[i].len);
		add_sample(db_u(7), db_i(-7), db_s("x"), db_b("y", 1));
		assert_int_equal(db_one(db, &sql[ECHO], &row), DB_OK);
		for (int i = 0; i < 4; i++)
			assert_false(row[i].null);
	}
}

static void many_rows_go_in_at_once(void **state UNUSED)
{
	struct db_val null_u = { .type = 'u', .null = true };
	const struct db_val samples[] = {
		db_u(UINT64_MAX), db_i(INT64_MIN), db_s("Étendoir"), db_b("a\0b", 3),
		null_u,		  db_i(-1),	   db_s(NULL),	     db_b("", 0),
		db_u(2),	  db_i(3),	   db_s(""),	     db_b(NULL, 0),
	};

	assert_int_equal(db_begin(db), DB_OK);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(db_exec_rows(db, &sql[ALL_TYPES], samples, 3), DB_OK);
		assert_int_equal(db_affected(db), 3);
		/* in between, one at a time */
		add_sample(db_u(1), db_i(1), db_s("single"), db_b("x", 1));
	}
	assert_int_equal(db_commit(db), DB_OK);
	assert_int_equal(db_open(db, &sql[ECHO]), DB_OK);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(db_next(db, &row), DB_OK);
		assert_string_equal(row[2].s, "single");
		assert_int_equal(db_next(db, &row), DB_OK);
		assert_true(row[0].u == 2 && row[1].i == 3 && row[2].len == 0 && row[3].null);
		assert_int_equal(db_next(db, &row), DB_OK);
		assert_true(row[0].null && row[1].i == -1 && row[2].null && !row[3].null);
		assert_int_equal(db_next(db, &row), DB_OK);
		assert_true(row[0].u == UINT64_MAX && row[1].i == INT64_MIN);
		assert_string_equal(row[2].s, "Étendoir");
		assert_int_equal(row[3].len, 3);
		assert_memory_equal(row[3].s, "a\0b", 3);
	}
	assert_int_equal(db_next(db, &row), DB_NONE);
}

static void what_many_rows_change_is_counted_and_can_be_undone(void **state UNUSED)
{
	const struct db_val renames[] = { db_s("uno"), db_u(1), db_s("dos"), db_u(99),
					  db_s("tres"), db_u(3) };
	const struct db_val twins[] = { db_s("new"), db_i(0), db_s("one"), db_i(0) };

	assert_int_equal(db_begin(db), DB_OK);
	assert_int_equal(db_exec_rows(db, &sql[RENAME], renames, 3), DB_OK);
	assert_int_equal(db_affected(db), 2);
	assert_int_equal(db_exec_rows(db, &sql[RENAME], renames, 0), DB_OK);
	assert_int_equal(db_affected(db), 0);
	db_rollback(db);
	assert_int_equal(db_begin(db), DB_OK);
	assert_int_equal(db_exec_rows(db, &sql[ADD], twins, 2), DB_CONFLICT);
	assert_string_equal(db_conflict_key(db), "username");
	db_rollback(db);
	assert_int_equal(db_one(db, &sql[GET], &row, db_s("one")), DB_OK);
	assert_int_equal(db_one(db, &sql[GET], &row, db_s("new")), DB_NONE);
}

static void long_text_of_any_length_arrives_whole(void **state UNUSED)
{
	static const size_t lengths[] = { 1, 255, 256, 257, 65535, 65536, 1 << 20, 9 << 20 };
	char *bytes = xmalloc(9 << 20);
	unsigned rows = 0;

	for (size_t i = 0; i < 9 << 20; i++)
		bytes[i] = (char)(i * 31 % 251);
	for (size_t i = 0; i < COUNT(lengths); i++)
		add_sample(db_u(i), db_i(0), db_s("x"), db_b(bytes, lengths[i]));
	assert_int_equal(db_open(db, &sql[ECHO]), DB_OK);
	while (db_next(db, &row) == DB_OK) {
		size_t len = lengths[COUNT(lengths) - 1 - rows++];

		assert_int_equal(row[3].len, len);
		assert_int_equal(memcmp(row[3].s, bytes, len), 0);
		assert_int_equal(row[3].s[len], '\0');
	}
	assert_int_equal(rows, COUNT(lengths));
	free(bytes);
}

static void rows_can_be_left_unread(void **state UNUSED)
{
	for (int round = 0; round < 3; round++) {
		assert_int_equal(db_open(db, &sql[NAMES]), DB_OK);
		assert_int_equal(db_next(db, &row), DB_OK);
		assert_string_equal(row[0].s, "one");
		assert_int_equal(db_one(db, &sql[COUNT_ALL], &row), DB_OK);
		assert_int_equal(row[0].u, 3);
		assert_int_equal(db_next(db, &row), DB_NONE);
	}
	assert_int_equal(db_open(db, &sql[NAMES]), DB_OK);
	assert_int_equal(db_begin(db), DB_OK);
	assert_int_equal(db_open(db, &sql[NAMES]), DB_OK);
	assert_int_equal(db_commit(db), DB_OK);
	assert_int_equal(db_next(db, &row), DB_NONE);
}

static void one_takes_the_first_row_or_none(void **state UNUSED)
{
	assert_int_equal(db_one(db, &sql[NAMES], &row), DB_OK);
	assert_string_equal(row[0].s, "one");
	assert_int_equal(db_one(db, &sql[GET], &row, db_s("nobody")), DB_NONE);
	assert_int_equal(db_one(db, &sql[GET], &row, db_s("two")), DB_OK);
	assert_int_equal(row[0].u, 2);
}

static void changed_rows_and_ids_are_told(void **state UNUSED)
{
	assert_int_equal(db_exec(db, &sql[ADD], db_s("new"), db_i(1)), DB_OK);
	assert_int_equal(db_affected(db), 1);
	assert_true(db_insert_id(db) > 3);
	assert_int_equal(db_exec(db, &sql[RENAME], db_s("nobody"), db_u(99)), DB_OK);
	assert_int_equal(db_affected(db), 0);
}

static void conflicts_name_their_key(void **state UNUSED)
{
	static const char sly[] = "x' for key 'email";

	assert_int_equal(db_exec(db, &sql[ADD], db_s("one"), db_i(0)), DB_CONFLICT);
	assert_string_equal(db_conflict_key(db), "username");
	assert_int_equal(db_exec(db, &sql[ADD], db_s(sly), db_i(0)), DB_OK);
	assert_int_equal(db_exec(db, &sql[ADD], db_s(sly), db_i(0)), DB_CONFLICT);
	assert_string_equal(db_conflict_key(db), "username");
	assert_int_equal(db_exec(db, &sql[ADD_ID], db_u(1), db_s("n")), DB_CONFLICT);
	assert_string_equal(db_conflict_key(db), "PRIMARY");
	assert_int_equal(db_exec(db, &sql[ADD], db_s("n"), db_i(-1)), DB_CONFLICT);
	assert_string_equal(db_conflict_key(db), "small_ck");
	assert_int_equal(db_exec(db, &sql[ADD_CHILD], db_u(99)), DB_CONFLICT);
	assert_string_equal(db_conflict_key(db), "child_thing");
	assert_int_equal(db_exec(db, &sql[ADD_CHILD], db_u(1)), DB_OK);
	assert_int_equal(db_exec(db, &sql[DROP], db_u(1)), DB_CONFLICT);
	assert_string_equal(db_conflict_key(db), "child_thing");
}

static void what_does_not_fit_is_an_error(void **state UNUSED)
{
	char wide[200];

	memset(wide, 'x', sizeof(wide));
	wide[sizeof(wide) - 1] = '\0';
	assert_int_equal(db_exec(db, &sql[ADD], db_s(wide), db_i(0)), DB_FAIL);
	assert_int_equal(db_exec(db, &sql[ADD], db_s("n"), db_i(1000)), DB_FAIL);
	assert_int_equal(db_exec(db, &sql[ADD], db_s("\xff"), db_i(0)), DB_FAIL);
	/* read with the sign turned round */
	add_sample(db_u(UINT64_MAX), db_i(1), db_s(""), db_b("", 0));
	assert_int_equal(db_one(db, &sql[NUMBERS], &row), DB_FAIL);
	add_sample(db_u(1), db_i(-1), db_s(""), db_b("", 0));
	assert_int_equal(db_one(db, &sql[NUMBERS], &row), DB_FAIL);
	add_sample(db_u(1), db_i(1), db_s(""), db_b("", 0));
	assert_int_equal(db_one(db, &sql[NUMBERS], &row), DB_OK);
}

static void our_own_mistakes_fail_and_harm_nothing(void **state UNUSED)
{
	static const enum sql wrong[] = { STRAY, TOO_MANY, BROKEN };

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT(wrong); i++)
			assert_int_equal(db_open(db, &sql[wrong[i]]), DB_FAIL);
		assert_int_equal(db_open(db, &sql[TOO_FEW], db_u(1)), DB_FAIL);
	}
	assert_int_equal(db_one(db, &sql[COUNT_ALL], &row), DB_OK);
}

static void dates_and_sums_read_as_asked(void **state UNUSED)
{
	assert_int_equal(db_one(db, &sql[DATE_SUM], &row), DB_OK);
	assert_string_equal(row[0].s, "2026-11-20 10:00:00.500000");
	assert_true(row[1].u == UINT64_C(9007199254740996));
}

static void instants_and_hashes_are_read_for_us(void **state UNUSED)
{
	assert_int_equal(db_one(db, &sql[TYPED], &row), DB_OK);
	assert_true(row[0].i == INT64_C(1795168800123456));
	assert_true(row[1].i == clock_us(0, 3, 1));
	assert_true(row[2].null);
	assert_string_equal(row[3].s, "00ff7a");
	assert_int_equal(row[3].len, 6);
	assert_string_equal(row[4].s, "");
	assert_true(row[5].null);
}

static void session_has_its_settings(void **state UNUSED)
{
	assert_int_equal(db_one(db, &sql[SESSION], &row), DB_OK);
	assert_string_equal(row[0].s, "READ-COMMITTED");
	assert_int_equal(row[1].u, 1);
	assert_string_equal(row[2].s, "+00:00");
	assert_non_null(strstr(row[3].s, "STRICT_ALL_TABLES"));
	assert_string_equal(row[4].s, "utf8mb4");
	assert_string_equal(row[5].s, "halle-auth@localhost");
	assert_int_equal(strncmp(row[6].s, "2", 1), 0);
}

static void wrong_password_is_down(void **state UNUSED)
{
	struct cfg *cfg = fixture_cfg_with("db_password_file = halle.conf\n");
	struct db *other = db_new(cfg);

	assert_int_equal(db_one(other, &sql[COUNT_ALL], &row), DB_DOWN);
	db_free(&other);
	cfg_free(&cfg);
	cfg = fixture_cfg_with("db_password_file = no-such-file\n");
	other = db_new(cfg);
	assert_int_equal(db_one(other, &sql[COUNT_ALL], &row), DB_DOWN);
	db_free(&other);
	cfg_free(&cfg);
}

static void schema_version_is_the_highest_migration(void **state UNUSED)
{
	uint64_t version = 0;
	uint64_t highest = strtoull(fixture_ask("SELECT MAX(number) FROM schema_migration"), NULL, 10);

	assert_int_equal(db_schema_version(db, &version), DB_OK);
	assert_true(version == highest && version >= 5);
	fixture_sql("CREATE TABLE kept AS SELECT * FROM schema_migration;"
		    "DELETE FROM schema_migration");
	assert_int_equal(db_schema_version(db, &version), DB_NONE);
	fixture_sql("DROP TABLE schema_migration");
	assert_int_equal(db_schema_version(db, &version), DB_NONE);
	fixture_sql("RENAME TABLE kept TO schema_migration");
	assert_int_equal(db_schema_version(db, &version), DB_OK);
	fixture_sql("DELETE FROM schema_migration WHERE number = 5;"
		    "INSERT INTO schema_migration (number, name) VALUES (900, 'of a service')");
	assert_int_equal(db_schema_version(db, &version), DB_OK);
	assert_int_equal(version, 0);
	fixture_sql("UPDATE schema_migration SET number = 5 WHERE number = 900");
	assert_int_equal(db_schema_version(db, &version), DB_OK);
	assert_int_equal(version, highest);
}

static void flush_commits_something(void **state UNUSED)
{
	char before[64];

	assert_int_equal(db_flush(db), DB_OK);
	snprintf(before, sizeof(before), "%s", fixture_ask("SELECT flushed_at FROM log_flush"));
	assert_int_equal(db_flush(db), DB_OK);
	assert_string_not_equal(before, fixture_ask("SELECT flushed_at FROM log_flush"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_up, each_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(values_come_back_as_they_went_in),
		TEST(nulls_stay_nulls_between_values),
		TEST(many_rows_go_in_at_once),
		TEST(what_many_rows_change_is_counted_and_can_be_undone),
		TEST(long_text_of_any_length_arrives_whole),
		TEST(rows_can_be_left_unread),
		TEST(one_takes_the_first_row_or_none),
		TEST(changed_rows_and_ids_are_told),
		TEST(conflicts_name_their_key),
		TEST(what_does_not_fit_is_an_error),
		TEST(our_own_mistakes_fail_and_harm_nothing),
		TEST(dates_and_sums_read_as_asked),
		TEST(instants_and_hashes_are_read_for_us),
		TEST(session_has_its_settings),
		TEST(wrong_password_is_down),
		TEST(schema_version_is_the_highest_migration),
		TEST(flush_commits_something),
	};

	return cmocka_run_group_tests(tests, up, fixture_down);
}
