/* breaker.c - the shared circuit breaker: file, word, counters. */
#include "compat.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "breaker.h"
#include "clock.h"
#include "log.h"
#include "metrics.h"

#define MAGIC	     UINT64_C(0x68616c6c65627231) /* "hallebr1" */
#define LOCK_WAIT_US INT64_C(2000000)
#define COUNT_MAX    UINT64_C(0xffff)

/* word = state(2) | generation(14) | opened_at_ms(48) */
#define STATE_SHIFT 62
#define GEN_SHIFT   48
#define GEN_MASK    UINT64_C(0x3fff)
#define TIME_MASK   ((UINT64_C(1) << GEN_SHIFT) - 1)
#define CLOSED	    UINT64_C(0)
#define OPEN	    UINT64_C(1)

/* The file. */
struct record {
	uint64_t magic;
	_Atomic uint64_t word;
	_Atomic uint64_t lease;	   /* until when a probe is awaited; 0: there is none */
	_Atomic uint64_t failures; /* in a row */
	_Atomic uint64_t bucket[BREAKER_WINDOW_S]; /* second(32) | ok(16) | failed(16) */
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "words shared by processes need no lock");

struct breaker {
	struct record *record;
	struct record own; /* when there is no file */
	struct breaker_limits limits;
};

static int64_t boot_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t now_of(const struct breaker *b)
{
	return (uint64_t)b->limits.now_ms() & TIME_MASK;
}

static uint64_t state_of(uint64_t word)
{
	return word >> STATE_SHIFT;
}

/* The next generation: calls of the one before are told by their word. */
static uint64_t next_word(uint64_t word, uint64_t state, uint64_t now)
{
	uint64_t gen = ((word >> GEN_SHIFT & GEN_MASK) + 1) & GEN_MASK;

	return state << STATE_SHIFT | gen << GEN_SHIFT | now;
}

/* -- the file ------------------------------------------------------------------------ */

static bool is_sound(int fd)
{
	struct record r;
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size == (off_t)sizeof(r) &&
	       pread(fd, &r, sizeof(r), 0) == (ssize_t)sizeof(r) && r.magic == MAGIC &&
	       state_of(r.word) <= OPEN;
}

static int open_sound(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0 && is_sound(fd))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Whole before it has its name. */
static int replace(const char *path)
{
	const struct record fresh = { .magic = MAGIC };
	char temporary[PATH_MAX];
	int fd;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	(void)unlink(temporary);
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -1;
	if (write(fd, &fresh, sizeof(fresh)) == (ssize_t)sizeof(fresh) &&
	    rename(temporary, path) == 0)
		return fd;
	close(fd);
	return -1;
}

/* One process at a time makes the file, else two would have one each. */
static int lock_folder(const char *path)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	int64_t until = clock_mono_us() + LOCK_WAIT_US;
	char folder[PATH_MAX];
	int fd;

	snprintf(folder, sizeof(folder), "%s", path);
	fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (clock_mono_us() > until) {
			close(fd);
			return -1;
		}
		nanosleep(&nap, NULL);
	}
	return fd;
}

static int open_file(const char *path)
{
	int folder = lock_folder(path), fd;

	if (folder < 0)
		return -1;
	fd = open_sound(path);
	if (fd < 0)
		fd = replace(path);
	close(folder);
	return fd;
}

static struct record *map_file(const char *path)
{
	int fd = open_file(path);
	void *at = MAP_FAILED;

	if (fd >= 0) {
		at = mmap(NULL, sizeof(struct record), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	}
	if (at != MAP_FAILED)
		return at;
	log_error("breaker.file", LOG_STR("path", path), LOG_INT("errno", errno));
	return NULL;
}

struct breaker *breaker_open(const char *path, const struct breaker_limits *limits)
{
	struct breaker *b = xcalloc(1, sizeof(*b));

