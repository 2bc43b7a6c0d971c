/* test_passwd.c - password hashes, their hasher, and the forms of names. */
#include "compat.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <cmocka.h>

#include "clock.h"
#include "credentials.h"
#include "hasher.h"
#include "passwd.h"

#define ARGON_TAG "rk2Mi3E4dgRMg0fHaYaptWVZRKqs//6b6k3/nntqGJk"
#define ARGON_OURS                                                                       \
	"$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" ARGON_TAG
#define ARGON_OLD                                                                        \
	"$argon2id$v=19$m=4096,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg"                           \
	"$yKu3VvxpnGuioOMoo23yIk+ovTMwsjQzEGrIn1aXYmc"
/* with a short salt, and with a short tag */
#define ARGON_SALT8                                                                      \
	"$argon2id$v=19$m=19456,t=2,p=1$MTIzNDU2Nzg"                    \
	"$cc0+BFGLeUVk13tqvtPEtRS1u+AkYwXGHeHep464Hf0"
#define ARGON_TAG16                                                                      \
	"$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg"            \
	"$c42xlJK/hpcATRQ/F/mWqA"
#define SCRYPT_TAG                                                                       \
	"a745177740cefd9f2860f381eccba5440b997914bcd74e03cef8185a43a22b6f"               \
	"3c20587cea8a8c1120390dc0e2dc3b80d324c31326ff539b379130f4f028692b"
#define SCRYPT "scrypt:32768:8:1$kR3nq0XvPz5YbT7u$" SCRYPT_TAG
#define SCRYPT_UTF8                                                                      \
	"scrypt:16384:8:2$saltySALT1234567$"                                             \
	"8513fc884b41d151fcc3c3cb5f8a91403fba9240af9967588654f9cc9e9067fa"               \
	"a286b41820d50ebfac48f07287c4e88d3e2712236ba22426aa737dcbcb430ac4"
#define PBKDF2_TAG "edd43adcd27b0595f6539f393b4c97e0e414031ecca7e9579ea04573d3be0385"
#define PBKDF2	   "pbkdf2:sha256:1000$kR3nq0XvPz5YbT7u$" PBKDF2_TAG
#define PBKDF2_SLOW                                                                      \
	"pbkdf2:sha256:600000$aB3dE5gH$"                                                 \
	"19d9a3ac141dc1955333d093b77a5b7b3a8ff8b7a48dd627150e9b2fa27db9c4"

static bool fits(const char *stored, const char *password)
{
	return passwd_verify(stored, password, strlen(password));
}

