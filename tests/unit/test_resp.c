/* test_resp.c - answers as bytes. */
#include "compat.h"

#include <setjmp.h>
#include <cmocka.h>

#include "fixture_req.h"
#include "money.h"

static void success_has_the_envelope(void **state)
{
	struct fixture *f = *state;
	struct jw *w = resp_data(&f->req, 201);

	jw_u64(w, 7);
	jw_ku64(w, "count", 1);
	assert_int_equal(resp_done(&f->req), 0);
	assert_int_equal(f->req.status, 201);
	assert_string_equal(sbuf_str(&f->body), "{\"success\":true,\"data\":7,\"count\":1}");
	assert_true(fixture_has(&f->head, "Content-Type: application/json; charset=utf-8\r\n"));
}

static void an_error_is_problem_json_with_the_members_of_the_old_shops(void **state)
{
	struct fixture *f = *state;

	f->req.path = "/products/9";
	assert_int_equal(resp_error(&f->req, ERR_PRODUCT_NOT_FOUND), -1);
	assert_int_equal(f->req.status, 404);
	assert_true(f->req.failed);
	assert_true(fixture_has(&f->head, "Content-Type: application/problem+json"));
	assert_true(fixture_has(&f->body, "\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404"));
	assert_true(fixture_has(&f->body, "\"instance\":\"/products/9\",\"success\":false"));
	assert_true(fixture_has(&f->body, "\"error\":{\"code\":\"PRODUCT_NOT_FOUND\",\"message\":\""));
	assert_true(fixture_has(&f->body, "\"request_id\":\"test\"}"));
}

static void texts_follow_the_language_and_codes_do_not(void **state)
{
	struct fixture *f = *state;

	f->req.lang = LANG_FR;
	resp_error(&f->req, ERR_OUT_OF_STOCK);
	assert_true(fixture_has(&f->body, "Le stock ne suffit pas"));
	assert_true(fixture_has(&f->body, "\"OUT_OF_STOCK\""));
	assert_true(fixture_has(&f->head, "Content-Language: fr"));
}

static void a_503_says_when_to_try_again_and_a_401_how_to_log_in(void **state)
{
	struct fixture *f = *state;

	resp_error(&f->req, ERR_DATABASE_UNAVAILABLE);
	assert_true(fixture_has(&f->head, "Retry-After: 1\r\n"));
	resp_error(&f->req, ERR_UNAUTHENTICATED);
	assert_true(fixture_has(&f->head, "WWW-Authenticate: Bearer"));
	assert_false(fixture_has(&f->head, "Retry-After"));
}

static void every_faulty_field_is_named_with_its_limit(void **state)
{
	struct fixture *f = *state;
	struct faults faults = { .count = 0 };

	fault_add(&faults, "#/price", "max", 12345, FIELD_TYPE_MONEY);
	fault_add(&faults, "#/name", "required", 0, FIELD_TYPE_STR);
	fault_add(&faults, "limit", "max", 100, FIELD_TYPE_U64);
	fault_add(&faults, "#/on", "type", 0, FIELD_TYPE_BOOL);
	assert_int_equal(resp_faults(&f->req, &faults), -1);
	assert_int_equal(f->req.status, 400);
	assert_true(fixture_has(&f->body, "{\"pointer\":\"#/price\",\"code\":\"max\",\"detail\":\"The greatest value is 123.45.\"}"));
	assert_true(fixture_has(&f->body, "{\"pointer\":\"#/name\",\"code\":\"required\""));
	assert_true(fixture_has(&f->body, "{\"parameter\":\"limit\",\"code\":\"max\",\"detail\":\"The greatest value is 100.\"}"));
	assert_true(fixture_has(&f->body, "\"detail\":\"It must be true or false.\""));
}

static void answering_again_replaces_the_first_answer(void **state)
{
	struct fixture *f = *state;

	resp_etag_version(&f->req, 3);
	resp_message(&f->req, 200, "done", "fait");
	resp_error(&f->req, ERR_INTERNAL);
	assert_false(fixture_has(&f->body, "done"));
	assert_false(fixture_has(&f->head, "ETag"));
}

static void a_header_cannot_be_split(void **state)
{
	struct fixture *f = *state;

	resp_message(&f->req, 200, "x", "x");
	resp_header(&f->req, "Location", "%s", "/a\r\nSet-Cookie: b");
	assert_true(fixture_has(&f->head, "Location: /a  Set-Cookie: b\r\n"));
	assert_false(fixture_has(&f->head, "\r\nSet-Cookie"));
}

static const struct {
	const char *header;
	bool none_match; /* If-None-Match: 304 */
	bool match;      /* If-Match holds */
} tags[] = {
	{ "\"5\"", true, true },
	{ "\"4\", \"5\"", true, true },
	{ "*", true, true },
	{ "W/\"5\"", true, false }, /* weak comparison for reads, strong for writes */
	{ "\"4\"", false, false },
	{ "5", false, false },
	{ "\"5", false, false },
	{ "\"55\"", false, false },
	{ ",,\"5\"", true, true },
	{ "", false, false },
};

static void etags_compare_as_rfc_9110_says(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(tags); i++) {
		resp_etag_version(&f->req, 5);
		f->req.if_none_match = tags[i].header;
		assert_int_equal(resp_not_modified(&f->req), tags[i].none_match);
		f->req.if_match = tags[i].header;
		assert_int_equal(resp_if_match(&f->req), tags[i].match);
	}
	f->req.if_match = NULL;
	assert_true(resp_if_match(&f->req));
	f->req.if_none_match = NULL;
	assert_false(resp_not_modified(&f->req));
}

static void a_304_has_its_etag_and_no_body(void **state)
{
	struct fixture *f = *state;

	resp_etag(&f->req, "abc");
	f->req.if_none_match = "\"abc\"";
	assert_true(resp_not_modified(&f->req));
	assert_int_equal(f->req.status, 304);
	assert_string_equal(sbuf_str(&f->head), "ETag: \"abc\"\r\n");
	assert_int_equal(f->body.len, 0);
}

static void a_database_status_has_its_answer(void **state)
{
	struct fixture *f = *state;

	resp_db(&f->req, DB_DOWN);
	assert_int_equal(f->req.status, 503);
	assert_false(f->req.db_retry);
	resp_db(&f->req, DB_RETRY);
	assert_int_equal(f->req.status, 503);
	assert_true(f->req.db_retry);
	resp_db(&f->req, DB_UNCERTAIN);
	assert_int_equal(f->req.status, 504);
	assert_false(f->req.db_retry);
	resp_db(&f->req, DB_FAIL);
	assert_int_equal(f->req.status, 500);
}

static int setup(void **state)
{
	static struct fixture f;

	fixture_init(&f);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	fixture_end(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(success_has_the_envelope),
		TEST(an_error_is_problem_json_with_the_members_of_the_old_shops),
		TEST(texts_follow_the_language_and_codes_do_not),
		TEST(a_503_says_when_to_try_again_and_a_401_how_to_log_in),
		TEST(every_faulty_field_is_named_with_its_limit),
		TEST(answering_again_replaces_the_first_answer),
		TEST(a_header_cannot_be_split),
		TEST(etags_compare_as_rfc_9110_says),
		TEST(a_304_has_its_etag_and_no_body),
		TEST(a_database_status_has_its_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
