/*
 * test_mirror.c - the mirror in a real redis-server and in a real MariaDB server, both on
 * throw-away unix sockets; skipped (77) when either is missing. Every case runs for both, and
 * both are compared with a model of the protocol in C, step by random step.
 */
#include "compat.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "clock.h"
#include "db_fixture.h"
#include "mirror_fixture.h"

#define STEPS_REDIS 20000
#define STEPS_BOTH  4000
#define STEPS_LONG  200000
#define USERS       3

static struct pool *pool;

/* Right while fewer than MIRROR_PENDING users are pending. */
static bool is_pending(struct mirror *m, uint64_t user)
{
	uint64_t *users;
	unsigned count;

	assert_int_equal(mirror_pending(m, &users, &count, pool), MIRROR_OK);
	for (unsigned i = 0; i < count; i++)
		if (users[i] == user)
			return true;
	return false;
}

/* ---- the model: mirror_model's S, with the base carried or not */

struct model {
	uint64_t v, f, pv, pf, mf;
};

/* What a version and fence hold; so a slot that mixes two states is seen. */
static const char *doc_of(uint64_t version, uint64_t fence)
{
	return pool_printf(pool, "[{\"p\":%" PRIu64 ",\"q\":1,\"c\":%" PRIu64 "}]", version + 1, fence);
}

static enum mirror_status model_prepare(struct model *s, const struct mirror_state *base,
					bool with_base, const struct mirror_state *next)
{
	if (next->fence <= s->mf)
		return MIRROR_FENCED;
	if (s->v > base->version)
		return MIRROR_AHEAD;
	if (s->v < base->version) {
		if (!with_base)
			return MIRROR_BEHIND;
		s->v = base->version;
		s->f = base->fence;
	}
	s->pv = next->version;
	s->pf = s->mf = next->fence;
	return MIRROR_OK;
}

static enum mirror_status model_settle(struct model *s, bool promote, uint64_t v, uint64_t f)
{
	if (s->pv == 0 || s->pv != v || s->pf != f)
		return MIRROR_NO;
	if (promote) {
		s->v = v;
		s->f = f;
	}
	s->pv = s->pf = 0;
	return MIRROR_OK;
}

static enum mirror_status model_force(struct model *s, uint64_t v, uint64_t f, bool overwrite)
{
	enum mirror_status st = MIRROR_NO;

	if (s->pv && s->pv <= v) {
		s->pv = s->pf = 0;
		st = MIRROR_OK;
	}
	if (v < s->v)
		return MIRROR_AHEAD;
	if (v == s->v && f == s->f)
		return st;
	if (v == s->v && !overwrite)
		return MIRROR_DIFFERS;
	s->v = v;
	s->f = f;
	return MIRROR_OK;
}

static uint32_t dice_state = 20261120;

/* Repeatable, so that a failure can be looked at again. */
static uint32_t dice(uint32_t n)
{
	dice_state = dice_state * 1664525 + 1013904223;
	return (dice_state >> 8) % n;
}

static void compare(struct mirror *m, const struct model *want, uint64_t user, long step)
{
	struct mirror_slots got;

	assert_int_equal(mirror_read(m, user, &got, pool), MIRROR_OK);
	if (got.committed.version != want->v || got.committed.fence != want->f ||
	    got.prepared.version != want->pv || got.prepared.fence != want->pf)
		fail_msg("step %ld differs from the model", step);
	if (want->v)
		assert_string_equal(got.committed.doc, doc_of(want->v, want->f));
	assert_int_equal(is_pending(m, user), want->pv != 0);
}

/* Numbers near those that stand there, so that every branch is met. */
static uint64_t near(uint64_t v)
{
	uint64_t d = dice(3);

	return v + d > 1 ? v + d - 1 : 1;
}

/* The same step against all mirrors of the walk. */
struct walk {
	struct mirror *mirror[2];
	unsigned count;
	struct model model[USERS];
	uint64_t fence;
};

