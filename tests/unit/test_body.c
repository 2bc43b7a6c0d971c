/* body: JSON objects by table, on top of what json_check guards. */
#include "compat.h"
#include "body.h"

#include <setjmp.h>
#include <cmocka.h>

struct product {
	const char *name;
	const char *note;
	int64_t price;
	uint64_t stock;
	int64_t delta;
	bool active;
	struct bytes image;
	const char *kind;
};

static bool starts_with_n(const char *text)
{
	return *text == 'n';
}

static const struct field fields[] = {
	FIELD_STR(struct product, name, 1, 10, .required = true),
	FIELD_STR(struct product, note, 0, 5, .nullable = true, .check = starts_with_n),
	FIELD_MONEY(struct product, price, 1, 99999),
	FIELD_U64(struct product, stock, 0, INT64_MAX, .alias = "storage_quantity"),
	FIELD_I64(struct product, delta, INT64_MIN, INT64_MAX),
	FIELD_BOOL(struct product, active),
	FIELD_BYTES(struct product, image, 2, 4, .nullable = true),
	FIELD_STR(struct product, kind, 1, 10,
		  .choices = (const char *const[]){ "new", "used", NULL }),
	{ 0 }
};

struct order {
	const char *items;
};

static const struct field order_fields[] = {
	FIELD_ARRAY(struct order, items),
	{ 0 }
};

static struct pool *pool;
static struct product p;
static struct body_report report;
static uint64_t present;

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

static enum body_result parse_n(const char *text, size_t len)
{
	memset(&p, 0xa5, sizeof(p)); /* what was there before must not matter */
	return body_parse(text, len, fields, &p, sizeof(p), &present, pool, &report);
}

static enum body_result parse(const char *text)
{
	return parse_n(text, strlen(text));
}

/* Its members are for who reads it; the text of it is valid JSON. */
static void an_array_is_handed_on_as_text(void **state)
{
	static const struct {
		const char *text, *items; /* NULL: "type" */
	} cases[] = {
		{ "{\"items\": [ ]}", "[]" },
		{ "{\"items\":[{\"a\":1},[2],null]}", "[{\"a\":1},[2],null]" },
		{ "{\"items\":{}}", NULL },
		{ "{\"items\":\"[]\"}", NULL },
		{ "{\"items\":null}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct order o = { .items = NULL };
		enum body_result got = body_parse(cases[i].text, strlen(cases[i].text),
						  order_fields, &o, sizeof(o), &present,
						  pool, &report);

		assert_int_equal(got == BODY_OK, cases[i].items != NULL);
		if (cases[i].items)
			assert_string_equal(o.items, cases[i].items);
		else
			assert_string_equal(report.faults.list[0].code, "type");
	}
}

static void members_fill_the_struct(void **state)
{
	(void)state;
	assert_int_equal(parse(" {\"kind\":\"used\",\"name\":\"\\u00c9tendoir\",\"note\":\"n\","
			       "\"price\":79.99,\"storage_quantity\":9223372036854775807,"
			       "\"delta\":-9223372036854775808,\"active\":true,"
			       "\"image\":\"+/8A\"}\n"), BODY_OK);
	assert_string_equal(p.name, "\xc3\x89tendoir");
	assert_string_equal(p.note, "n");
	assert_int_equal(p.price, 7999);
	assert_int_equal(p.stock, INT64_MAX);
	assert_true(p.delta == INT64_MIN);
	assert_true(p.active);
	assert_int_equal(p.image.len, 3);
	assert_memory_equal(p.image.data, "\xfb\xff\0", 3);
	assert_string_equal(p.kind, "used");
	assert_int_equal(present, 255);
	assert_int_equal(report.faults.count, 0);
}

static void absent_and_null_members_leave_zero(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"name\":\"x\",\"note\":null,\"image\":null}"), BODY_OK);
	assert_null(p.note);
	assert_null(p.image.data);
	assert_int_equal(p.price, 0);
	assert_int_equal(present, 1 | 2 | 64);
	assert_int_equal(parse("{\"name\":\"x\",\"image\":\"\"}"), BODY_FAULTY);
	assert_int_equal(parse("{\"name\":\"x\"}"), BODY_OK);
	assert_int_equal(present, 1);
	assert_false(p.active);
}