	b->limits = *limits;
	if (!b->limits.now_ms)
		b->limits.now_ms = boot_ms;
	b->record = map_file(path);
	if (!b->record)
		b->record = &b->own;
	return b;
}

void breaker_close(struct breaker **breaker)
{
	struct breaker *b = *breaker;

	if (!b)
		return;
	if (b->record != &b->own)
		munmap(b->record, sizeof(*b->record));
	free(b);
	*breaker = NULL;
}

/* -- counting ------------------------------------------------------------------------ */

static uint64_t counted(uint64_t bucket, uint64_t second, bool ok)
{
	uint64_t good = bucket >> 16 & COUNT_MAX, bad = bucket & COUNT_MAX;

	if (bucket >> 32 != second)
		good = bad = 0;
	if (ok && good < COUNT_MAX)
		good++;
	else if (!ok && bad < COUNT_MAX)
		bad++;
	return second << 32 | good << 16 | bad;
}

static uint64_t second_of(const struct breaker *b)
{
	return now_of(b) / 1000 & UINT32_MAX;
}

static void count(struct breaker *b, bool ok)
{
	uint64_t second = second_of(b);
	_Atomic uint64_t *bucket = &b->record->bucket[second % BREAKER_WINDOW_S];
	uint64_t old = atomic_load(bucket);

	while (!atomic_compare_exchange_weak(bucket, &old, counted(old, second, ok)))
		;
}

static bool too_many_failed(struct breaker *b)
{
	uint64_t second = second_of(b), good = 0, bad = 0;

	for (unsigned i = 0; i < BREAKER_WINDOW_S; i++) {
		uint64_t bucket = atomic_load(&b->record->bucket[i]);

		/* a second of the future is one of another boot */
		if (second - (bucket >> 32) >= BREAKER_WINDOW_S)
			continue;
		good += bucket >> 16 & COUNT_MAX;
		bad += bucket & COUNT_MAX;
	}
	return good + bad >= b->limits.calls &&
	       bad * 100 >= (good + bad) * b->limits.percent;
}

static void forget(struct breaker *b)
{
	atomic_store(&b->record->failures, 0);
	for (unsigned i = 0; i < BREAKER_WINDOW_S; i++)
		atomic_store(&b->record->bucket[i], 0);
}

/* -- states -------------------------------------------------------------------------- */

static void trip(struct breaker *b, uint64_t word)
{
	if (atomic_compare_exchange_strong(&b->record->word, &word,
					   next_word(word, OPEN, now_of(b)))) {
		metrics_add(M_BREAKER_OPENED, 1);
		metrics_set(M_BREAKER_STATE, BREAKER_OPEN);
		log_warn("breaker.opened");
	}
}

/* Milliseconds until an open breaker is half open. A moment in the future is one of another
 * boot, and is over. */
static uint64_t left_ms(const struct breaker *b, uint64_t word)
{
	uint64_t opened = word & TIME_MASK, now = now_of(b);
	uint64_t until = opened + (uint64_t)b->limits.open_ms;

	return opened > now || until <= now ? 0 : until - now;
}

static bool is_awaited(uint64_t lease, uint64_t now)
{
	return lease > now && lease - now <= BREAKER_LEASE_MS;
}

static bool take_probe(struct breaker *b, struct breaker_permit *permit)
{
	uint64_t now = now_of(b), lease = atomic_load(&b->record->lease);

	if (is_awaited(lease, now))
		return false;
	permit->lease = now + BREAKER_LEASE_MS;
	return atomic_compare_exchange_strong(&b->record->lease, &lease, permit->lease) &&
	       atomic_load(&b->record->word) == permit->word;
}

bool breaker_enter(struct breaker *b, struct breaker_permit *permit)
{
	uint64_t word = atomic_load(&b->record->word);

	*permit = (struct breaker_permit){ .word = word };
	if (state_of(word) == CLOSED)
		return true;
	return left_ms(b, word) == 0 && take_probe(b, permit);
}

static void leave_probe(struct breaker *b, const struct breaker_permit *permit, bool ok)
{
	uint64_t lease = permit->lease, word = permit->word;

	/* too late: another one was let through meanwhile */
	if (!atomic_compare_exchange_strong(&b->record->lease, &lease, 0))
		return;
	if (!ok) {
		trip(b, word);
		return;
	}
	forget(b);
	if (atomic_compare_exchange_strong(&b->record->word, &word, next_word(word, CLOSED, 0))) {
		metrics_set(M_BREAKER_STATE, BREAKER_CLOSED);
		log_info("breaker.closed");
	}
}

void breaker_leave(struct breaker *b, const struct breaker_permit *permit, bool ok)
{
	if (atomic_load(&b->record->word) != permit->word)
		return;
	if (state_of(permit->word) == OPEN) {
		leave_probe(b, permit, ok);
		return;
	}
	count(b, ok);
	if (ok)
		atomic_store(&b->record->failures, 0);
	else if (atomic_fetch_add(&b->record->failures, 1) + 1 >= b->limits.failures ||
		 too_many_failed(b))
		trip(b, permit->word);
}

void breaker_look(struct breaker *b, struct breaker_view *view)
{
	uint64_t word = atomic_load(&b->record->word), left;

	*view = (struct breaker_view){ .failures = (unsigned)atomic_load(&b->record->failures) };
	if (state_of(word) == OPEN) {
		left = left_ms(b, word);
		view->state = left ? BREAKER_OPEN : BREAKER_HALF_OPEN;
		view->retry_after_s = (unsigned)((left + 999) / 1000);
		if (!left && is_awaited(atomic_load(&b->record->lease), now_of(b)))
			view->retry_after_s = 1;
	}
	metrics_set(M_BREAKER_STATE, view->state);
}
