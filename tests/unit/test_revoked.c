/* test_revoked.c - the list of revocations: who is refused, what is kept, how it is read. */
#include "compat.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <cmocka.h>

#include "clock.h"
#include "metrics.h"
#include "revoked.h"
#include "rnd.h"

#define NOW_S INT64_C(1800000000)

static struct {
	const char *reply[4]; /* one after the other; NULL: auth does not answer */
	int status;
	unsigned calls;
	char asked[4][128];
} auth;

/* Stands in for the call over HTTP. */
int peer_send(struct peer *peer UNUSED, struct peer_call *call)
{
	static struct sbuf reply;
	unsigned n = auth.calls++;

	assert_true(n < COUNT(auth.asked) && call->timeout_ms > 0 && call->quiet);
	snprintf(auth.asked[n], sizeof(auth.asked[n]), "%s %s", call->method, call->path);
	if (!auth.reply[n])
		return -1;
	sbuf_free(&reply);
	sbuf_init(&reply, 1 << 20);
	sbuf_addstr(&reply, auth.reply[n]);
	call->status = auth.status;
	call->reply = reply;
	return 0;
}

static int none(void *arg UNUSED, int64_t seconds UNUSED)
{
	return 0;
}

static void at(int64_t s)
{
	clock_set_test(s * 1000000);
}

/* What expired is dropped now and then, of 200 readings at least once. */
static void read_often(void)
{
	for (int i = 0; i < 200; i++)
		assert_int_equal(revoked_update(none, NULL), 0);
}

/* The list is emptied: all expires. */
static int fresh(void **state UNUSED)
{
	at(NOW_S + 86400);
	read_often();
	assert_int_equal(revoked_count(), 0);
	at(NOW_S);
	memset(&auth, 0, sizeof(auth));
	auth.status = 200;
	return 0;
}

static const char *id_text(uint64_t n, char text[UUID_TEXT])
{
	unsigned char id[16] = { 0x01, 0x92 };

	for (int i = 15; i > 7; i--, n >>= 8)
		id[i] = (unsigned char)n;
	return uuid_text(id, text);
}

/* Whether a token of this session, user and role, made at this second, is refused. */
static bool refused(uint64_t session, uint64_t user, enum role role, int64_t made_s)
{
	struct claims c = { .user_id = user, .role = role };
	unsigned char jti[16];

	id_text(session, c.sid);
	at(made_s);
	rnd_uuid7(jti);
	uuid_text(jti, c.jti);
	at(NOW_S);
	return revoked_is(&c);
}

static void end_session(uint64_t row, uint64_t session, int64_t expires_s)
{
	struct revocation r = { .id = row, .of_session = true, .expires_s = expires_s };
	char text[UUID_TEXT];

	assert_int_equal(uuid_parse(id_text(session, text), UUID_TEXT - 1, r.session_id), 0);
	revoked_add(&r);
}

static void set_role(uint64_t row, uint64_t user, enum role role)
{
	revoked_add(&(struct revocation){
		.id = row, .user_id = user, .role = role, .expires_s = NOW_S + 60 });
}

static void nothing_is_refused_by_an_empty_list(void **state UNUSED)
{
	assert_false(refused(1, 1, ROLE_CUSTOMER, NOW_S - 9));
}

static void an_ended_session_is_refused_and_no_other(void **state UNUSED)
{
	end_session(1, 7, NOW_S + 60);
	assert_true(refused(7, 5, ROLE_CUSTOMER, NOW_S - 9));
	assert_true(refused(7, 5, ROLE_CUSTOMER, NOW_S + 9));
	assert_false(refused(8, 5, ROLE_CUSTOMER, NOW_S - 9));
	assert_false(refused(8, 7, ROLE_CUSTOMER, NOW_S - 9));
}

static void a_users_id_is_no_sessions_id(void **state UNUSED)
{
	struct claims c = { .user_id = 9, .role = ROLE_ADMIN };
	unsigned char id[16] = { 0 };

	memcpy(id + 8, &(uint64_t){ 7 }, 8); /* as the key of user 7 lies in memory */
	uuid_text(id, c.sid);
	set_role(1, 7, ROLE_NONE);
	assert_false(revoked_is(&c));
}

static void a_user_needs_the_role_of_his_newest_row(void **state UNUSED)
{
	set_role(10, 5, ROLE_ADMIN);
	assert_int_equal(revoked_update(none, NULL), 0);
	assert_true(refused(1, 5, ROLE_CUSTOMER, NOW_S - 9));
	assert_false(refused(1, 5, ROLE_ADMIN, NOW_S - 9));
	set_role(12, 5, ROLE_CUSTOMER);
	assert_false(refused(1, 5, ROLE_CUSTOMER, NOW_S - 9));
	assert_true(refused(1, 5, ROLE_ADMIN, NOW_S - 9));
	set_role(11, 5, ROLE_NONE); /* committed later, but older */
	assert_false(refused(1, 5, ROLE_CUSTOMER, NOW_S - 9));
	set_role(13, 5, ROLE_NONE);
	assert_true(refused(1, 5, ROLE_CUSTOMER, NOW_S - 9));
	assert_true(refused(1, 5, ROLE_ADMIN, NOW_S - 9));
	assert_false(refused(1, 6, ROLE_ADMIN, NOW_S - 9));
	assert_int_equal(revoked_count(), 1);
}

