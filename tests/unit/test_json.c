/* json: the writer. */
#include "compat.h"
#include "json.h"

#include <setjmp.h>
#include <cmocka.h>

static struct sbuf out;
static struct jw w;

static int fresh(void **state)
{
	(void)state;
	sbuf_init(&out, 1 << 20);
	jw_init(&w, &out);
	return 0;
}

static int clear(void **state)
{
	(void)state;
	sbuf_free(&out);
	return 0;
}

static void commas_and_nesting_are_kept_by_the_writer(void **state)
{
	(void)state;
	jw_obj(&w);
	jw_ku64(&w, "id", UINT64_MAX);
	jw_key(&w, "items");
	jw_arr(&w);
	jw_obj(&w);
	jw_kbool(&w, "on", true);
	jw_end_obj(&w);
	jw_obj(&w);
	jw_end_obj(&w);
	jw_arr(&w);
	jw_end_arr(&w);
	jw_null(&w);
	jw_bool(&w, false);
	jw_u64(&w, 1);
	jw_i64(&w, 2);
	jw_end_arr(&w);
	jw_ki64(&w, "delta", INT64_MIN);
	jw_kmoney(&w, "price", 7999);
	jw_key(&w, "cost");
	jw_money(&w, 1200);
	jw_kstr(&w, "none", NULL);
	jw_key(&w, "raw");
	jw_raw(&w, "{\"a\":1}", 7);
	jw_kstr(&w, "s", "x");
	jw_end_obj(&w);
	assert_string_equal(sbuf_str(&out),
			    "{\"id\":18446744073709551615,\"items\":[{\"on\":true},{},[],null,"
			    "false,1,2],\"delta\":-9223372036854775808,\"price\":79.99,"
			    "\"cost\":12,\"none\":null,\"raw\":{\"a\":1},\"s\":\"x\"}");
}

static void strings_are_escaped_and_made_valid_utf8(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *json;
	} cases[] = {
		{ "", 0, "\"\"" },
		{ "plain", 5, "\"plain\"" },
		{ "a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"" },
		{ "\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"" },
		{ "\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\"" },
		{ "\xc3\x89tendoir", 9, "\"\xc3\x89tendoir\"" },
		{ "\xf0\x9f\x8d\x8e", 4, "\"\xf0\x9f\x8d\x8e\"" },
		{ "\xff", 1, "\"\xef\xbf\xbd\"" },
		{ "a\xc3", 2, "\"a\xef\xbf\xbd\"" },
		{ "\xc3(", 2, "\"\xef\xbf\xbd(\"" },
		{ "\xc0\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xf4\x90\x80\x80z", 5,
		  "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		sbuf_reset(&out);
		jw_init(&w, &out);
		jw_strn(&w, cases[i].text, cases[i].len);
		assert_string_equal(sbuf_str(&out), cases[i].json);
	}
}

static void every_single_byte_gives_text_that_json_check_accepts(void **state)
{
	const char *reason;
	size_t offset;

	(void)state;
	for (int c = 1; c < 256; c++) {
		char text[] = { 'a', (char)c, 'b', '\0' };

		sbuf_reset(&out);
		jw_init(&w, &out);
		jw_str(&w, text);
		assert_int_equal(json_check(out.data, out.len, &reason, &offset), 0);
	}
}

static void nesting_to_the_limit_works(void **state)
{
	const char *reason;
	size_t offset;

	(void)state;
	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		jw_arr(&w);
	jw_u64(&w, 1);
	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		jw_end_arr(&w);
	assert_string_equal(sbuf_str(&out), "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]");
	assert_int_equal(json_check(out.data, out.len, &reason, &offset), 0);
}

static void a_full_buffer_is_flagged_and_not_overrun(void **state)
{
	struct sbuf small;
	struct jw tight;

	(void)state;
	sbuf_init(&small, 8);
	jw_init(&tight, &small);
	jw_obj(&tight);
	jw_kstr(&tight, "name", "a long value");
	jw_end_obj(&tight);
	assert_true(small.overflow);
	assert_true(small.len <= 8);
	sbuf_free(&small);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, clear)
	const struct CMUnitTest tests[] = {
		TEST(commas_and_nesting_are_kept_by_the_writer),
		TEST(strings_are_escaped_and_made_valid_utf8),
		TEST(every_single_byte_gives_text_that_json_check_accepts),
		TEST(nesting_to_the_limit_works),
		TEST(a_full_buffer_is_flagged_and_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
