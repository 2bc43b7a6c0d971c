/* test_peer.c - calls to other services, against a server on a unix socket. */
#include "compat.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "clock.h"
#include "http_fixture.h"
#include "metrics.h"
#include "peer.h"

#define KEY "k1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

static char dir[] = "/tmp/halle-peer.XXXXXX";
static char socket_path[64];
static struct cfg *cfg;
static struct token_keys *keys;
static struct peer *peer;

static bool say(int fd, const char *text, bool keep)
{
	return write(fd, text, strlen(text)) > 0 && keep;
}

/* What the server does is in the path: /status/N, /slow/MS, /big/BYTES, /echo/HEADER … */
static bool handler(const struct http_request *rq, int fd)
{
	static char big[(1 << 20) + 2];
	unsigned n = 0;
	char name[64];

	if (sscanf(rq->path, "/status/%u", &n) == 1)
		return http_answer(fd, (int)n, n == 204 || n == 304 ? "" : "{}");
	if (sscanf(rq->path, "/slow/%u", &n) == 1) {
		nanosleep(&(struct timespec){ .tv_sec = n / 1000,
					      .tv_nsec = n % 1000 * 1000000L }, NULL);
		return http_answer(fd, 200, "slow");
	}
	if (sscanf(rq->path, "/big/%u", &n) == 1) {
		memset(big, 'x', n);
		big[n] = '\0';
		return http_answer(fd, 200, big);
	}
	if (sscanf(rq->path, "/echo/%63[A-Za-z-]", name) == 1)
		return http_answer(fd, 200, http_header(rq, name));
	if (strcmp(rq->path, "/body") == 0)
		return http_answer(fd, 200, rq->body);
	if (strncmp(rq->path, "/line", 5) == 0)
		return http_answer(fd, 200, rq->path);
	if (strcmp(rq->path, "/method") == 0)
		return http_answer(fd, 200, rq->method);
	if (strcmp(rq->path, "/cut") == 0)
		return say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", false);
	if (strcmp(rq->path, "/nonsense") == 0)
		return say(fd, "220 smtp.example ESMTP\r\n\r\n", false);
	if (strcmp(rq->path, "/redirect") == 0)
		return say(fd, "HTTP/1.1 302 Found\r\nLocation: /status/200\r\n"
			       "Content-Length: 0\r\n\r\n", true);
	return false; /* "/close": no answer */
}

static int up(void **state UNUSED)
{
	struct sbuf error;
	char path[64];
	FILE *f;

	signal(SIGPIPE, SIG_IGN);
	sbuf_init(&error, 1024);
	assert_non_null(mkdtemp(dir));
	snprintf(socket_path, sizeof(socket_path), "%s/socket", dir);
	snprintf(path, sizeof(path), "%s/halle.conf", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "internal_socket = %s\n", socket_path);
	fclose(f);
	cfg = cfg_load(path, "carts", &error);
	keys = token_keys_parse(KEY, "halle", &error);
	assert_non_null(cfg);
	assert_non_null(keys);
	unlink(path);
	sbuf_free(&error);
	/* a caller's environment must not send calls elsewhere */
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	http_start(socket_path, handler);
	return 0;
}

static int down(void **state UNUSED)
{
	http_stop();
	token_keys_free(&keys);
	cfg_free(&cfg);
	unlink(socket_path);
	return rmdir(dir);
}

static int each_up(void **state UNUSED)
{
	peer = peer_new(cfg, "carts", keys);
	return 0;
}

static int each_down(void **state UNUSED)
{
	peer_free(&peer);
	return 0;
}

static struct peer_call get(const char *path)
{
	return (struct peer_call){ .service = "products", .method = "GET", .path = path,
				   .timeout_ms = 2000 };
}

static const char *ask(const char *path)
{
	struct peer_call call = get(path);

	assert_int_equal(peer_send(peer, &call), 0);
	return sbuf_str(&call.reply);
}

