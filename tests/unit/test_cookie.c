/* test_cookie.c - the refresh token in a Cookie header, and whose header is believed. */
#include "compat.h"

#include <setjmp.h>
#include <cmocka.h>

#include "cookie.h"
#include "fixture_req.h"

#define NAME "__Host-halle_refresh"

static const struct {
	const char *header;
	enum cookie_found found;
	const char *token;
} headers[] = {
	{ NULL, COOKIE_NONE, NULL },
	{ "", COOKIE_NONE, NULL },
	{ "a=b", COOKIE_NONE, NULL },
	{ NAME "=abc", COOKIE_ONE, "abc" },
	{ "a=b; " NAME "=abc; c=d", COOKIE_ONE, "abc" },
	{ "a=b;" NAME "=abc", COOKIE_ONE, "abc" },
	{ "a; ;; =; " NAME "=a=b", COOKIE_ONE, "a=b" },
	{ "x=\"q r\"; " NAME "=!#$%&'()*+-./0:<=>?@[]^_`{|}~", COOKIE_ONE,
	  "!#$%&'()*+-./0:<=>?@[]^_`{|}~" },
	{ "__HOST-halle_refresh=abc", COOKIE_NONE, NULL },
	{ "__Host-halle_refres=abc", COOKIE_NONE, NULL },
	{ NAME "x=abc", COOKIE_NONE, NULL },
	{ "x" NAME "=abc", COOKIE_NONE, NULL },
	{ "x=" NAME "=abc", COOKIE_NONE, NULL },
	{ "  " NAME "=abc", COOKIE_NONE, NULL },
	{ "a=b;\t" NAME "=abc", COOKIE_NONE, NULL },
	{ NAME " =abc", COOKIE_NONE, NULL },
	{ NAME, COOKIE_NONE, NULL },
	{ NAME "=", COOKIE_BAD, NULL },
	{ NAME "=; a=b", COOKIE_BAD, NULL },
	{ NAME "=a; " NAME "=a", COOKIE_BAD, NULL },
	{ NAME "=a; " NAME "=", COOKIE_BAD, NULL },
	{ NAME "= a", COOKIE_BAD, NULL },
	{ NAME "=a ; b=c", COOKIE_BAD, NULL },
	{ NAME "=a,b", COOKIE_BAD, NULL },
	{ NAME "=\"a\"", COOKIE_BAD, NULL },
	{ NAME "=a\\b", COOKIE_BAD, NULL },
	{ NAME "=a\x7f", COOKIE_BAD, NULL },
	{ NAME "=\xc3\xa9", COOKIE_BAD, NULL },
	{ NAME "=a\tb", COOKIE_BAD, NULL },
};

static void the_token_is_found_or_refused(void **state UNUSED)
{
	struct pool *pool = pool_new();

	for (size_t i = 0; i < COUNT(headers); i++) {
		const char *token = NULL;

		assert_int_equal(cookie_read(headers[i].header, pool, &token), headers[i].found);
		if (headers[i].token)
			assert_string_equal(token, headers[i].token);
	}
	pool_free(&pool);
}

static const struct {
	const char *origin, *site;
	bool allowed;
} origins[] = {
	{ "https://shop.example", NULL, true },
	{ "https://shop.example", "same-origin", true },
	{ "", "same-origin", true },
	{ "", NULL, false },
	{ "", "same-site", false },
	{ "", "Same-Origin", false },
	{ "null", "same-origin", false },
	{ "https://shop.example.evil", NULL, false },
	{ "https://shop.exampl", NULL, false },
	{ "http://shop.example", NULL, false },
	{ "https://shop.example:8443", NULL, false },
	{ "https://evil.example", "same-origin", false },
};

static void only_our_own_pages_are_believed(void **state UNUSED)
{
	struct fixture f;

	fixture_init(&f);
	for (size_t i = 0; i < COUNT(origins); i++) {
		f.req.origin = origins[i].origin;
		f.req.fetch_site = origins[i].site;
		assert_int_equal(cookie_allowed(&f.req, "https://shop.example"),
				 origins[i].allowed);
	}
	fixture_end(&f);
}

static void the_headers_have_every_attribute(void **state UNUSED)
{
	struct fixture f;

	fixture_init(&f);
	cookie_set(&f.req, "abc", 60);
	assert_true(fixture_has(&f.head, "Set-Cookie: " NAME "=abc; Path=/; Max-Age=60; Secure; "
					 "HttpOnly; SameSite=Strict\r\n"));
	cookie_clear(&f.req);
	assert_true(fixture_has(&f.head, "Set-Cookie: " NAME "=; Path=/; Max-Age=0; Secure; "
					 "HttpOnly; SameSite=Strict\r\n"));
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_token_is_found_or_refused),
		cmocka_unit_test(only_our_own_pages_are_believed),
		cmocka_unit_test(the_headers_have_every_attribute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