static void a_token_younger_than_the_list_is_not_judged_by_role(void **state UNUSED)
{
	assert_int_equal(revoked_update(none, NULL), 0);
	set_role(1, 5, ROLE_ADMIN);
	/* made after a second change that the list does not know yet */
	assert_false(refused(1, 5, ROLE_CUSTOMER, NOW_S + 1));
	assert_true(refused(1, 5, ROLE_CUSTOMER, NOW_S));
	at(NOW_S + 2);
	assert_int_equal(revoked_update(none, NULL), 0);
	assert_true(refused(1, 5, ROLE_CUSTOMER, NOW_S + 1));
}

static void claims_that_hold_no_uuid_are_judged_on_the_safe_side(void **state UNUSED)
{
	struct claims c = { .user_id = 5, .role = ROLE_CUSTOMER, .sid = "", .jti = "x" };

	end_session(1, 0, NOW_S + 60);
	assert_false(revoked_is(&c));
	set_role(2, 5, ROLE_NONE);
	assert_int_equal(revoked_update(none, NULL), 0);
	assert_true(revoked_is(&c));
}

static void what_expired_is_dropped_and_never_taken(void **state UNUSED)
{
	end_session(1, 1, NOW_S);
	assert_int_equal(revoked_count(), 0);
	for (uint64_t i = 1; i <= 100; i++)
		end_session(i, i, NOW_S + (i <= 70 ? 60 : 600));
	assert_int_equal(revoked_count(), 100);
	at(NOW_S + 120);
	read_often();
	assert_int_equal(revoked_count(), 30);
	assert_false(refused(70, 1, ROLE_CUSTOMER, NOW_S));
	assert_true(refused(71, 1, ROLE_CUSTOMER, NOW_S));
}

static void it_grows_and_beyond_its_maximum_keeps_the_newest(void **state UNUSED)
{
	const uint64_t many = REVOKED_MAX + 1000;

	for (uint64_t i = 1; i <= many; i++) {
		end_session(i, i, NOW_S + 60);
		assert_true(revoked_count() <= REVOKED_MAX);
		if (i == REVOKED_MAX)
			assert_int_equal(revoked_count(), REVOKED_MAX);
	}
	assert_true(revoked_count() >= REVOKED_MAX / 8 * 7);
	for (uint64_t i = many; i > many - REVOKED_MAX / 8 * 7; i--)
		assert_true(refused(i, 1, ROLE_CUSTOMER, NOW_S - 9));
	assert_false(refused(1, 1, ROLE_CUSTOMER, NOW_S - 9));
}

/* ---- reading */

static int64_t window;
static int source_status;

static int note(void *arg, int64_t seconds)
{
	window = seconds;
	assert_ptr_equal(arg, &window);
	return source_status;
}

static void a_failure_is_counted_and_the_list_stands(void **state UNUSED)
{
	uint64_t errors = metrics_get(M_REVOCATION_ERRORS);

	end_session(1, 7, NOW_S + 60);
	source_status = -1;
	assert_int_equal(revoked_update(note, &window), -1);
	assert_int_equal(metrics_get(M_REVOCATION_ERRORS), errors + 1);
	assert_true(refused(7, 5, ROLE_CUSTOMER, NOW_S - 9));
	source_status = 0;
	assert_int_equal(revoked_update(note, &window), 0);
	assert_int_equal(metrics_get(M_REVOCATION_ERRORS), errors + 1);
}

/* Of this process, so before any other reading. */
static void the_first_reading_is_of_all_and_the_next_ones_overlap(void **state UNUSED)
{
	at(NOW_S);
	source_status = -1;
	assert_int_equal(revoked_update(note, &window), -1);
	assert_int_equal(window, 0);
	source_status = 0;
	assert_int_equal(revoked_update(note, &window), 0);
	assert_int_equal(window, 0);
	assert_int_equal(revoked_update(note, &window), 0);
	assert_in_range(window, 31, 60);
}