static void every_http_status_is_an_answer(void **state UNUSED)
{
	static const int codes[] = { 200, 204, 400, 404, 409, 500, 503 };

	for (size_t i = 0; i < COUNT(codes); i++) {
		char path[32];
		struct peer_call call = get(path);

		snprintf(path, sizeof(path), "/status/%d", codes[i]);
		assert_int_equal(peer_send(peer, &call), 0);
		assert_int_equal(call.status, codes[i]);
	}
}

static void failures_have_no_status_and_are_counted(void **state UNUSED)
{
	static const char *const paths[] = { "/close", "/cut", "/nonsense", "/big/1048577" };

	for (size_t i = 0; i < COUNT(paths); i++) {
		struct peer_call call = get(paths[i]);
		uint64_t before = metrics_get(M_PEER_ERRORS);

		assert_int_equal(peer_send(peer, &call), -1);
		assert_int_equal(call.status, 0);
		assert_int_equal(call.reply.len, 0);
		assert_int_equal(metrics_get(M_PEER_ERRORS), before + 1);
	}
	assert_string_equal(ask("/status/200"), "{}");
}

static void an_answer_of_one_mebibyte_passes(void **state UNUSED)
{
	struct peer_call call = get("/big/1048576");

	assert_int_equal(peer_send(peer, &call), 0);
	assert_int_equal(call.reply.len, 1 << 20);
}

static void redirects_are_not_followed(void **state UNUSED)
{
	struct peer_call call = get("/redirect");
	unsigned before = http_requests();

	assert_int_equal(peer_send(peer, &call), 0);
	assert_int_equal(call.status, 302);
	assert_int_equal(http_requests(), before + 1);
}

static void waiting_is_bounded(void **state UNUSED)
{
	struct peer_call call = get("/slow/3000");
	int64_t start = clock_mono_us();

	call.timeout_ms = 150;
	assert_int_equal(peer_send(peer, &call), -1);
	assert_in_range((clock_mono_us() - start) / 1000, 100, 1000);
	call = get("/status/200");
	call.timeout_ms = 0;
	assert_int_equal(peer_send(peer, &call), -1);
}

static void method_and_body_arrive(void **state UNUSED)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };
	struct peer_call call;

	for (size_t i = 0; i < COUNT(methods); i++) {
		call = get("/method");
		call.method = methods[i];
		assert_int_equal(peer_send(peer, &call), 0);
		assert_string_equal(sbuf_str(&call.reply), methods[i]);
	}
	call = get("/body");
	call.method = "POST";
	call.body = "{\"a\":\"é\"}";
	call.body_len = strlen(call.body);
	assert_int_equal(peer_send(peer, &call), 0);
	assert_string_equal(sbuf_str(&call.reply), "{\"a\":\"é\"}");
	call.path = "/echo/Content-Type";
	assert_int_equal(peer_send(peer, &call), 0);
	assert_string_equal(sbuf_str(&call.reply), "application/json");
	call.body = NULL;
	call.body_len = 0;
	assert_int_equal(peer_send(peer, &call), 0);
	assert_string_equal(sbuf_str(&call.reply), "");
}

static void path_goes_as_it_is(void **state UNUSED)
{
	assert_string_equal(ask("/line/a%2Fb/../c?q=%C3%A9&x=1"), "/line/a%2Fb/../c?q=%C3%A9&x=1");
}