static void step_prepare(struct walk *w, struct model *s, uint64_t user)
{
	struct mirror_state base, next;
	bool with_base = dice(2), promoted = dice(2);
	uint64_t v = promoted && s->pv ? s->pv : near(s->v) - dice(2);
	uint64_t f = promoted && s->pv ? s->pf : v == s->v ? s->f : near(s->f);
	enum mirror_status want;

	if (v == 0)
		f = 0;
	base = state(v, f, v ? doc_of(v, f) : "[]");
	next = state(v + 1, dice(5) ? ++w->fence : near(s->mf), NULL);
	next.doc = doc_of(next.version, next.fence);
	next.len = strlen(next.doc);
	want = model_prepare(s, &base, with_base && v, &next);
	for (unsigned i = 0; i < w->count; i++)
		assert_int_equal(mirror_prepare(w->mirror[i], user, &base, with_base, &next), want);
}

static void step_settle(struct walk *w, struct model *s, uint64_t user, bool promote)
{
	enum mirror_verb verb = promote ? MIRROR_PROMOTE : MIRROR_ABORT;
	bool exact = dice(4) && s->pv;
	uint64_t v = exact ? s->pv : near(s->pv), f = exact ? s->pf : near(s->pf);
	enum mirror_status want = model_settle(s, promote, v, f);

	for (unsigned i = 0; i < w->count; i++)
		assert_int_equal(one(w->mirror[i], verb, user, state(v, f, NULL)), want);
}

static void step_force(struct walk *w, struct model *s, uint64_t user, bool overwrite)
{
	enum mirror_verb verb = overwrite ? MIRROR_OVERWRITE : MIRROR_FORCE;
	uint64_t v = near(s->v), f = v == s->v && dice(2) ? s->f : near(s->mf);
	enum mirror_status want = model_force(s, v, f, overwrite);

	for (unsigned i = 0; i < w->count; i++)
		assert_int_equal(one(w->mirror[i], verb, user, state(v, f, doc_of(v, f))), want);
}

static void step_forget(struct walk *w, struct model *s, uint64_t user)
{
	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < w->count; i++)
		assert_int_equal(mirror_forget(w->mirror[i], user), MIRROR_OK);
}

static void walk(struct walk *w, long steps)
{
	for (long step = 0; step < steps; step++) {
		unsigned u = dice(USERS);
		struct model *s = &w->model[u];
		uint32_t what = dice(40);

		if (what < 20)
			step_prepare(w, s, 100 + u);
		else if (what < 28)
			step_settle(w, s, 100 + u, true);
		else if (what < 32)
			step_settle(w, s, 100 + u, false);
		else if (what < 39)
			step_force(w, s, 100 + u, what >= 36);
		else
			step_forget(w, s, 100 + u);
		for (unsigned i = 0; i < w->count; i++)
			compare(w->mirror[i], s, 100 + u, step);
		pool_reset(pool);
	}
	for (unsigned u = 0; u < USERS; u++)
		step_forget(w, &w->model[u], 100 + u);
	for (unsigned i = 0; i < w->count; i++)
		mirror_free(&w->mirror[i]);
}

static void scripts_agree_with_the_model_over_random_steps(void **unused UNUSED)
{
	struct walk w = { .mirror = { fresh() }, .count = 1 };

	walk(&w, STEPS_REDIS);
}

static void both_stores_agree_with_the_model_and_so_with_each_other(void **unused UNUSED)
{
	struct walk w = { .mirror = { mirror_new(redis.cfg), mirror_new(maria.cfg) }, .count = 2 };

	walk(&w, getenv("HALLE_LONG") ? STEPS_LONG : STEPS_BOTH);
}

