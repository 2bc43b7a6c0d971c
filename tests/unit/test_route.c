/* test_route.c - from method and path to a handler, or to the right refusal. */
#include "compat.h"

#include <setjmp.h>
#include <cmocka.h>

#include "fixture_req.h"
#include "route.h"

static const char *ran;
static uint64_t ran_arg[2];
static unsigned char ran_uuid[16];

static int note(struct req *req, const char *name)
{
	ran = name;
	memcpy(ran_arg, req->arg, sizeof(ran_arg));
	memcpy(ran_uuid, req->uuid, sizeof(ran_uuid));
	return resp_message(req, 200, "ok", "ok");
}

#define HANDLER(name)                                                                    \
	static int run_##name(struct req *req)                                           \
	{                                                                                \
		return note(req, #name);                                                 \
	}
HANDLER(list)
HANDLER(add)
HANDLER(show)
HANDLER(profile)
HANDLER(item)
HANDLER(admin)
HANDLER(closed)
HANDLER(internal)
HANDLER(session)
HANDLER(all)

static const struct route routes[] = {
	{ M_GET, "/users", run_list, ROLE_PUBLIC, 0, 0 },
	{ M_POST, "/users", run_add, ROLE_PUBLIC, 64, 0 },
	{ M_GET, "/users/{id}", run_show, ROLE_PUBLIC, 0, 0 },
	{ M_GET, "/users/profile", run_profile, ROLE_CUSTOMER, 0, 0 },
	{ M_DELETE, "/users/{id}/items/{item}", run_item, ROLE_PUBLIC, 0, 0 },
	{ M_PUT, "/users/admin", run_admin, ROLE_ADMIN, 0, ROUTE_NO_BODY },
	{ .method = M_GET, .path = "/closed", .run = run_closed },
	{ M_POST, "/internal/users/events", run_internal, ROLE_SERVICE, 0, ROUTE_NO_BODY },
	{ M_DELETE, "/sessions/{uuid}", run_session, ROLE_PUBLIC, 0, 0 },
	{ M_DELETE, "/sessions/all", run_all, ROLE_PUBLIC, 0, 0 },
	{ M_GET, "/users/{id}/sessions/{uuid}/show", run_session, ROLE_PUBLIC, 0, 0 },
	{ .path = NULL },
};
static const struct route *const tables[] = { routes, NULL };

static struct token_keys *keys, *service_keys;

static struct route_env env(void)
{
	return (struct route_env){ .tables = tables, .access_keys = keys,
				   .service_keys = service_keys, .service = "users",
				   .cors_origins = "https://shop.example https://two.example" };
}

static void go(struct fixture *f, enum method method, const char *path)
{
	struct route_env e = env();

	ran = NULL;
	f->req.method = method;
	f->req.path = path;
	route_run(&e, &f->req);
}

static const char *token(struct fixture *f, const struct token_keys *k, enum token_type type,
			 const char *audience, enum role role)
{
	struct claims c = { .user_id = type == TOKEN_ACCESS ? 5 : 0, .username = "auth", .role = role };
	struct sbuf out;
	const char *text;

	sbuf_init(&out, TOKEN_MAX);
	assert_int_equal(token_issue(k, type, audience, &c, 60, &out), 0);
	text = pool_printf(f->pool, "Bearer %s", sbuf_str(&out));
	sbuf_free(&out);
	return text;
}

static const struct {
	enum method method;
	const char *path;
	int status;
	const char *runs;
	uint64_t arg[2];
} paths[] = {
	{ M_GET, "/users", 200, "list", { 0, 0 } },
	{ M_GET, "/users/", 200, "list", { 0, 0 } },
	{ M_GET, "/users/1", 200, "show", { 1, 0 } },
	{ M_GET, "/users/9223372036854775807", 200, "show", { INT64_MAX, 0 } },
	{ M_DELETE, "/users/3/items/4", 200, "item", { 3, 4 } },
	{ M_GET, "/users/9223372036854775808", 400, NULL, { 0, 0 } },
	{ M_GET, "/users/99999999999999999999999", 400, NULL, { 0, 0 } },
	{ M_GET, "/users/0", 400, NULL, { 0, 0 } },
	{ M_GET, "/users/-1", 400, NULL, { 0, 0 } },
	{ M_GET, "/users/+1", 400, NULL, { 0, 0 } },
	{ M_GET, "/users/01", 400, NULL, { 0, 0 } },
	{ M_GET, "/users/abc", 400, NULL, { 0, 0 } },
	{ M_GET, "/users/1x", 400, NULL, { 0, 0 } },
	{ M_DELETE, "/users/3/items/x", 400, NULL, { 0, 0 } },
	{ M_GET, "/users//", 400, NULL, { 0, 0 } },
	{ M_GET, "/users/1/items", 404, NULL, { 0, 0 } },
	{ M_GET, "/usersx", 404, NULL, { 0, 0 } },
	{ M_GET, "/user", 404, NULL, { 0, 0 } },
	{ M_GET, "", 404, NULL, { 0, 0 } },
	{ M_PATCH, "/users", 405, NULL, { 0, 0 } },
	{ M_OTHER, "/users", 405, NULL, { 0, 0 } },
	{ M_DELETE, "/users/profile", 405, NULL, { 0, 0 } },
	{ M_GET, "/closed", 403, NULL, { 0, 0 } },
};

static void every_path_finds_its_handler_or_its_refusal(void **state)
{
	for (size_t i = 0; i < COUNT(paths); i++) {
		go(*state, paths[i].method, paths[i].path);
		assert_int_equal(((struct fixture *)*state)->req.status, paths[i].status);
		if (!paths[i].runs) {
			assert_null(ran);
			continue;
		}
		assert_string_equal(ran, paths[i].runs);
		assert_int_equal(ran_arg[0], paths[i].arg[0]);
		assert_int_equal(ran_arg[1], paths[i].arg[1]);
	}
}

#define UUID_LOWER "0192f000-abcd-7000-8000-0123456789ef"

static void a_uuid_is_taken_in_either_case(void **state)
{
	static const unsigned char uuid[16] = { 0x01, 0x92, 0xf0, 0x00, 0xab, 0xcd, 0x70, 0x00,
						0x80, 0x00, 0x01, 0x23, 0x45, 0x67, 0x89, 0xef };
	static const char *const same[] = { "/sessions/" UUID_LOWER, "/sessions/" UUID_LOWER "/",
					    "/sessions/0192F000-ABCD-7000-8000-0123456789EF" };

	for (size_t i = 0; i < COUNT(same); i++) {
		go(*state, M_DELETE, same[i]);
		assert_string_equal(ran, "session");
		assert_memory_equal(ran_uuid, uuid, sizeof(uuid));
	}
	go(*state, M_GET, "/users/7/sessions/" UUID_LOWER "/show");
	assert_string_equal(ran, "session");
	assert_int_equal(ran_arg[0], 7);
	assert_memory_equal(ran_uuid, uuid, sizeof(uuid));
}

static void what_is_no_uuid_is_not_found(void **state)
{
	static const char *const bad[] = {
		"/sessions/", "/sessions/7", "/sessions/0192f000abcd700080000123456789ef",
		"/sessions/0192f000-abcd-7000-8000-0123456789e",
		"/sessions/0192f000-abcd-7000-8000-0123456789eff",
		"/sessions/0192f000-abcd-7000-8000-0123456789eg",
		"/sessions/0192f000-abcd-7000-80000-123456789ef",
		"/sessions/{0192f000-abcd-7000-8000-0123456789}",
		"/sessions/" UUID_LOWER "/x", "/users/7/sessions/x/show",
		"/users/x/sessions/y/show",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(bad); i++) {
		go(f, M_DELETE, bad[i]);
		assert_null(ran);
		assert_int_equal(f->req.status, 404);
	}
	go(f, M_GET, "/users/x/sessions/" UUID_LOWER "/show");
	assert_int_equal(f->req.status, 400);
	go(f, M_GET, "/sessions/" UUID_LOWER);
	assert_int_equal(f->req.status, 405);
}

static void a_literal_wins_over_a_uuid(void **state)
{
	go(*state, M_DELETE, "/sessions/all");
	assert_string_equal(ran, "all");
}

static void a_405_and_options_list_what_is_allowed(void **state)
{
	struct fixture *f = *state;

	go(f, M_PATCH, "/users");
	assert_true(fixture_has(&f->head, "Allow: GET, HEAD, POST, OPTIONS\r\n"));
	go(f, M_OPTIONS, "/users/7");
	assert_int_equal(f->req.status, 204);
	assert_true(fixture_has(&f->head, "Allow: GET, HEAD, OPTIONS\r\n"));
	assert_null(ran);
}

static void only_listed_origins_may_call_from_a_browser(void **state)
{
	struct fixture *f = *state;

	f->req.origin = "https://two.example";
	go(f, M_GET, "/users");
	assert_true(fixture_has(&f->head, "Access-Control-Allow-Origin: https://two.example\r\n"));
	assert_true(fixture_has(&f->head, "Vary: Origin\r\n"));
	f->req.origin = "https://two.example.evil";
	go(f, M_GET, "/users");
	assert_false(fixture_has(&f->head, "Access-Control-Allow-Origin"));
	f->req.origin = "https://shop.exampl";
	go(f, M_OPTIONS, "/users");
	assert_false(fixture_has(&f->head, "Access-Control-Allow"));
}

static void who_may_depends_on_the_role_in_a_verified_token(void **state)
{
	struct fixture *f = *state;

	go(f, M_GET, "/users/profile");
	assert_int_equal(f->req.status, 401);
	f->req.authorization = token(f, keys, TOKEN_ACCESS, "halle", ROLE_CUSTOMER);
	go(f, M_GET, "/users/profile");
	assert_string_equal(ran, "profile");
	assert_int_equal(f->req.who.user_id, 5);
	f->req.authorization += strlen("Bearer "); /* the bare token too */
	go(f, M_GET, "/users/profile");
	assert_string_equal(ran, "profile");
	go(f, M_PUT, "/users/admin");
	assert_int_equal(f->req.status, 403);
	f->req.authorization = token(f, keys, TOKEN_ACCESS, "halle", ROLE_ADMIN);
	go(f, M_PUT, "/users/admin");
	assert_string_equal(ran, "admin");
	f->req.authorization = "Bearer nonsense";
	go(f, M_GET, "/users/profile");
	assert_int_equal(f->req.status, 401);
}

static void internal_routes_need_the_internal_socket_and_a_token_for_this_service(void **state)
{
	struct fixture *f = *state;

	f->req.authorization = token(f, service_keys, TOKEN_SERVICE, "users", ROLE_SERVICE);
	go(f, M_POST, "/internal/users/events");
	assert_int_equal(f->req.status, 404);
	f->req.internal = true;
	go(f, M_POST, "/internal/users/events");
	assert_string_equal(ran, "internal");
	f->req.authorization = token(f, service_keys, TOKEN_SERVICE, "carts", ROLE_SERVICE);
	go(f, M_POST, "/internal/users/events");
	assert_int_equal(f->req.status, 401);
	f->req.authorization = token(f, keys, TOKEN_ACCESS, "halle", ROLE_ADMIN);
	go(f, M_POST, "/internal/users/events");
	assert_int_equal(f->req.status, 401);
}

static void a_body_must_be_json_and_within_its_limit(void **state)
{
	struct fixture *f = *state;
	struct route_env e = env();

	f->req.body_len = 64;
	go(f, M_POST, "/users");
	assert_string_equal(ran, "add");
	f->req.body_len = 65;
	go(f, M_POST, "/users");
	assert_int_equal(f->req.status, 413);
	f->req.body_len = 1;
	f->req.content_type = "application/jsonx";
	go(f, M_POST, "/users");
	assert_int_equal(f->req.status, 415);
	f->req.content_type = "Application/JSON; charset=utf-8";
	go(f, M_POST, "/users");
	assert_string_equal(ran, "add");
	assert_int_equal(route_max_body(&e, M_POST, "/users"), 64);
	assert_int_equal(route_max_body(&e, M_GET, "/users"), 0);
	assert_int_equal(route_max_body(&e, M_POST, "/nowhere"), ROUTE_JSON_MAX);
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

static int make_keys(void **state UNUSED)
{
	struct sbuf error;

	sbuf_init(&error, 256);
	keys = token_keys_parse("a 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
				"halle", &error);
	service_keys = token_keys_parse(
		"b 100102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", "halle", &error);
	sbuf_free(&error);
	return keys && service_keys ? 0 : -1;
}

static int free_keys(void **state UNUSED)
{
	token_keys_free(&keys);
	token_keys_free(&service_keys);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_path_finds_its_handler_or_its_refusal),
		TEST(a_uuid_is_taken_in_either_case),
		TEST(what_is_no_uuid_is_not_found),
		TEST(a_literal_wins_over_a_uuid),
		TEST(a_405_and_options_list_what_is_allowed),
		TEST(only_listed_origins_may_call_from_a_browser),
		TEST(who_may_depends_on_the_role_in_a_verified_token),
		TEST(internal_routes_need_the_internal_socket_and_a_token_for_this_service),
		TEST(a_body_must_be_json_and_within_its_limit),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