static void id_trace_and_time_left_are_passed_on(void **state UNUSED)
{
	static const struct {
		const char *path, *value, *arrives;
	} cases[] = {
		{ "/echo/X-Request-Id", "abc-1", "abc-1" },
		{ "/echo/X-Request-Id", "", "" },
		{ "/echo/X-Request-Id", NULL, "" },
		{ "/echo/X-Request-Id", "a\r\nX-Evil: 1", "" },
		{ "/echo/X-Evil", "a\r\nX-Evil: 1", "" },
		{ "/echo/traceparent", "00-aa-bb-01", "00-aa-bb-01" },
		{ "/echo/Halle-Deadline-Ms", "x", "2000" },
		{ "/echo/Expect", "x", "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peer_call call = get(cases[i].path);

		call.request_id = call.trace = cases[i].value;
		assert_int_equal(peer_send(peer, &call), 0);
		assert_string_equal(sbuf_str(&call.reply), cases[i].arrives);
	}
}

static void verify(const char *header, const char *audience, struct claims *claims)
{
	assert_int_equal(strncmp(header, "Bearer ", 7), 0);
	assert_int_equal(token_verify(keys, NULL, TOKEN_SERVICE, audience, header + 7,
				      strlen(header + 7), claims), TOKEN_OK);
}

static void token_is_for_the_callee_and_renewed_in_time(void **state UNUSED)
{
	struct claims first, second;
	struct peer_call call = get("/echo/Authorization");
	int64_t now = clock_wall_us();

	clock_set_test(now);
	verify(ask("/echo/Authorization"), "products", &first);
	assert_string_equal(first.username, "carts");
	assert_int_equal(first.role, ROLE_SERVICE);
	assert_true(first.exp - first.iat == 60);
	clock_set_test(now + 29 * INT64_C(1000000));
	verify(ask("/echo/Authorization"), "products", &second);
	assert_string_equal(second.jti, first.jti);
	clock_set_test(now + 31 * INT64_C(1000000));
	verify(ask("/echo/Authorization"), "products", &second);
	assert_string_not_equal(second.jti, first.jti);
	call.service = "users";
	assert_int_equal(peer_send(peer, &call), 0);
	verify(sbuf_str(&call.reply), "users", &second);
	clock_set_test(0);
	for (int i = 0; i < 20; i++) { /* more callees than are remembered */
		char name[16];

		snprintf(name, sizeof(name), "service%d", i);
		call.service = name;
		assert_int_equal(peer_send(peer, &call), 0);
		verify(sbuf_str(&call.reply), name, &second);
	}
}

static void connections_are_kept(void **state UNUSED)
{
	unsigned before = http_connections();

	for (int i = 0; i < 20; i++)
		ask("/status/200");
	assert_int_equal(http_connections(), before + 1);
}

static void many_calls_run_side_by_side(void **state UNUSED)
{
	struct peer_call calls[8];
	int64_t start = clock_mono_us();

	for (int i = 0; i < 8; i++)
		calls[i] = get(i == 3 ? "/close" : i == 5 ? "/slow/5000" : "/slow/200");
	calls[5].timeout_ms = 300;
	peer_send_all(peer, calls, 8);
	assert_in_range((clock_mono_us() - start) / 1000, 290, 1500);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(calls[i].status, i == 3 || i == 5 ? 0 : 200);
		assert_string_equal(sbuf_str(&calls[i].reply), i == 3 || i == 5 ? "" : "slow");
	}
}

static void absent_socket_fails_at_once(void **state UNUSED)
{
	struct peer_call call = get("/status/200");
	int64_t start = clock_mono_us();

	http_stop();
	assert_int_equal(peer_send(peer, &call), -1);
	assert_true(clock_mono_us() - start < 500000);
	http_start(socket_path, handler);
	assert_int_equal(peer_send(peer, &call), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_up, each_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(every_http_status_is_an_answer),
		TEST(failures_have_no_status_and_are_counted),
		TEST(an_answer_of_one_mebibyte_passes),
		TEST(redirects_are_not_followed),
		TEST(waiting_is_bounded),
		TEST(method_and_body_arrive),
		TEST(path_goes_as_it_is),
		TEST(id_trace_and_time_left_are_passed_on),
		TEST(token_is_for_the_callee_and_renewed_in_time),
		TEST(connections_are_kept),
		TEST(many_calls_run_side_by_side),
		TEST(absent_socket_fails_at_once),
	};

	return cmocka_run_group_tests(tests, up, down);
}