static void prices_are_read_from_their_text(void **state)
{
	static const struct {
		const char *literal;
		int64_t cents; /* 0: refused with this code */
		const char *code;
	} cases[] = {
		{ "1.10", 110, NULL }, { "1.1", 110, NULL }, { "1", 100, NULL },
		{ "0.01", 1, NULL }, { "0.29", 29, NULL }, { "999.99", 99999, NULL },
		{ "1.005", 0, "decimals" }, { "12.345", 0, "decimals" }, { "1.000", 0, "decimals" },
		{ "1e2", 0, "type" }, { "1E0", 0, "type" }, { "1.5e1", 0, "type" },
		{ "-1", 0, "min" }, { "-0.5", 0, "min" }, { "0", 0, "min" }, { "0.00", 0, "min" },
		{ "1000", 0, "max" }, { "9999999999999999999", 0, "max" },
		{ "99999999999999999.99", 0, "max" }, { "\"1.10\"", 0, "type" },
		{ "true", 0, "type" }, { "null", 0, "type" }, { "[1]", 0, "type" },
		{ "{}", 0, "type" },
	};
	char text[100];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof(text), "{\"name\":\"x\",\"price\":%s}", cases[i].literal);
		assert_int_equal(parse(text), cases[i].code ? BODY_FAULTY : BODY_OK);
		assert_int_equal(p.price, cases[i].cents);
		if (cases[i].code) {
			assert_string_equal(report.faults.list[0].code, cases[i].code);
			assert_string_equal(report.faults.list[0].where, "#/price");
		}
	}
}