static void a_write_is_prepared_then_promoted(void **unused UNUSED)
{
	struct mirror *m = fresh();
	struct mirror_state base = state(0, 0, "[]"), next = state(1, 1000000, "[]");
	struct mirror_slots slots;

	assert_int_equal(mirror_prepare(m, 7, &base, false, &next), MIRROR_OK);
	assert_int_equal(mirror_read(m, 7, &slots, pool), MIRROR_OK);
	assert_int_equal(slots.committed.version, 0);
	assert_int_equal(slots.prepared.version, 1);
	assert_int_equal(slots.prepared.fence, 1000000);
	assert_string_equal(slots.prepared.doc, "[]");
	assert_int_equal(slots.fence, 1000000);
	assert_int_equal(one(m, MIRROR_PROMOTE, 7, next), MIRROR_OK);
	assert_int_equal(one(m, MIRROR_PROMOTE, 7, next), MIRROR_NO);
	assert_int_equal(mirror_read(m, 7, &slots, pool), MIRROR_OK);
	assert_int_equal(slots.committed.version, 1);
	assert_int_equal(slots.committed.fence, 1000000);
	assert_string_equal(slots.committed.doc, "[]");
	assert_int_equal(slots.prepared.version, 0);
	assert_int_equal(slots.fence, 1000000);
	assert_int_equal(mirror_forget(m, 7), MIRROR_OK);
	assert_int_equal(mirror_read(m, 7, &slots, pool), MIRROR_OK);
	assert_int_equal(slots.committed.version, 0);
	mirror_free(&m);
}

static void a_batch_is_answered_in_its_order(void **unused UNUSED)
{
	struct mirror *m = fresh();
	struct mirror_op ops[MIRROR_BATCH];

	for (unsigned i = 0; i < MIRROR_BATCH; i++)
		ops[i] = (struct mirror_op){ i % 2 ? MIRROR_ABORT : MIRROR_FORCE, 1000 + i,
					     state(1, 1, "[]"), MIRROR_DOWN };
	assert_int_equal(mirror_run(m, ops, MIRROR_BATCH), MIRROR_OK);
	for (unsigned i = 0; i < MIRROR_BATCH; i++)
		assert_int_equal(ops[i].result, i % 2 ? MIRROR_NO : MIRROR_OK);
	mirror_free(&m);
}

static void all_pending_users_are_found_however_many(void **unused UNUSED)
{
	struct mirror *m = fresh();
	struct mirror_state base = state(0, 0, "[]"), next = state(1, 1, "[]");
	uint64_t *users;
	unsigned count, found = 0;

	for (unsigned i = 0; i < 3 * MIRROR_PENDING; i++)
		assert_int_equal(mirror_prepare(m, 5000 + i, &base, false, &next), MIRROR_OK);
	do {
		assert_int_equal(mirror_pending(m, &users, &count, pool), MIRROR_OK);
		for (unsigned i = 0; i < count; i++)
			if (one(m, MIRROR_PROMOTE, users[i], next) == MIRROR_OK)
				found += users[i] >= 5000;
	} while (count == MIRROR_PENDING);
	assert_int_equal(found, 3 * MIRROR_PENDING);
	assert_int_equal(mirror_forget(m, 5000), MIRROR_OK);
	mirror_free(&m);
}

static void every_user_with_a_state_is_listed(void **unused UNUSED)
{
	struct mirror *m = fresh();
	struct mirror_state base = state(0, 0, "[]"), next = state(1, 1, "[]");
	uint64_t *users, cursor = 0;
	bool seen[1000] = { false };
	unsigned count;

	for (unsigned i = 0; i < COUNT(seen); i++)
		assert_int_equal(mirror_prepare(m, 20000 + i, &base, false, &next), MIRROR_OK);
	assert_int_equal(one(m, MIRROR_PROMOTE, 20000, next), MIRROR_OK);
	do {
		assert_int_equal(mirror_list(m, &cursor, &users, &count, pool), MIRROR_OK);
		for (unsigned i = 0; i < count; i++) {
			assert_true(users[i] > 0);
			if (users[i] >= 20000 && users[i] < 20000 + COUNT(seen))
				seen[users[i] - 20000] = true;
		}
	} while (cursor);
	for (unsigned i = 0; i < COUNT(seen); i++) {
		assert_true(seen[i]);
		assert_int_equal(mirror_forget(m, 20000 + i), MIRROR_OK);
	}
	mirror_free(&m);
}

