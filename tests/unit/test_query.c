/* query: query strings by table, percent-encoding, base 64. */
#include "compat.h"
#include "query.h"

#include <setjmp.h>
#include <cmocka.h>

struct list {
	const char *q;
	int64_t min_price;
	uint64_t limit;
	int64_t delta;
	bool in_stock;
};

static const struct field fields[] = {
	FIELD_STR(struct list, q, 1, 10),
	FIELD_MONEY(struct list, min_price, 0, 100000),
	FIELD_U64(struct list, limit, 1, 100, .alias = "per_page"),
	FIELD_I64(struct list, delta, -5, 5),
	FIELD_BOOL(struct list, in_stock),
	{ 0 }
};

static struct pool *pool;

static int open_pool(void **state)
{
	(void)state;
	pool = pool_new();
	return 0;
}

static int close_pool(void **state)
{
	(void)state;
	pool_free(&pool);
	return 0;
}

static void values_are_decoded_into_the_struct(void **state)
{
	struct list l;
	struct faults f;
	uint64_t present;

	(void)state;
	assert_int_equal(query_parse("q=%c3%89t%C3%a9+a%2Bb%26&min_price=19.9&&limit=20"
				     "&delta=-3&in_stock=true&",
				     fields, &l, sizeof(l), &present, pool, &f), 0);
	assert_string_equal(l.q, "\xc3\x89t\xc3\xa9 a+b&");
	assert_int_equal(l.min_price, 1990);
	assert_int_equal(l.limit, 20);
	assert_int_equal(l.delta, -3);
	assert_true(l.in_stock);
	assert_int_equal(present, 31);

	assert_int_equal(query_parse("%71=a=b&per_page=7&in_stock=0", fields, &l, sizeof(l),
				     &present, pool, &f), 0);
	assert_string_equal(l.q, "a=b");
	assert_int_equal(l.limit, 7);
	assert_false(l.in_stock);
	assert_int_equal(present, 1 | 4 | 16);

	assert_int_equal(query_parse("", fields, &l, sizeof(l), &present, pool, &f), 0);
	assert_null(l.q);
	assert_int_equal(present, 0);
}

static void each_fault_has_its_place_and_code(void **state)
{
	static const struct {
		const char *raw, *where, *code;
	} cases[] = {
		{ "x=1", "x", "unknown" },
		{ "=1", "", "unknown" },
		{ "Limit=1", "Limit", "unknown" },
		{ "limit=1&limit=1", "limit", "duplicate" },
		{ "limit=1&per_page=1", "per_page", "duplicate" },
		{ "limit=%zz&limit=1", "limit", "format" },
		{ "limit=0", "limit", "min" },
		{ "limit=101", "limit", "max" },
		{ "limit=99999999999999999999999", "limit", "max" },
		{ "limit=", "limit", "type" },
		{ "limit", "limit", "type" },
		{ "limit=1e1", "limit", "type" },
		{ "limit=0x1", "limit", "type" },
		{ "limit=+1", "limit", "type" },
		{ "limit=%2B1", "limit", "type" },
		{ "limit=1%20", "limit", "type" },
		{ "limit=1.0", "limit", "type" },
		{ "limit=-1", "limit", "type" },
		{ "limit=abc", "limit", "type" },
		{ "limit=01", "limit", "type" },
		{ "delta=-6", "delta", "min" },
		{ "min_price=1.999", "min_price", "decimals" },
		{ "min_price=NaN", "min_price", "type" },
		{ "in_stock=yes", "in_stock", "type" },
		{ "in_stock=", "in_stock", "type" },
		{ "q=", "q", "min_length" },
		{ "q=12345678901", "q", "max_length" },
		{ "q=%", "q", "format" },
		{ "q=%4", "q", "format" },
		{ "q=%4x", "q", "format" },
		{ "q=%x4", "q", "format" },
		{ "q=%%41", "q", "format" },
		{ "q=a%00b", "q", "format" },
		{ "q=%0a", "q", "format" },
		{ "q=%7F", "q", "format" },
		{ "q=%C2%85", "q", "format" },
		{ "q=\x01", "q", "format" },
		{ "q=%C0%80", "q", "format" },
		{ "q=%ED%A0%80", "q", "format" },
		{ "q=%E9", "q", "format" },
		{ "q=\xff", "q", "format" },
		{ "q%00=a", "q%00", "format" },
		{ "%ff=a", "%ff", "format" },
	};
	struct list l;
	struct faults f;
	uint64_t present;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(query_parse(cases[i].raw, fields, &l, sizeof(l), &present, pool,
					     &f), -1);
		assert_string_equal(f.list[0].where, cases[i].where);
		assert_string_equal(f.list[0].code, cases[i].code);
	}
}

static void a_required_parameter_is_missed(void **state)
{
	static const struct field needs[] = {
		FIELD_U64(struct list, limit, 1, 100, .required = true, .alias = "per_page"),
		{ 0 }
	};
	struct list l;
	struct faults f;
	uint64_t present;

	(void)state;
	assert_int_equal(query_parse("", needs, &l, sizeof(l), &present, pool, &f), -1);
	assert_string_equal(f.list[0].where, "limit");
	assert_string_equal(f.list[0].code, "required");
	assert_int_equal(query_parse("per_page=1", needs, &l, sizeof(l), &present, pool, &f), 0);
}

