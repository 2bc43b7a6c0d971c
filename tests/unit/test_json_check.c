/* json_check: everything that RFC 8259 allows within our limits, and nothing else. */
#include "compat.h"
#include "json.h"

#include <setjmp.h>
#include <cmocka.h>

struct text {
	const char *bytes;
	size_t len;
};
#define T(literal) { literal, sizeof(literal) - 1 }

static size_t offset;
static const char *reason;

/* From a heap copy of the exact size, so that a read past the end is caught. */
static int check(const char *bytes, size_t len)
{
	char *text = xmalloc(len ? len : 1);
	int rc;

	memcpy(text, bytes, len);
	rc = json_check(text, len, &reason, &offset);
	free(text);
	assert_true(offset <= len);
	assert_true(rc == 0 ? reason == NULL : reason != NULL);
	return rc;
}

static void accepts_valid_texts(void **state)
{
	static const struct text cases[] = {
		T("null"), T("true"), T("false"), T("\"\""), T("0"), T("-0"), T("{}"), T("[]"),
		T(" \t\r\n[ 1 , 2 ]\n "), T("{\"a\":{\"b\":[null,true,{}]}}"),
		T("{\"\":0}"), T("{\"a\":1,\"A\":2}"), T("{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}"),
		T("[{\"a\":1},{\"a\":1}]"), T("{\"a\":{\"x\":1},\"x\":2}"),
		T("{\"b\":{\"c\":1,\"a\":1},\"a\":{\"b\":1},\"c\":1}"),
		T("{\"a\":1,\"a\\u0301\":2,\"\xc3\xa1\":3}"),
		T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83c\\udf4E\""),
		T("\"\x7f\""), T("\"\xc2\x80\xdf\xbf\""), T("\"\xe0\xa0\x80\xed\x9f\xbf\""),
		T("\"\xee\x80\x80\xef\xbf\xbf\""), T("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
		T("1.5"), T("-1.5e10"), T("1E+2"), T("1e-2"), T("0e0"), T("0.0"), T("1e307"),
		T("9999999999999999999"), T("-9223372036854775808"), T("12345678901.12345678"),
		T("0.0000000000000000000000000000000001"), T("1e-400"), T("0e999"), T("0.0e99999"),
		T("9.999999999999999999e307"), T("0.00001e312"), T("1e-99999999999999999999999"),
		T("-9999999999999999999e-2"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (check(cases[i].bytes, cases[i].len) != 0)
			fail_msg("%s: %s at %zu", cases[i].bytes, reason, offset);
}

static void refuses_everything_else(void **state)
{
	static const struct text cases[] = {
		/* what json-c 0.16 lets through */
		T("{\"a\":1,\"a\":2}"), T("NaN"), T("-NaN"), T("{'a':1}"), T("\"a\tb\""), T("1."),
		T("1e999"), T("-1e309"), T("\"\xc0\x80\""), T("\"\xed\xa0\x80\""),
		T("{\"a\\u0000b\":1}"), T("18446744073709551616"), T("-9223372036854775809"),
		T("-9999999999999999999"), T("{}\0{}"), T("{\"a\":1}\0"), T("Infinity"),
		T("-Infinity"), T("nan"), T("NULL"), T("True"), T("{} x"), T("{}{}"), T("[1,]"),
		T("{\"a\":1,}"), T("/* x */ 1"), T("1 // x"), T("\xef\xbb\xbf{}"), T("\"\\u0000\""),
		/* structure */
		T(""), T(" "), T("["), T("]"), T("{"), T("}"), T("[}"), T("{]"), T("[1"), T("[1,"),
		T("[1 2]"), T("[,1]"), T("[1,,2]"), T("{\"a\"}"), T("{\"a\":}"), T("{\"a\" 1}"),
		T("{\"a\":1 \"b\":2}"), T("{,}"), T("{1:2}"), T("{a:1}"), T("{null:1}"), T("{\"a\":1"),
		T("{\"a\":"), T("{\"a"), T("\"a"), T("\"a\\"), T("\"a\\\""), T("\"a\\u"), T("\"\\u12"),
		T("1 2"), T("[1]]"), T("\v1"), T("\f1"), T("\xc2\xa0" "1"), T("[\0]"),
		/* words */
		T("nul"), T("tru"), T("fals"), T("nullx"), T("truetrue"), T("undefined"),
		/* numbers */
		T("-"), T("+1"), T(".5"), T("-.5"), T("01"), T("-01"), T("00"), T("1.e1"), T("1e"),
		T("1e+"), T("1e-"), T("1E 2"), T("0x10"), T("1_000"), T("1,5"), T("--1"), T("1.2.3"),
		T("0e"), T("0."), T("- 1"), T("1e1.5"), T("12345678901234567890"),
		T("1.2345678901234567891"), T("1e308"), T("10e307"), T("0.1e309"),
		T("1e99999999999999999999999999"), T("100000000000000000000"),
		/* strings */
		T("\"\\a\""), T("\"\\x41\""), T("\"\\'\""), T("\"\\U0041\""), T("\"\\u004\""),
		T("\"\\u00g0\""), T("\"\\uD800\""), T("\"\\uDC00\""), T("\"\\uD800x\""),
		T("\"\\uD800\\n\""), T("\"\\uD800\\uD800\""), T("\"\\uD800\\u0041\""),
		T("\"\\uDC00\\uD800\""), T("\"\n\""), T("\"\x1f\""), T("\"\0\""), T("'a'"),
		T("\"\x80\""), T("\"\xc1\xbf\""), T("\"\xc3\""), T("\"\xc3(\""), T("\"\xe0\x80\x80\""),
		T("\"\xe2\x82\""), T("\"\xf0\x80\x80\x80\""), T("\"\xf4\x90\x80\x80\""),
		T("\"\xf5\x80\x80\x80\""), T("\"\xfe\""), T("\"\xff\""), T("\xff"), T("\"\xf0\x9f\x8d"),
		/* duplicate after unescaping */
		T("{\"a\":1,\"\\u0061\":2}"), T("{\"\\u0061\":1,\"a\":2}"), T("{\"\":1,\"\":2}"),
		T("{\"\xc3\xa9\":1,\"\\u00E9\":2}"), T("{\"\\uD83C\\uDF4E\":1,\"\xf0\x9f\x8d\x8e\":2}"),
		T("{\"/\":1,\"\\/\":2}"), T("{\"b\":1,\"c\":2,\"a\":3,\"b\":4}"),
		T("{\"a\":{\"x\":1},\"b\":{\"y\":1},\"a\":1}"), T("[{\"z\":{\"q\":1,\"q\":2}}]"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (check(cases[i].bytes, cases[i].len) != -1)
			fail_msg("accepted: %s", cases[i].bytes);
}

static void reason_and_offset_tell_where(void **state)
{
	static const struct {
		const char *text;
		const char *reason;
		size_t offset;
	} cases[] = {
		{ "{\"a\":1,\"a\":2}", "duplicate member name", 8 },
		{ "{\"a\":nul}", "expected a value", 5 },
		{ "[1 2]", "expected ',' or ']'", 3 },
		{ "{} x", "text after the value", 3 },
		{ "\"ab", "unterminated string", 3 },
		{ "\"a\nb\"", "control character in a string", 2 },
		{ "\"\xff\"", "invalid UTF-8", 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(check(cases[i].text, strlen(cases[i].text)), -1);
		assert_string_equal(reason, cases[i].reason);
		assert_int_equal(offset, cases[i].offset);
	}
}

static void depth_is_limited(void **state)
{
	char text[512];

	(void)state;
	for (size_t depth = 15; depth <= 200; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		assert_int_equal(check(text, 2 * depth), depth <= JSON_MAX_DEPTH ? 0 : -1);
	}
	assert_string_equal(reason, "nested too deep");
}

/* An object of n members whose names share a long prefix; every third one is escaped. */
static void build_object(struct sbuf *b, int n, int last)
{
	sbuf_reset(b);
	sbuf_addch(b, '{');
	for (int i = 0; i < n; i++)
		sbuf_printf(b, "%s\"%sommon prefix of all the names %d\":%d", i ? "," : "",
			    i % 3 ? "c" : "\\u0063", i + 1 == n ? last : i, i);
	sbuf_addch(b, '}');
}

static void members_of_one_object_are_limited(void **state)
{
	struct sbuf b;

	(void)state;
	sbuf_init(&b, 1 << 20);
	build_object(&b, JSON_MAX_MEMBERS, 9999);
	assert_int_equal(check(b.data, b.len), 0);
	build_object(&b, JSON_MAX_MEMBERS + 1, 9999);
	assert_int_equal(check(b.data, b.len), -1);
	assert_string_equal(reason, "too many members");
	sbuf_free(&b);
}

static void a_duplicate_of_any_earlier_name_is_found(void **state)
{
	struct sbuf b;

	(void)state;
	sbuf_init(&b, 1 << 20);
	for (int twin = 0; twin < 100; twin++) {
		build_object(&b, 101, twin);
		assert_int_equal(check(b.data, b.len), -1);
		assert_string_equal(reason, "duplicate member name");
	}
	sbuf_free(&b);
}

static void no_prefix_of_an_object_is_accepted(void **state)
{
	static const char whole[] = "{\"a\":[1.5e3,\"\\u00e9\\ud83c\\udf4e\xc3\xa9\",true,null],"
				    "\"b\":{\"c\":-12}}";

	(void)state;
	assert_int_equal(check(whole, sizeof(whole) - 1), 0);
	for (size_t n = 0; n < sizeof(whole) - 1; n++)
		assert_int_equal(check(whole, n), -1);
}

static void changing_any_byte_never_reads_out_of_bounds(void **state)
{
	char text[] = "{\"a\":[1.5e3,\"\\u00e9\\ud83c\\udf4e\xc3\xa9\",true,null],\"b\":{\"c\":-12}}";

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		char kept = text[i];

		for (int c = 0; c < 256; c++) {
			text[i] = (char)c;
			(void)!check(text, sizeof(text) - 1);
		}
		text[i] = kept;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_valid_texts),
		cmocka_unit_test(refuses_everything_else),
		cmocka_unit_test(reason_and_offset_tell_where),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(members_of_one_object_are_limited),
		cmocka_unit_test(a_duplicate_of_any_earlier_name_is_found),
		cmocka_unit_test(no_prefix_of_an_object_is_accepted),
		cmocka_unit_test(changing_any_byte_never_reads_out_of_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