static void the_first_call_after_a_restart_succeeds_and_the_epoch_is_new(void **unused UNUSED)
{
	struct mirror *m = fresh();
	char before[MIRROR_EPOCH_MAX], after[MIRROR_EPOCH_MAX];
	struct mirror_state base = state(0, 0, "[]"), next = state(1, 1, "[]");
	bool verified;

	assert_int_equal(mirror_epoch(m, before, &verified), MIRROR_OK);
	assert_false(verified);
	assert_int_equal(mirror_verify(m, before), MIRROR_OK);
	assert_int_equal(mirror_epoch(m, before, &verified), MIRROR_OK);
	assert_true(verified);
	assert_int_equal(mirror_prepare(m, 8, &base, false, &next), MIRROR_OK);

	server->stop();
	server->start();
	server_wait();
	/* the scripts are gone from the server, and the old connection is dead */
	assert_int_equal(one(m, MIRROR_PROMOTE, 8, next), MIRROR_OK);
	assert_int_equal(mirror_epoch(m, after, &verified), MIRROR_OK);
	assert_false(verified);
	assert_string_not_equal(before, after);
	mirror_free(&m);
}

static void a_stopped_server_fails_at_once_and_a_frozen_one_in_time(void **unused UNUSED)
{
	struct mirror *m = fresh();
	struct mirror_state base = state(0, 0, "[]"), next = state(1, 1, "[]");
	struct mirror_slots slots;
	int64_t start;

	assert_int_equal(mirror_ping(m), MIRROR_OK);
	server->signal(SIGSTOP);
	start = clock_mono_us();
	assert_int_equal(mirror_prepare(m, 9, &base, false, &next), MIRROR_DOWN);
	assert_in_range(clock_mono_us() - start, 200000, 350000);
	assert_true(strlen(m->error) > 0);
	server->signal(SIGCONT);
	/* the late answer belongs to a closed connection and is never read */
	assert_int_equal(mirror_read(m, 9, &slots, pool), MIRROR_OK);

	server->stop();
	start = clock_mono_us();
	assert_int_equal(mirror_ping(m), MIRROR_DOWN);
	assert_true(clock_mono_us() - start < 100000);
	server->start();
	server_wait();
	assert_int_equal(mirror_ping(m), MIRROR_OK);
	mirror_free(&m);
}

static void keys_of_another_type_are_failures_not_crashes(void **unused UNUSED)
{
	struct mirror *m = fresh();
	struct mirror_slots slots;

	assert_int_equal(redis_cli("SET", "cart:66", "x"), 0);
	assert_int_equal(mirror_read(m, 66, &slots, pool), MIRROR_DOWN);
	assert_int_equal(one(m, MIRROR_PROMOTE, 66, state(1, 1, NULL)), MIRROR_DOWN);
	assert_int_equal(mirror_ping(m), MIRROR_OK);
	mirror_free(&m);
}

/* ---- MariaDB alone */

static bool is_verified(struct mirror *m, char epoch_r[MIRROR_EPOCH_MAX])
{
	bool verified;

	return mirror_epoch(m, epoch_r, &verified) == MIRROR_OK && verified;
}

static void verify(struct mirror *m)
{
	char epoch[MIRROR_EPOCH_MAX];

	is_verified(m, epoch);
	assert_int_equal(mirror_verify(m, epoch), MIRROR_OK);
	assert_true(is_verified(m, epoch));
}

static void an_emptied_table_is_another_matter_than_the_verified_one(void **unused UNUSED)
{
	struct mirror *m = fresh();
	char epoch[MIRROR_EPOCH_MAX];

	verify(m);
	fixture_sql("DELETE FROM halle_mirror.cart_mirror");
	assert_false(is_verified(m, epoch));
	verify(m);
	fixture_sql("TRUNCATE TABLE halle_mirror.cart_mirror");
	assert_false(is_verified(m, epoch));
	verify(m);
	fixture_sql("DELETE FROM halle_mirror.server_life");
	assert_false(is_verified(m, epoch));
	mirror_free(&m);
}