static void known_hashes_fit_their_password_only(void **state UNUSED)
{
	static const struct {
		const char *stored, *password;
	} cases[] = {
		{ ARGON_OURS, "correct horse" }, { ARGON_OLD, "correct horse" },
		{ SCRYPT, "correct horse" },	 { SCRYPT_UTF8, "pässwörd ☃" },
		{ PBKDF2, "correct horse" },	 { PBKDF2_SLOW, "correct horse" },
		{ ARGON_SALT8, "correct horse" }, { ARGON_TAG16, "correct horse" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_true(fits(cases[i].stored, cases[i].password));
		assert_false(fits(cases[i].stored, "correct horsf"));
		assert_false(fits(cases[i].stored, ""));
	}
}

static void a_new_hash_fits_and_differs_from_the_next(void **state UNUSED)
{
	char a[PASSWD_TEXT], b[PASSWD_TEXT];

	passwd_hash("s3cret word", 11, a);
	passwd_rest();
	passwd_rest();
	passwd_hash("s3cret word", 11, b);
	assert_string_not_equal(a, b);
	assert_true(fits(a, "s3cret word"));
	assert_false(fits(a, "s3cret worD"));
	assert_false(passwd_outdated(a));
}

static void only_hashes_of_today_are_kept(void **state UNUSED)
{
	assert_false(passwd_outdated(ARGON_OURS));
	assert_true(passwd_outdated(ARGON_OLD));
	assert_true(passwd_outdated(SCRYPT));
	assert_true(passwd_outdated(PBKDF2));
}

static void
the_decoy_costs_as_much_as_a_hash_of_today_and_fits_nothing(void **state UNUSED)
{
	assert_false(passwd_outdated(passwd_decoy_hash));
	assert_int_equal(strlen(passwd_decoy_hash), strlen(ARGON_OURS));
	assert_false(fits(passwd_decoy_hash, "nobody has this!"));
}

static void what_can_be_verified_is_told_without_hashing(void **state UNUSED)
{
	static const char *const good[] = {
		ARGON_OURS, ARGON_OLD,	 SCRYPT,
		SCRYPT_UTF8, PBKDF2, PBKDF2_SLOW,
	};
	static const char *const bad[] = {
		ARGON_OURS "AA",
		ARGON_OURS "$",
		ARGON_OURS " ",
		"$argon2id$v=19$m=019456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" ARGON_TAG,
		"$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" ARGON_TAG "=",
		"$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZh$" ARGON_TAG,
		"$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1N$" ARGON_TAG,
		"$argon2id$v=19$m=19456,t=2,p=1$MDEyMz$" ARGON_TAG,
		"$argon2id$v=19$m=19456,t=2,p=1$$" ARGON_TAG,
		"$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$rk2M",
		"$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$",
		"$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg",
		"$argon2id$v=19$m=8,t=2,p=4$MDEyMzQ1Njc4OWFiY2RlZg$" ARGON_TAG,
	};

	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(passwd_verifiable(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(passwd_verifiable(bad[i]));
}

static void texts_of_another_form_or_out_of_bounds_fit_nothing(void **state UNUSED)
{
	static const char *const stored[] = {
		"",
		"$",
		"correct horse",
		"plain:correct horse",
		"$2b$12$abcdefghijklmnopqrstuv",
		"$argon2i$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$rk2M",
		"$argon2id$v=19$m=4194304,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"
		"rk2Mi3E4dgRMg0fHaYap",
		"$argon2id$v=19$m=19456,t=4000000000,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"
		"rk2Mi3E4dgRMg0",
		"$argon2id$v=19$m=19456,t=2,p=64$MDEyMzQ1Njc4OWFiY2RlZg$"
		"rk2Mi3E4dgRMg0fHaYaptW",
		"$argon2id$v=19$m=99999999999999999999,t=2,p=1$MDEy$rk2M",
		"$argon2id$v=19$m=19456,t=2,p=1",
		"$argon2id$v=19$m=19456,t=2,p=1$!$!",
		"scrypt:",
		"scrypt:32768:8:1",
		"scrypt:32768:8:1$",
		"scrypt:32768:8:1$salt",
		"scrypt:32768:8:1$$" SCRYPT_TAG,
		"scrypt:32768:8:1$kR3nq0XvPz5YbT7u$" SCRYPT_TAG "0",
		"scrypt:32768:8:1$kR3nq0XvPz5YbT7u$zz",
		"scrypt:32768:8$kR3nq0XvPz5YbT7u$" SCRYPT_TAG,
		"scrypt:262144:8:1$kR3nq0XvPz5YbT7u$" SCRYPT_TAG,
		"scrypt:32767:8:1$kR3nq0XvPz5YbT7u$" SCRYPT_TAG,
		"scrypt:0:8:1$kR3nq0XvPz5YbT7u$" SCRYPT_TAG,
		"scrypt:1:8:1$kR3nq0XvPz5YbT7u$" SCRYPT_TAG,
		"scrypt:32768:16:1$kR3nq0XvPz5YbT7u$" SCRYPT_TAG,
		"scrypt:32768:8:0$kR3nq0XvPz5YbT7u$" SCRYPT_TAG,
		"scrypt:32768:8:17$kR3nq0XvPz5YbT7u$" SCRYPT_TAG,
		"scrypt:-32768:8:1$kR3nq0XvPz5YbT7u$" SCRYPT_TAG,
		"scrypt:18446744073709584384:8:1$kR3nq0XvPz5YbT7u$" SCRYPT_TAG,
		"pbkdf2:sha256:999$kR3nq0XvPz5YbT7u$" PBKDF2_TAG,
		"pbkdf2:sha256:2000001$kR3nq0XvPz5YbT7u$" PBKDF2_TAG,
		"pbkdf2:sha256:1000$kR3nq0XvPz5YbT7u$edd4",
		"pbkdf2:sha1:1000$kR3nq0XvPz5YbT7u$" PBKDF2_TAG,
		"pbkdf2:sha256$kR3nq0XvPz5YbT7u$" PBKDF2_TAG,
		"pbkdf2:sha256:1000$" PBKDF2_TAG,
	};

	for (size_t i = 0; i < COUNT(stored); i++) {
		assert_false(fits(stored[i], "correct horse"));
		assert_false(passwd_verifiable(stored[i]));
	}
}

static void a_wiped_password_is_gone(void **state UNUSED)
{
	char text[] = "secret";

	xwipe(text, 6);
	assert_memory_equal(text, "\0\0\0\0\0\0", 7);
}

static struct {
	pthread_mutex_t lock;
	pthread_cond_t change;
	unsigned inside, most, ran;
	bool open;
} room = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };

/* Stands for a hash; ends when the room is open. */
static void stay(void *arg UNUSED)
{
	pthread_mutex_lock(&room.lock);
	room.ran++;
	if (++room.inside > room.most)
		room.most = room.inside;
	pthread_cond_broadcast(&room.change);
	while (!room.open)
		pthread_cond_wait(&room.change, &room.lock);
	room.inside--;
	pthread_mutex_unlock(&room.lock);
}

static void room_wait(unsigned inside)
{
	pthread_mutex_lock(&room.lock);
	while (room.inside != inside)
		pthread_cond_wait(&room.change, &room.lock);
	pthread_mutex_unlock(&room.lock);
}

static void room_set(bool open)
{
	pthread_mutex_lock(&room.lock);
	room.open = open;
	if (!open)
		room.most = room.ran = 0;
	pthread_cond_broadcast(&room.change);
	pthread_mutex_unlock(&room.lock);
}

static void *run_within_a_minute(void *hasher)
{
	return hasher_run(hasher, stay, NULL, clock_mono_us() + 60000000) ? hasher : NULL;
}

static void hashes_beyond_the_queue_or_the_deadline_never_run(void **state UNUSED)
{
	struct hasher *hasher = hasher_new(1, 1, NULL, NULL);
	pthread_t first;
	void *ran;

	room_set(false);
	assert_int_equal(pthread_create(&first, NULL, run_within_a_minute, hasher), 0);
	room_wait(1);
	assert_false(hasher_run(hasher, stay, NULL, clock_mono_us() + 20000));
	room_set(true);
	assert_int_equal(pthread_join(first, &ran), 0);
	assert_ptr_equal(ran, hasher);
	assert_int_equal(room.ran, 1);
	hasher_free(&hasher);
	assert_null(hasher);

	hasher = hasher_new(1, 0, NULL, NULL);
	room_set(false);
	assert_int_equal(pthread_create(&first, NULL, run_within_a_minute, hasher), 0);
	room_wait(1);
	assert_false(hasher_run(hasher, stay, NULL, clock_mono_us() + 60000000));
	room_set(true);
	assert_int_equal(pthread_join(first, &ran), 0);
	hasher_free(&hasher);
}

static atomic_uint rests;

static void count_rest(void)
{
	atomic_fetch_add(&rests, 1);
}

static void hashes_that_wait_run_later(void **state UNUSED)
{
	struct hasher *hasher = hasher_new(2, 8, NULL, count_rest);
	pthread_t threads[10];
	void *ran;

	room_set(false);
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_within_a_minute, hasher), 0);
	room_wait(2);
	while (!hasher_full(hasher))
		usleep(1000);
	room_set(true);
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &ran), 0);
		assert_ptr_equal(ran, hasher);
	}
	assert_int_equal(room.most, 2);
	hasher_free(&hasher);
	/* a row of eight, the others, and threads that came too late; one by one it would be ten */
	assert_in_range(rests, 2, 6);
}