static void each_fault_has_its_place_and_code(void **state)
{
	static const struct {
		const char *text, *where, *code;
	} cases[] = {
		{ "{}", "#/name", "required" },
		{ "{\"name\":null}", "#/name", "type" },
		{ "{\"name\":1}", "#/name", "type" },
		{ "{\"name\":true}", "#/name", "type" },
		{ "{\"name\":[\"x\"]}", "#/name", "type" },
		{ "{\"name\":{\"name\":\"x\"}}", "#/name", "type" },
		{ "{\"name\":\"\"}", "#/name", "min_length" },
		{ "{\"name\":\"12345678901\"}", "#/name", "max_length" },
		{ "{\"name\":\"x\",\"note\":\"y\"}", "#/note", "format" },
		{ "{\"name\":\"x\",\"kind\":\"New\"}", "#/kind", "choice" },
		{ "{\"name\":\"x\",\"stock\":\"12\"}", "#/stock", "type" },
		{ "{\"name\":\"x\",\"stock\":\"12abc\"}", "#/stock", "type" },
		{ "{\"name\":\"x\",\"stock\":1.5}", "#/stock", "type" },
		{ "{\"name\":\"x\",\"stock\":1.0}", "#/stock", "type" },
		{ "{\"name\":\"x\",\"stock\":1e1}", "#/stock", "type" },
		{ "{\"name\":\"x\",\"stock\":true}", "#/stock", "type" },
		{ "{\"name\":\"x\",\"stock\":-1}", "#/stock", "type" },
		{ "{\"name\":\"x\",\"stock\":null}", "#/stock", "type" },
		{ "{\"name\":\"x\",\"stock\":9223372036854775808}", "#/stock", "max" },
		{ "{\"name\":\"x\",\"stock\":9999999999999999999}", "#/stock", "max" },
		{ "{\"name\":\"x\",\"delta\":9223372036854775808}", "#/delta", "max" },
		{ "{\"name\":\"x\",\"storage_quantity\":-1}", "#/storage_quantity", "type" },
		{ "{\"name\":\"x\",\"stock\":1,\"storage_quantity\":1}", "#/storage_quantity",
		  "duplicate" },
		{ "{\"name\":\"x\",\"active\":1}", "#/active", "type" },
		{ "{\"name\":\"x\",\"active\":\"true\"}", "#/active", "type" },
		{ "{\"name\":\"x\",\"image\":1}", "#/image", "type" },
		{ "{\"name\":\"x\",\"image\":\"AA=\"}", "#/image", "format" },
		{ "{\"name\":\"x\",\"image\":\"AA ==\"}", "#/image", "format" },
		{ "{\"name\":\"x\",\"image\":\"-_8A\"}", "#/image", "format" },
		{ "{\"name\":\"x\",\"image\":\"AA==\"}", "#/image", "min_length" },
		{ "{\"name\":\"x\",\"image\":\"AAAAAAA=\"}", "#/image", "max_length" },
		{ "{\"name\":\"x\",\"image\":\"AAAAAAAAAAAAAAAAAAAAAAAA!\"}", "#/image", "max_length" },
		{ "{\"name\":\"x\",\"role\":\"admin\"}", "#/role", "unknown" },
		{ "{\"name\":\"x\",\"Name\":\"y\"}", "#/Name", "unknown" },
		{ "{\"name\":\"x\",\"\":1}", "#/", "unknown" },
		{ "{\"name\":\"x\",\"a/b~c\":1}", "#/a~1b~0c", "unknown" },
		{ "{\"name\":\"x\",\"\xc3\xa9 %\\\"\":1}", "#/%C3%A9%20%25%22", "unknown" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(parse(cases[i].text), BODY_FAULTY);
		assert_int_equal(report.faults.count, 1);
		assert_string_equal(report.faults.list[0].where, cases[i].where);
		assert_string_equal(report.faults.list[0].code, cases[i].code);
	}
}

static void all_faults_of_a_body_are_told_at_once(void **state)
{
	char text[4096] = "{\"x\":1";

	(void)state;
	assert_int_equal(parse("{\"stock\":-1,\"role\":1,\"price\":1.234}"), BODY_FAULTY);
	assert_int_equal(report.faults.count, 4);
	assert_string_equal(report.faults.list[3].where, "#/name");
	for (size_t n = 6, i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ",\"u%zu\":1%s", i,
				      i == 99 ? "}" : "");
	assert_int_equal(parse(text), BODY_FAULTY);
	assert_int_equal(report.faults.count, FAULTS_MAX);
}

static void a_hostile_name_is_cut_in_the_fault(void **state)
{
	char text[2000] = "{\"name\":\"x\",\"";
	size_t n = strlen(text);

	(void)state;
	for (int i = 0; i < 500; i++, n += 2)
		memcpy(text + n, "\xc3\xa9", 2);
	memcpy(text + n, "\":1}", 5);
	assert_int_equal(parse(text), BODY_FAULTY);
	assert_int_equal(strlen(report.faults.list[0].where), 2 + 128 * 3);
}

static void what_is_not_a_strict_object_is_malformed(void **state)
{
	static const struct {
		const char *text;
		size_t len; /* 0: strlen */
	} cases[] = {
		{ "", 0 }, { "null", 0 }, { "1", 0 }, { "\"x\"", 0 }, { "[]", 0 },
		{ "[{\"name\":\"x\"}]", 0 }, { "{", 0 }, { "{\"name\":\"x\"} {}", 0 },
		{ "{\"name\":\"x\"}\0", 13 }, { "{\"name\":\"x\"\0}", 13 },
		{ "{\"name\":\"x\",\"name\":\"y\"}", 0 },
		{ "{\"name\":\"x\",\"n\\u0061me\":\"y\"}", 0 },
		{ "{\"name\":\"x\",\"price\":NaN}", 0 }, { "{'name':\"x\"}", 0 },
		{ "{\"name\":\"a\tb\"}", 0 }, { "{\"name\":\"x\",\"price\":1.}", 0 },
		{ "{\"name\":\"x\",\"price\":1e999}", 0 }, { "{\"name\":\"\xc0\x80\"}", 0 },
		{ "{\"name\":\"\xed\xa0\x80\"}", 0 }, { "{\"name\\u0000b\":\"x\"}", 0 },
		{ "{\"name\":\"x\\u0000y\"}", 0 },
		{ "{\"name\":\"x\",\"stock\":18446744073709551616}", 0 },
		{ "{\"name\":\"x\",\"delta\":-9223372036854775809}", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = cases[i].len ? cases[i].len : strlen(cases[i].text);

		assert_int_equal(parse_n(cases[i].text, len), BODY_MALFORMED);
		assert_non_null(report.reason);
		assert_null(p.name);
		assert_int_equal(present, 0);
	}
}

static void json_c_takes_all_that_json_check_takes(void **state)
{
	char text[100] = "{\"name\":";

	(void)state;
	for (int depth = 1; depth < 40; depth++) {
		size_t n = 8;

		memset(text + n, '[', (size_t)depth);
		n += (size_t)depth;
		text[n++] = '1';
		memset(text + n, ']', (size_t)depth);
		n += (size_t)depth;
		text[n++] = '}';
		assert_int_equal(parse_n(text, n), depth < 16 ? BODY_FAULTY : BODY_MALFORMED);
	}
}

static void known_members_alone_count_in_our_own_texts(void **state)
{
	static const char text[] = "{\"name\":\"x\",\"newer\":{\"a\":[1]},\"stock\":3}";

	(void)state;
	assert_int_equal(body_parse_known(text, strlen(text), fields, &p, sizeof(p), pool,
					  &report), BODY_OK);
	assert_int_equal(p.stock, 3);
	assert_int_equal(body_parse_known("{\"x\":1}", 7, fields, &p, sizeof(p), pool, &report),
			 BODY_FAULTY);
}

static int add_stock(void *dst, void *arg)
{
	const struct product *product = dst;

	*(uint64_t *)arg = *(uint64_t *)arg * 10 + product->stock;
	return product->stock == 9 ? -1 : 0;
}

static int each(const char *text, const char *name, uint64_t *sum_r)
{
	static const struct field stock_only[] = {
		FIELD_U64(struct product, stock, 0, 9, .required = true),
		{ 0 }
	};

	*sum_r = 0;
	return body_each(text, strlen(text), name, stock_only, &p, sizeof(p), add_stock, sum_r,
			 pool);
}

static void arrays_are_walked_in_order(void **state)
{
	uint64_t sum;

	(void)state;
	assert_int_equal(each("[{\"stock\":1},{\"x\":0,\"stock\":2}]", NULL, &sum), 0);
	assert_int_equal(sum, 12);
	assert_int_equal(each("{\"success\":true,\"data\":[{\"stock\":3}]}", "data", &sum), 0);
	assert_int_equal(sum, 3);
	assert_int_equal(each("{\"ids\":[4,5,6]}", "ids", &sum), 0);
	assert_int_equal(sum, 456);
	assert_int_equal(each("[]", NULL, &sum), 0);
	assert_int_equal(each("[1,9,2]", NULL, &sum), -1);
	assert_int_equal(sum, 19);
}

static void arrays_that_are_none_or_hold_other_things_fail(void **state)
{
	static const struct {
		const char *text, *name;
	} cases[] = {
		{ "{}", NULL }, { "null", NULL }, { "[", NULL }, { "[null]", NULL },
		{ "[\"1\"]", NULL }, { "[1.0]", NULL }, { "[true]", NULL }, { "[[1]]", NULL },
		{ "[-1]", NULL }, { "[10]", NULL }, { "[{}]", NULL }, { "[{\"stock\":\"1\"}]", NULL },
		{ "[1]", "data" }, { "{\"data\":{}}", "data" }, { "{\"data\":null}", "data" },
		{ "{\"items\":[1]}", "data" }, { "{\"data\":[1],\"data\":[2]}", "data" },
		{ "1", "data" }, { "null", "data" },
	};
	uint64_t sum;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(each(cases[i].text, cases[i].name, &sum), -1);
}

static int judge(void *dst, const struct faults *faults, void *arg)
{
	const struct product *product = dst;
	char *out = arg;
	size_t n = strlen(out);

	if (faults->count)
		snprintf(out + n, 200 - n, "%s %s;", faults->list[0].where,
			 faults->list[0].code);
	else
		snprintf(out + n, 200 - n, "%" PRIu64 ";", product->stock);
	return !faults->count && product->stock == 9 ? 1 : 0;
}

static void a_bad_element_does_not_spoil_the_others(void **state)
{
	static const struct field table[] = {
		FIELD_U64(struct product, stock, 0, 9, .required = true),
		{ 0 }
	};
	static const struct {
		const char *text, *seen;
		int rc;
	} cases[] = {
		{ "{\"in\":[{\"stock\":1},{\"stock\":10},{},{\"x\":0,\"stock\":2},7,null,"
		  "{\"stock\":3}]}",
		  "1;#/stock max;#/stock required;#/x unknown;# type;# type;3;", 0 },
		{ "{\"in\":[]}", "", 0 },
		{ "{\"in\":[{\"stock\":1},{\"stock\":9},{\"stock\":2}]}", "1;9;", -1 },
		{ "{\"in\":{}}", "", -1 }, { "{\"in\":null}", "", -1 }, { "{}", "", -1 },
		{ "[{\"stock\":1}]", "", -1 }, { "null", "", -1 }, { "{\"in\":[", "", -1 },
		{ "{\"in\":[{\"stock\":1,\"stock\":1}]}", "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char seen[200] = "";

		assert_int_equal(body_each_judged(cases[i].text, strlen(cases[i].text), "in",
						  table, &p, sizeof(p), judge, seen, pool),
				 cases[i].rc);
		assert_string_equal(seen, cases[i].seen);
	}
}

static void a_member_is_shown_in_canonical_form(void **state)
{
	static const char text[] = "{ \"a\" : [ 1 , 1.10 , \"x\\/\\u00e9\" ] , \"n\" : null }";

	(void)state;
	assert_string_equal(body_member(text, strlen(text), "a", pool),
			    "[1,1.10,\"x/\xc3\xa9\"]");
	assert_string_equal(body_member(text, strlen(text), "n", pool), "null");
	assert_null(body_member(text, strlen(text), "b", pool));
	assert_null(body_member("[1]", 3, "a", pool));
	assert_null(body_member("{", 1, "a", pool));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pool, close_pool)
	const struct CMUnitTest tests[] = {
		TEST(an_array_is_handed_on_as_text),
		TEST(members_fill_the_struct),
		TEST(absent_and_null_members_leave_zero),
		TEST(prices_are_read_from_their_text),
		TEST(each_fault_has_its_place_and_code),
		TEST(all_faults_of_a_body_are_told_at_once),
		TEST(a_hostile_name_is_cut_in_the_fault),
		TEST(what_is_not_a_strict_object_is_malformed),
		TEST(json_c_takes_all_that_json_check_takes),
		TEST(known_members_alone_count_in_our_own_texts),
		TEST(arrays_are_walked_in_order),
		TEST(arrays_that_are_none_or_hold_other_things_fail),
		TEST(a_bad_element_does_not_spoil_the_others),
		TEST(a_member_is_shown_in_canonical_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