static void all_pages_are_read(void **state UNUSED)
{
	auth.reply[0] = "{\"success\":true,\"data\":["
			"{\"id\":3,\"session_id\":\"01920000-0000-0000-0000-000000000007\","
			"\"expires_at\":1800000060,\"later\":[1]},"
			"{\"id\":4,\"user_id\":5,\"role\":\"none\",\"expires_at\":1800000060}],"
			"\"count\":2,\"next\":4}";
	auth.reply[1] = "{\"success\":true,\"data\":["
			"{\"id\":9,\"user_id\":6,\"role\":\"admin\",\"expires_at\":1800000060},"
			"{\"id\":10,\"user_id\":8,\"role\":\"unheard\",\"expires_at\":1800000060}],"
			"\"count\":2}";
	assert_int_equal(revoked_update(revoked_from_auth, NULL), 0);
	assert_int_equal(auth.calls, 2);
	assert_memory_equal(auth.asked[0], "GET /internal/auth/revocations?seconds=3", 40);
	assert_string_equal(auth.asked[1], "GET /internal/auth/revocations?after=4");
	assert_true(refused(7, 1, ROLE_CUSTOMER, NOW_S - 9));
	assert_true(refused(1, 5, ROLE_CUSTOMER, NOW_S - 9));
	assert_true(refused(1, 6, ROLE_CUSTOMER, NOW_S - 9));
	assert_false(refused(1, 6, ROLE_ADMIN, NOW_S - 9));
	assert_true(refused(1, 8, ROLE_ADMIN, NOW_S - 9));
	assert_int_equal(revoked_from_auth(NULL, 0), -1);
	assert_string_equal(auth.asked[2], "GET /internal/auth/revocations");
}

static void an_answer_that_is_none_is_a_failure(void **state UNUSED)
{
	static const char *const bad[] = {
		NULL,
		"",
		"[]",
		"{\"success\":true}",
		"{\"data\":[{\"id\":1,\"expires_at\":1800000060}]}",
		"{\"data\":[{\"id\":1,\"user_id\":5,\"expires_at\":1800000060}]}",
		"{\"data\":[{\"id\":1,\"role\":\"none\",\"expires_at\":1800000060}]}",
		"{\"data\":[{\"id\":1,\"user_id\":5,\"role\":\"none\"}]}",
		"{\"data\":[{\"id\":0,\"user_id\":5,\"role\":\"none\",\"expires_at\":1800000060}]}",
		"{\"data\":[{\"id\":1,\"session_id\":\"0192f000-0000-7000-8000-00000000000g\","
		"\"expires_at\":1800000060}]}",
		"{\"data\":[],\"next\":0}",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		auth.calls = 0;
		auth.reply[0] = bad[i];
		assert_int_equal(revoked_from_auth(NULL, 0), -1);
		assert_int_equal(revoked_count(), 0);
	}
	auth.calls = 0;
	auth.reply[0] = "{\"data\":[]}";
	auth.status = 503;
	assert_int_equal(revoked_from_auth(NULL, 0), -1);
	auth.calls = 0;
	auth.status = 200;
	auth.reply[0] = auth.reply[1] = "{\"data\":[],\"next\":7}"; /* for ever */
	assert_int_equal(revoked_from_auth(NULL, 0), -1);
	assert_int_equal(auth.calls, 2);
}

/* ---- threads */

static atomic_bool done;

static void *ask(void *arg UNUSED)
{
	struct claims ended = { .user_id = 1, .role = ROLE_CUSTOMER }, other = ended;
	uintptr_t wrong = 0, asked = 0;

	id_text(7, ended.sid);
	id_text(UINT64_MAX, other.sid);
	for (; !atomic_load(&done); asked++)
		wrong += !revoked_is(&ended) || revoked_is(&other);
	return (void *)(asked ? wrong : 1);
}

static void it_can_be_asked_while_it_grows(void **state UNUSED)
{
	pthread_t thread[3];
	void *wrong;

	end_session(1, 7, NOW_S + 600);
	for (size_t i = 0; i < COUNT(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, ask, NULL), 0);
	for (uint64_t i = 8; i < 50000; i++)
		end_session(i, i, NOW_S + 60);
	atomic_store(&done, true);
	for (size_t i = 0; i < COUNT(thread); i++) {
		assert_int_equal(pthread_join(thread[i], &wrong), 0);
		assert_null(wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_reading_is_of_all_and_the_next_ones_overlap),
		cmocka_unit_test_setup(nothing_is_refused_by_an_empty_list, fresh),
		cmocka_unit_test_setup(an_ended_session_is_refused_and_no_other, fresh),
		cmocka_unit_test_setup(a_users_id_is_no_sessions_id, fresh),
		cmocka_unit_test_setup(a_user_needs_the_role_of_his_newest_row, fresh),
		cmocka_unit_test_setup(a_token_younger_than_the_list_is_not_judged_by_role, fresh),
		cmocka_unit_test_setup(claims_that_hold_no_uuid_are_judged_on_the_safe_side, fresh),
		cmocka_unit_test_setup(what_expired_is_dropped_and_never_taken, fresh),
		cmocka_unit_test_setup(it_grows_and_beyond_its_maximum_keeps_the_newest, fresh),
		cmocka_unit_test_setup(a_failure_is_counted_and_the_list_stands, fresh),
		cmocka_unit_test_setup(all_pages_are_read, fresh),
		cmocka_unit_test_setup(an_answer_that_is_none_is_a_failure, fresh),
		cmocka_unit_test_setup(it_can_be_asked_while_it_grows, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