/* Also one that was dumped in this life of the server, and with its mark. */
static void a_table_loaded_from_a_dump_is_not_verified(void **unused UNUSED)
{
	struct mirror *m = fresh();
	char before[MIRROR_EPOCH_MAX], after[MIRROR_EPOCH_MAX] = "";

	verify(m);
	assert_true(is_verified(m, before));
	/* the age of a table is told in seconds */
	nap_ms(1100);
	fixture_sql("CREATE TABLE halle_mirror.dump LIKE halle_mirror.cart_mirror;"
		    "INSERT INTO halle_mirror.dump SELECT * FROM halle_mirror.cart_mirror;"
		    "DROP TABLE halle_mirror.cart_mirror;"
		    "RENAME TABLE halle_mirror.dump TO halle_mirror.cart_mirror");
	assert_string_equal(fixture_ask("SELECT d FROM halle_mirror.cart_mirror WHERE user_id = 0"),
			    before);
	assert_false(is_verified(m, after));
	assert_true(*after);
	assert_string_not_equal(before, after);
	mirror_free(&m);
}

static void a_row_that_somebody_else_holds_is_not_waited_for(void **unused UNUSED)
{
	static const char hold[] = "START TRANSACTION; SELECT v FROM halle_mirror.cart_mirror"
				   " WHERE user_id = 12 FOR UPDATE; DO SLEEP(0.7); COMMIT";
	struct mirror *m = fresh();
	struct mirror_state base = state(0, 0, "[]"), next = state(1, 1, "[]"), later = state(1, 2, "[]");
	int64_t start;
	pid_t other;

	assert_int_equal(mirror_prepare(m, 12, &base, false, &next), MIRROR_OK);
	other = fork();
	if (other == 0) {
		fixture_sql(hold);
		_exit(0);
	}
	while (strcmp(fixture_ask("SELECT COUNT(*) FROM information_schema.processlist"
				  " WHERE state = 'User sleep'"), "1") != 0)
		nap_ms(5);
	start = clock_mono_us();
	assert_int_equal(mirror_prepare(m, 12, &base, false, &later), MIRROR_DOWN);
	assert_in_range(clock_mono_us() - start, 200000, 500000);
	waitpid(other, NULL, 0);
	assert_int_equal(mirror_forget(m, 12), MIRROR_OK);
	mirror_free(&m);
}

int main(void)
{
	const struct CMUnitTest both[] = {
		cmocka_unit_test(a_write_is_prepared_then_promoted),
		cmocka_unit_test(a_batch_is_answered_in_its_order),
		cmocka_unit_test(all_pending_users_are_found_however_many),
		cmocka_unit_test(every_user_with_a_state_is_listed),
		cmocka_unit_test(the_first_call_after_a_restart_succeeds_and_the_epoch_is_new),
		cmocka_unit_test(a_stopped_server_fails_at_once_and_a_frozen_one_in_time),
	};
	const struct CMUnitTest in_redis[] = {
		cmocka_unit_test(scripts_agree_with_the_model_over_random_steps),
		cmocka_unit_test(keys_of_another_type_are_failures_not_crashes),
	};
	const struct CMUnitTest in_mariadb[] = {
		cmocka_unit_test(both_stores_agree_with_the_model_and_so_with_each_other),
		cmocka_unit_test(an_emptied_table_is_another_matter_than_the_verified_one),
		cmocka_unit_test(a_table_loaded_from_a_dump_is_not_verified),
		cmocka_unit_test(a_row_that_somebody_else_holds_is_not_waited_for),
	};
	int broken;

	if (!redis_installed())
		return 77;
	pool = pool_new();
	broken = cmocka_run_group_tests(both, redis_up, NULL);
	broken += cmocka_run_group_tests(in_redis, NULL, NULL);
	broken += cmocka_run_group_tests(both, maria_up, NULL);
	broken += cmocka_run_group_tests(in_mariadb, NULL, all_down);
	pool_free(&pool);
	return broken;
}
