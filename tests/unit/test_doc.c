/* test_doc.c - the text of a cart: strict to read, canonical to write. */
#include "compat.h"

#include <setjmp.h>
#include <cmocka.h>

#include "doc.h"
#include "money.h"

static int parse(const char *text, struct doc *doc)
{
	return doc_parse(text, strlen(text), doc);
}

static void what_was_read_is_written_back_byte_for_byte(void **state UNUSED)
{
	static const char *const texts[] = {
		"[]",
		"[{\"p\":3,\"q\":2,\"c\":129900}]",
		"[{\"p\":9,\"q\":1,\"c\":0},{\"p\":3,\"q\":999,\"c\":99999999999}]",
		"[{\"p\":9223372036854775807,\"q\":1,\"c\":5}]",
	};
	char buf[DOC_TEXT_MAX];
	struct doc doc;

	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(parse(texts[i], &doc), 0);
		assert_int_equal(doc_write(&doc, CART_THERE, buf), strlen(texts[i]));
		assert_string_equal(buf, texts[i]);
	}
}

static void a_cart_that_is_not_there_says_so(void **state UNUSED)
{
	char buf[DOC_TEXT_MAX];
	struct doc doc;

	for (enum cart_end end = CART_THERE; end <= CART_GONE; end++) {
		size_t len;

		doc.count = 0;
		len = doc_write(&doc, end, buf);
		doc.count = 7;
		assert_int_equal(doc_parse(buf, len, &doc), 0);
		assert_int_equal(doc.count, 0);
		assert_int_equal(doc_end(buf, len), end);
	}
	assert_int_equal(doc_end("\"gone", 5), CART_THERE);
}

static void any_other_form_is_refused(void **state UNUSED)
{
	static const char *const texts[] = {
		"",
		"[",
		"]",
		"[] ",
		" []",
		"[,]",
		"{}",
		"null",
		"gone",
		"\"gone",
		"[{\"p\":3,\"q\":2,\"c\":1},]",
		"[{\"p\":3,\"q\":2,\"c\":1}",
		"[{\"p\":3,\"q\":2,\"c\":1}]]",
		"[{\"p\":3, \"q\":2,\"c\":1}]",
		"[{\"q\":2,\"p\":3,\"c\":1}]",
		"[{\"p\":3,\"q\":2}]",
		"[{\"p\":3,\"q\":2,\"c\":1,\"d\":1}]",
		"[{\"p\":0,\"q\":2,\"c\":1}]",
		"[{\"p\":03,\"q\":2,\"c\":1}]",
		"[{\"p\":3,\"q\":0,\"c\":1}]",
		"[{\"p\":3,\"q\":1000,\"c\":1}]",
		"[{\"p\":3,\"q\":2,\"c\":00}]",
		"[{\"p\":3,\"q\":2,\"c\":-1}]",
		"[{\"p\":3,\"q\":2,\"c\":1.5}]",
		"[{\"p\":3,\"q\":2,\"c\":}]",
		"[{\"p\":3,\"q\":2,\"c\":100000000000}]",
		"[{\"p\":9223372036854775808,\"q\":2,\"c\":1}]",
		"[{\"p\":99999999999999999999,\"q\":2,\"c\":1}]",
		"[{\"p\":3,\"q\":2,\"c\":1},{\"p\":3,\"q\":1,\"c\":1}]",
	};
	struct doc doc;

	for (size_t i = 0; i < COUNT(texts); i++)
		if (parse(texts[i], &doc) == 0)
			fail_msg("taken: %s", texts[i]);
}

static void every_prefix_of_a_text_is_refused(void **state UNUSED)
{
	static const char text[] = "[{\"p\":31,\"q\":2,\"c\":129900},{\"p\":4,\"q\":1,\"c\":10}]";
	struct doc doc;

	for (size_t len = 0; len < strlen(text); len++)
		assert_int_equal(doc_parse(text, len, &doc), -1);
}

static void lines_keep_their_place_when_set_again(void **state UNUSED)
{
	char buf[DOC_TEXT_MAX];
	struct doc doc = { 0 };

	assert_int_equal(doc_set(&doc, 5, 1, 100), 0);
	assert_int_equal(doc_set(&doc, 2, 3, 250), 0);
	assert_int_equal(doc_set(&doc, 5, 7, 90), 0);
	doc_write(&doc, CART_THERE, buf);
	assert_string_equal(buf, "[{\"p\":5,\"q\":7,\"c\":90},{\"p\":2,\"q\":3,\"c\":250}]");
	assert_int_equal(doc_find(&doc, 2)->quantity, 3);
	assert_null(doc_find(&doc, 1));
}

static void removing_closes_the_gap(void **state UNUSED)
{
	char buf[DOC_TEXT_MAX];
	struct doc doc = { 0 };

	for (uint64_t p = 1; p <= 4; p++)
		assert_int_equal(doc_set(&doc, p, 1, 1), 0);
	assert_true(doc_remove(&doc, 2));
	assert_false(doc_remove(&doc, 2));
	assert_true(doc_remove(&doc, 4));
	doc_write(&doc, CART_THERE, buf);
	assert_string_equal(buf, "[{\"p\":1,\"q\":1,\"c\":1},{\"p\":3,\"q\":1,\"c\":1}]");
}

static void a_full_cart_of_the_longest_lines_fits(void **state UNUSED)
{
	char buf[DOC_TEXT_MAX], again[DOC_TEXT_MAX];
	struct doc doc = { 0 }, copy;
	size_t len;

	for (uint64_t i = 0; i < DOC_LINES_MAX; i++)
		assert_int_equal(doc_set(&doc, INT64_MAX - i, DOC_QUANTITY_MAX, MONEY_MAX), 0);
	assert_int_equal(doc_set(&doc, 1, 1, 1), -1);
	assert_int_equal(doc_set(&doc, INT64_MAX, 1, 1), 0);
	len = doc_write(&doc, CART_THERE, buf);
	assert_true(len < DOC_TEXT_MAX);
	assert_int_equal(doc_parse(buf, len, &copy), 0);
	assert_int_equal(doc_write(&copy, CART_THERE, again), len);
	assert_string_equal(again, buf);
}

static void one_line_too_many_is_refused(void **state UNUSED)
{
	char text[DOC_TEXT_MAX + DOC_LINE_TEXT];
	size_t len = 0;
	struct doc doc;

	for (int i = 0; i <= DOC_LINES_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%c{\"p\":%d,\"q\":1,\"c\":1}",
					i ? ',' : '[', i + 1);
	text[len++] = ']';
	assert_int_equal(doc_parse(text, len, &doc), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_read_is_written_back_byte_for_byte),
		cmocka_unit_test(a_cart_that_is_not_there_says_so),
		cmocka_unit_test(any_other_form_is_refused),
		cmocka_unit_test(every_prefix_of_a_text_is_refused),
		cmocka_unit_test(lines_keep_their_place_when_set_again),
		cmocka_unit_test(removing_closes_the_gap),
		cmocka_unit_test(a_full_cart_of_the_longest_lines_fits),
		cmocka_unit_test(one_line_too_many_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
