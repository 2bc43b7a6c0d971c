/*
 * test_mirror.c - the mirror against a real redis-server on a throw-away unix socket; skipped
 * (77) when there is none. The scripts are compared with a model of the protocol in C, step
 * by random step.
 */
#include "compat.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "clock.h"
#include "mirror.h"

#define STEPS 20000
#define USERS 3

static char dir[64], socket_path[96];
static pid_t server;
static struct cfg *cfg;
static struct pool *pool;

static void nap_ms(long ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static void silence(void)
{
	int null = open("/dev/null", O_RDWR);

	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
}

#define run_quietly(...) run_words((const char *const[]){ __VA_ARGS__, NULL })
static int run_words(const char *const *words)
{
	char *argv[16] = { NULL };
	int status;
	pid_t pid;

	for (size_t i = 0; words[i]; i++)
		argv[i] = xstrdup(words[i]);
	pid = fork();
	if (pid == 0) {
		silence();
		execvp(argv[0], argv);
		_exit(127);
	}
	for (size_t i = 0; argv[i]; i++)
		free(argv[i]);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void server_start(void)
{
	server = fork();
	if (server == 0) {
		silence();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket_path,
		       "--dir", dir, "--save", "", "--appendonly", "yes", (char *)NULL);
		_exit(127);
	}
	assert_true(server > 0);
}

static void server_stop(void)
{
	if (server <= 0)
		return;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	server = 0;
	unlink(socket_path);
}

static struct mirror *fresh(void)
{
	struct mirror *m = mirror_new(cfg);

	assert_non_null(m);
	return m;
}

static void server_wait(void)
{
	struct mirror *m = fresh();
	int64_t until = clock_mono_us() + 10000000;

	while (mirror_ping(m) != MIRROR_OK && clock_mono_us() < until)
		nap_ms(10);
	assert_int_equal(mirror_ping(m), MIRROR_OK);
	mirror_free(&m);
}

static struct mirror_state state(uint64_t version, uint64_t fence, const char *doc)
{
	return (struct mirror_state){ version, fence, doc, doc ? strlen(doc) : 0 };
}

static enum mirror_status one(struct mirror *m, enum mirror_verb verb, uint64_t user,
			      struct mirror_state s)
{
	struct mirror_op op = { .verb = verb, .user = user, .state = s };

	if (mirror_run(m, &op, 1) != MIRROR_OK)
		return MIRROR_DOWN;
	return op.result;
}

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
		bool own = s->pv == base->version && s->pf == base->fence;

		if (!own && !with_base)
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

static void compare(struct mirror *m, const struct model *want, uint64_t user, int step)
{
	struct mirror_slots got;

	assert_int_equal(mirror_read(m, user, &got, pool), MIRROR_OK);
	if (got.committed.version != want->v || got.committed.fence != want->f ||
	    got.prepared.version != want->pv || got.prepared.fence != want->pf)
		fail_msg("step %d differs from the model", step);
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

static void step_prepare(struct mirror *m, struct model *s, uint64_t user, uint64_t *fence)
{
	struct mirror_state base, next;
	bool with_base = dice(2), promoted = dice(2);
	uint64_t v = promoted && s->pv ? s->pv : near(s->v) - dice(2);
	uint64_t f = promoted && s->pv ? s->pf : v == s->v ? s->f : near(s->f);

	if (v == 0)
		f = 0;
	base = state(v, f, v ? doc_of(v, f) : "[]");
	next = state(v + 1, dice(5) ? ++*fence : near(s->mf), NULL);
	next.doc = doc_of(next.version, next.fence);
	next.len = strlen(next.doc);
	assert_int_equal(mirror_prepare(m, user, &base, with_base, &next),
			 model_prepare(s, &base, with_base && v, &next));
}

static void step_settle(struct mirror *m, struct model *s, uint64_t user, bool promote)
{
	bool exact = dice(4) && s->pv;
	uint64_t v = exact ? s->pv : near(s->pv), f = exact ? s->pf : near(s->pf);

	assert_int_equal(one(m, promote ? MIRROR_PROMOTE : MIRROR_ABORT, user, state(v, f, NULL)),
			 model_settle(s, promote, v, f));
}

static void step_force(struct mirror *m, struct model *s, uint64_t user, bool overwrite)
{
	uint64_t v = near(s->v), f = v == s->v && dice(2) ? s->f : near(s->mf);

	assert_int_equal(one(m, overwrite ? MIRROR_OVERWRITE : MIRROR_FORCE, user,
			     state(v, f, doc_of(v, f))),
			 model_force(s, v, f, overwrite));
}

static void scripts_agree_with_the_model_over_random_steps(void **unused UNUSED)
{
	struct model s[USERS] = { { 0 } };
	struct mirror *m = fresh();
	uint64_t fence = 0;

	for (int step = 0; step < STEPS; step++) {
		unsigned u = dice(USERS);
		uint32_t what = dice(10);

		if (what < 5)
			step_prepare(m, &s[u], 100 + u, &fence);
		else if (what < 7)
			step_settle(m, &s[u], 100 + u, true);
		else if (what < 8)
			step_settle(m, &s[u], 100 + u, false);
		else
			step_force(m, &s[u], 100 + u, what == 9);
		compare(m, &s[u], 100 + u, step);
		pool_reset(pool);
	}
	mirror_free(&m);
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
	assert_int_equal(one(m, MIRROR_PROMOTE, 7, next), MIRROR_OK);
	assert_int_equal(one(m, MIRROR_PROMOTE, 7, next), MIRROR_NO);
	assert_int_equal(mirror_read(m, 7, &slots, pool), MIRROR_OK);
	assert_int_equal(slots.committed.version, 1);
	assert_int_equal(slots.committed.fence, 1000000);
	assert_string_equal(slots.committed.doc, "[]");
	assert_int_equal(slots.prepared.version, 0);
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

	server_stop();
	server_start();
	server_wait();
	/* the scripts are gone from the server, and the old connection is dead */
	assert_int_equal(one(m, MIRROR_PROMOTE, 8, next), MIRROR_OK);
	assert_false(m->verified);
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
	kill(server, SIGSTOP);
	start = clock_mono_us();
	assert_int_equal(mirror_prepare(m, 9, &base, false, &next), MIRROR_DOWN);
	assert_in_range(clock_mono_us() - start, 200000, 350000);
	assert_true(strlen(m->error) > 0);
	kill(server, SIGCONT);
	/* the late answer belongs to a closed connection and is never read */
	assert_int_equal(mirror_read(m, 9, &slots, pool), MIRROR_OK);

	server_stop();
	start = clock_mono_us();
	assert_int_equal(mirror_ping(m), MIRROR_DOWN);
	assert_true(clock_mono_us() - start < 100000);
	server_start();
	server_wait();
	assert_int_equal(mirror_ping(m), MIRROR_OK);
	mirror_free(&m);
}

static void keys_of_another_type_are_failures_not_crashes(void **unused UNUSED)
{
	struct mirror *m = fresh();
	struct mirror_slots slots;

	run_quietly("redis-cli", "-s", socket_path, "SET", "cart:66", "x");
	assert_int_equal(mirror_read(m, 66, &slots, pool), MIRROR_DOWN);
	assert_int_equal(one(m, MIRROR_PROMOTE, 66, state(1, 1, NULL)), MIRROR_DOWN);
	assert_int_equal(mirror_ping(m), MIRROR_OK);
	mirror_free(&m);
}

static int set_up(void **unused UNUSED)
{
	char path[128];
	struct sbuf error;
	FILE *f;

	snprintf(dir, sizeof(dir), "/tmp/halle-mirror-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(socket_path, sizeof(socket_path), "%s/redis.sock", dir);
	snprintf(path, sizeof(path), "%s/halle.conf", dir);
	f = fopen(path, "w");
	if (!f)
		return -1;
	fprintf(f, "mirror_socket = %s\n", socket_path);
	fclose(f);
	sbuf_init(&error, 512);
	cfg = cfg_load(path, "carts", &error);
	pool = pool_new();
	server_start();
	server_wait();
	return cfg ? 0 : -1;
}

static int tear_down(void **unused UNUSED)
{
	server_stop();
	cfg_free(&cfg);
	pool_free(&pool);
	return run_quietly("rm", "-rf", "--", dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_is_prepared_then_promoted),
		cmocka_unit_test(scripts_agree_with_the_model_over_random_steps),
		cmocka_unit_test(a_batch_is_answered_in_its_order),
		cmocka_unit_test(all_pending_users_are_found_however_many),
		cmocka_unit_test(the_first_call_after_a_restart_succeeds_and_the_epoch_is_new),
		cmocka_unit_test(a_stopped_server_fails_at_once_and_a_frozen_one_in_time),
		cmocka_unit_test(keys_of_another_type_are_failures_not_crashes),
	};

	if (run_quietly("redis-server", "--version") != 0)
		return 77;
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