static void hostile_names_stay_short_in_faults(void **state)
{
	char raw[4096];
	struct list l;
	struct faults f;
	uint64_t present;

	(void)state;
	memset(raw, 'n', sizeof(raw));
	raw[sizeof(raw) - 1] = '\0';
	assert_int_equal(query_parse(raw, fields, &l, sizeof(l), &present, pool, &f), -1);
	assert_int_equal(strlen(f.list[0].where), 128);
	for (size_t i = 1; i < sizeof(raw) - 1; i += 2)
		raw[i] = '&';
	assert_int_equal(query_parse(raw, fields, &l, sizeof(l), &present, pool, &f), -1);
	assert_int_equal(f.count, FAULTS_MAX);
}

static void encoding_then_reading_gives_the_text_back(void **state)
{
	struct sbuf b;
	struct list l;
	struct faults f;
	uint64_t present;

	(void)state;
	sbuf_init(&b, 1000);
	query_encode("aZ09-._~", 8, &b);
	assert_string_equal(sbuf_str(&b), "aZ09-._~");
	sbuf_reset(&b);
	sbuf_addstr(&b, "q=");
	query_encode("\xc3\xa9 +&=%/\"", 8, &b);
	assert_string_equal(sbuf_str(&b), "q=%C3%A9%20%2B%26%3D%25%2F");
	assert_int_equal(query_parse(b.data, fields, &l, sizeof(l), &present, pool, &f), 0);
	assert_string_equal(l.q, "\xc3\xa9 +&=%/");
	sbuf_free(&b);
}

static void base64url_round_trips_at_every_length(void **state)
{
	unsigned char bytes[66];
	struct sbuf b;
	size_t len;

	(void)state;
	sbuf_init(&b, 1000);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 97 + 251);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		unsigned char *back;

		sbuf_reset(&b);
		base64url_encode(bytes, n, &b);
		assert_null(strpbrk(sbuf_str(&b), "+/="));
		back = base64url_decode(sbuf_str(&b), b.len, &len, pool);
		assert_non_null(back);
		assert_int_equal(len, n);
		assert_memory_equal(back, bytes, n);
	}
	sbuf_reset(&b);
	base64url_encode("\xfb\xff\xbf", 3, &b);
	assert_string_equal(sbuf_str(&b), "-_-_");
	sbuf_free(&b);
}

static void base64url_has_one_text_for_each_value(void **state)
{
	static const char *const wrong[] = { "A", "AAAAA", "AA==", "AA=", "AB", "AAB", "A+AA",
					     "A/AA", "AA A", "AA\nA", "AA.A", "\xc3\xa9", "AAA*" };
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_null(base64url_decode(wrong[i], strlen(wrong[i]), &len, pool));
	assert_null(base64url_decode("AA\0A", 4, &len, pool));
	assert_non_null(base64url_decode("AA", 2, &len, pool));
	assert_non_null(base64url_decode("AAA", 3, &len, pool));
}

static void base64_needs_exact_padding(void **state)
{
	static const struct {
		const char *text, *value; /* NULL: refused */
	} cases[] = {
		{ "", "" }, { "Zg==", "f" }, { "Zm8=", "fo" }, { "Zm9v", "foo" },
		{ "Zm9vYg==", "foob" }, { "Zm9vYmE=", "fooba" }, { "Zm9vYmFy", "foobar" },
		{ "+/+/", "\xfb\xff\xbf" },
		{ "Zg", NULL }, { "Zg=", NULL }, { "Zg===", NULL }, { "Zg====", NULL },
		{ "Z===", NULL }, { "====", NULL }, { "=", NULL }, { "==", NULL },
		{ "Zh==", NULL }, { "Zm9=", NULL }, { "Zm9v=", NULL }, { "Zm=v", NULL },
		{ "Zg==Zg==", NULL }, { "-_-_", NULL }, { "Zm9v\n", NULL }, { "Zm9\n", NULL },
		{ " Zm9", NULL }, { "Zm 9", NULL }, { "Zm9vYg", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len;
		unsigned char *v = base64_decode(cases[i].text, strlen(cases[i].text), &len, pool);

		if (!cases[i].value) {
			assert_null(v);
			continue;
		}
		assert_non_null(v);
		assert_int_equal(len, strlen(cases[i].value));
		assert_memory_equal(v, cases[i].value, len);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pool, close_pool)
	const struct CMUnitTest tests[] = {
		TEST(values_are_decoded_into_the_struct),
		TEST(each_fault_has_its_place_and_code),
		TEST(a_required_parameter_is_missed),
		TEST(hostile_names_stay_short_in_faults),
		TEST(encoding_then_reading_gives_the_text_back),
		TEST(base64url_round_trips_at_every_length),
		TEST(base64url_has_one_text_for_each_value),
		TEST(base64_needs_exact_padding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
