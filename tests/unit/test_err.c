/* err: the registry is whole, and the language follows Accept-Language. */
#include "compat.h"
#include "err.h"

#include <setjmp.h>
#include <cmocka.h>

static void every_error_has_status_code_and_both_texts(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < ERR_COUNT; i++) {
		enum err e = (enum err)i;

		assert_in_range(err_status(e), 400, 599);
		assert_string_not_equal(err_title(err_status(e)), "Error");
		assert_true(strlen(err_text(e, LANG_EN)) > 5);
		assert_true(strlen(err_text(e, LANG_FR)) > 5);
		assert_string_not_equal(err_text(e, LANG_EN), err_text(e, LANG_FR));
		assert_int_equal(strspn(err_code(e), "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"),
				 strlen(err_code(e)));
	}
}

static void one_code_may_have_two_statuses(void **state)
{
	(void)state;
	assert_string_equal(err_code(ERR_BODY_PRODUCT_NOT_FOUND), "PRODUCT_NOT_FOUND");
	assert_int_equal(err_status(ERR_BODY_PRODUCT_NOT_FOUND), 400);
	assert_int_equal(err_status(ERR_PRODUCT_NOT_FOUND), 404);
	assert_string_equal(err_code(ERR_OUT_OF_STOCK), "OUT_OF_STOCK");
}

static void titles_are_reason_phrases(void **state)
{
	(void)state;
	assert_string_equal(err_title(404), "Not Found");
	assert_string_equal(err_title(413), "Content Too Large");
	assert_string_equal(err_title(503), "Service Unavailable");
	assert_string_equal(err_title(0), "Error");
	assert_string_equal(err_title(200), "OK");
}

static void the_preferred_language_is_chosen(void **state)
{
	static const struct {
		const char *header;
		enum lang lang;
	} cases[] = {
		{ NULL, LANG_EN },
		{ "", LANG_EN },
		{ "fr", LANG_FR },
		{ "FR", LANG_FR },
		{ "fr-CA", LANG_FR },
		{ "fr-Latn-BE", LANG_FR },
		{ "frr", LANG_EN },
		{ "f", LANG_EN },
		{ "en", LANG_EN },
		{ "fr, en", LANG_FR },
		{ "en, fr", LANG_EN },
		{ "en;q=0.5, fr;q=0.8", LANG_FR },
		{ "fr;q=0.5,en", LANG_EN },
		{ "fr;q=0.001, en;q=0", LANG_FR },
		{ "fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7", LANG_FR },
		{ "de, fr;q=0.5, en;q=0.4", LANG_FR },
		{ "de", LANG_EN },
		{ "*", LANG_EN },
		{ "*, fr", LANG_FR },
		{ "fr;q=0.5, *", LANG_EN },
		{ "en;q=0.2, *;q=0.5", LANG_FR },
		{ "en;q=0, *", LANG_FR },
		{ "fr;q=0", LANG_EN },
		{ "fr;q=1.000", LANG_FR },
		{ " \tfr \t; \tq=1 \t, en;q=0.1", LANG_FR },
		{ ",, fr,", LANG_FR },
		{ "fr;Q=0.4, en;q=0.3", LANG_FR },
		/* unreadable */
		{ "fr;q=1.001", LANG_EN },
		{ "fr;q=2", LANG_EN },
		{ "fr;q=", LANG_EN },
		{ "fr;q=0.1234", LANG_EN },
		{ "fr;q=-1", LANG_EN },
		{ "fr;level=1", LANG_EN },
		{ "fr en", LANG_EN },
		{ "fr;q=1;q=1", LANG_EN },
		{ ";q=1, fr", LANG_EN },
		{ "fr, \xc3\xa9", LANG_EN },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		if (err_lang(cases[i].header) != cases[i].lang)
			fail_msg("Accept-Language: %s", cases[i].header);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_status_code_and_both_texts),
		cmocka_unit_test(one_code_may_have_two_statuses),
		cmocka_unit_test(titles_are_reason_phrases),
		cmocka_unit_test(the_preferred_language_is_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