/* As sched_getattr(2) tells it. */
struct scheduling {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static void take_scheduling(void *to)
{
	assert_int_equal(syscall(SYS_sched_getattr, 0, to, sizeof(struct scheduling), 0), 0);
}

static void hashes_run_behind_everything_else(void **state UNUSED)
{
	struct hasher *hasher = hasher_new(1, 1, NULL, NULL);
	struct scheduling theirs, before, after;

	take_scheduling(&before);
	assert_true(hasher_run(hasher, take_scheduling, &theirs, clock_mono_us() + 60000000));
	take_scheduling(&after);
	assert_in_range(theirs.nice, 10, 19);
	assert_true(theirs.runtime == 100000000 || before.runtime == 0); /* 0: Linux before 6.12 */
	assert_memory_equal(&after, &before, sizeof(after));
	hasher_free(&hasher);
}

/* Two hashers stand for two processes: the locks belong to open files, not to processes. */
static void processes_share_the_slots(void **state UNUSED)
{
	char folder[] = "/tmp/halle-slots-XXXXXX", slot[64];
	struct hasher *hashers[2];
	pthread_t threads[8];
	void *ran;

	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < 2; i++)
		hashers[i] = hasher_new(1, 8, folder, NULL);
	room_set(false);
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_within_a_minute,
						hashers[i % 2]), 0);
	room_wait(1);
	usleep(20000);
	room_set(true);
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_join(threads[i], &ran), 0);
	assert_int_equal(room.most, 1);
	assert_int_equal(room.ran, COUNT(threads));
	for (size_t i = 0; i < 2; i++)
		hasher_free(&hashers[i]);
	snprintf(slot, sizeof(slot), "%s/hash.0", folder);
	assert_int_equal(unlink(slot), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void a_hasher_without_a_number_has_a_thread_per_core(void **state UNUSED)
{
	struct hasher *hasher = hasher_new(0, 0, "/nonexistent", NULL);

	room_set(true);
	assert_true(hasher_run(hasher, stay, NULL, clock_mono_us() + 60000000));
	hasher_free(&hasher);
}

static void user_names_are_told_from_other_texts(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool is;
	} cases[] = {
		{ "bob", true },
		{ "Bob.O-Neil_7", true },
		{ "...", true },
		{ "bo", false },
		{ "", false },
		{ "bob smith", false },
		{ "bob@x.fr", false },
		{ "bób", false },
		{ "bob\n", false },
		{ "0123456789012345678901234567890123456789012345678901234567890123",
		  true },
		{ "01234567890123456789012345678901234567890123456789012345678901234",
		  false },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(username_is(cases[i].text), cases[i].is);
}

static void email_addresses_are_told_from_other_texts(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool is;
	} cases[] = {
		{ "a@b.fr", true },
		{ "first.last+tag@mail.example.org", true },
		{ "o'neil@xn--caf-dma.fr", true },
		{ "", false },
		{ "@", false },
		{ "a@", false },
		{ "@b.fr", false },
		{ "a@b", false },
		{ "a@b.", false },
		{ "a@.fr", false },
		{ "a@b..fr", false },
		{ "a@-b.fr", false },
		{ "a@b-.fr", false },
		{ "a@b@c.fr", false },
		{ ".a@b.fr", false },
		{ "a.@b.fr", false },
		{ "a..b@c.fr", false },
		{ "a b@c.fr", false },
		{ "é@c.fr", false },
		{ "a@b.fr\n", false },
		{ "a@b.fr\r\nBcc: x@y.fr", false },
		{ "\"a\"@b.fr", false },
		{ "01234567890123456789012345678901234567890123456789012345678901234@b.fr",
		  false },
		{ "a@0123456789012345678901234567890123456789012345678901234567890123.fr",
		  false },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(email_is(cases[i].text), cases[i].is);
}

static void guessable_passwords_are_known_in_any_case(void **state UNUSED)
{
	assert_true(password_is_common("password", "bob"));
	assert_true(password_is_common("PassWord1", "bob"));
	assert_true(password_is_common("zxcvbnma", "bob"));
	assert_true(password_is_common("Bob.Smith", "bob.smith"));
	assert_false(password_is_common("correct horse", "bob"));
	assert_false(password_is_common("password 1 is long", "bob"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_hashes_fit_their_password_only),
		cmocka_unit_test(a_new_hash_fits_and_differs_from_the_next),
		cmocka_unit_test(only_hashes_of_today_are_kept),
		cmocka_unit_test(
			the_decoy_costs_as_much_as_a_hash_of_today_and_fits_nothing),
		cmocka_unit_test(what_can_be_verified_is_told_without_hashing),
		cmocka_unit_test(texts_of_another_form_or_out_of_bounds_fit_nothing),
		cmocka_unit_test(a_wiped_password_is_gone),
		cmocka_unit_test(
			hashes_beyond_the_queue_or_the_deadline_never_run),
		cmocka_unit_test(hashes_that_wait_run_later),
		cmocka_unit_test(hashes_run_behind_everything_else),
		cmocka_unit_test(processes_share_the_slots),
		cmocka_unit_test(a_hasher_without_a_number_has_a_thread_per_core),
		cmocka_unit_test(user_names_are_told_from_other_texts),
		cmocka_unit_test(email_addresses_are_told_from_other_texts),
		cmocka_unit_test(guessable_passwords_are_known_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
