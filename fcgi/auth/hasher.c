/* hasher.c - a bounded queue and low-priority threads. */
#include "compat.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "hasher.h"
#include "log.h"

#define NICENESS 10
#define SLICE_NS 100000000 /* the longest that Linux accepts */
#define IN_A_ROW 8 /* hashes before another process has its turn */

/* Lives on the stack of the thread that waits for it. */
struct job {
	struct job *next;
	void (*fn)(void *);
	void *arg;
	enum { WAITING, RUNNING, DONE } state;
	pthread_cond_t done;
};

struct hasher {
	pthread_mutex_t lock; /* guards what follows and the jobs */
	pthread_cond_t come;
	struct job *first, **last;
	unsigned waiting, running, parallel, queue;
	bool ending;
	const char *slots;
	void (*rest)(void);
	pthread_t threads[64];
};

static unsigned cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

/* ---- the threads ---- */

/* The kernel gives the slot of a process that was killed to the next one. */
static int slot_open(const struct hasher *h, unsigned n)
{
	char path[256];
	int fd;

	if (!h->slots || snprintf(path, sizeof(path), "%s/hash.%u", h->slots, n) >= (int)sizeof(path))
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		log_warn("hasher.slot", LOG_STR("path", path), LOG_INT("errno", errno));
	return fd;
}

static void slot_take(int fd)
{
	while (fd >= 0 && flock(fd, LOCK_EX) < 0 && errno == EINTR)
		;
}

static void slot_give(int fd)
{
	if (fd >= 0)
		(void)flock(fd, LOCK_UN);
}

static struct job *job_next(struct hasher *h)
{
	struct job *job = h->first;

	if (!job)
		return NULL;
	h->first = job->next;
	if (!h->first)
		h->last = &h->first;
	h->waiting--;
	h->running++;
	job->state = RUNNING;
	return job;
}

/* With the lock held; gives it away meanwhile. */
static void run_some(struct hasher *h, int slot)
{
	struct job *job;

	pthread_mutex_unlock(&h->lock);
	slot_take(slot);
	pthread_mutex_lock(&h->lock);
	/* who waited may have gone */
	for (unsigned i = 0; i < IN_A_ROW && (job = job_next(h)); i++) {
		pthread_mutex_unlock(&h->lock);
		job->fn(job->arg);
		pthread_mutex_lock(&h->lock);
		h->running--;
		job->state = DONE;
		pthread_cond_signal(&job->done);
	}
	pthread_mutex_unlock(&h->lock);
	if (h->rest)
		h->rest();
	slot_give(slot);
	pthread_mutex_lock(&h->lock);
}

/* sched_setattr(2) of this thread, for which glibc 2.36 has no function. From Linux 6.12 on it
 * heeds the slice, and lets who wakes up with a shorter one go first. */
static int yield_to_others(void)
{
	const struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = {
		.size = sizeof(attr),
		.policy = SCHED_OTHER,
		.nice = NICENESS,
		.runtime = SLICE_NS,
	};

	return (int)syscall(SYS_sched_setattr, 0, &attr, 0);
}

struct start {
	struct hasher *hasher;
	unsigned number;
};

static void *hashing_thread(void *arg)
{
	struct start start = *(struct start *)arg;
	struct hasher *h = start.hasher;
	int slot = slot_open(h, start.number);

	free(arg);
	/* without it everything works, just less evenly */
	if (yield_to_others() < 0)
		log_warn("hasher.priority", LOG_INT("errno", errno));
	pthread_mutex_lock(&h->lock);
	while (!h->ending) {
		if (h->first)
			run_some(h, slot);
		else
			pthread_cond_wait(&h->come, &h->lock);
	}
	pthread_mutex_unlock(&h->lock);
	if (slot >= 0)
		close(slot);
	return NULL;
}

/* ---- from outside ---- */

struct hasher *hasher_new(unsigned parallel, unsigned queue, const char *slots,
			  void (*rest)(void))
{
	struct hasher *h = xcalloc(1, sizeof(*h));

	h->parallel = parallel ? parallel : cores();
	if (h->parallel > COUNT(h->threads))
		h->parallel = COUNT(h->threads);
	h->queue = queue;
	h->slots = slots;
	h->rest = rest;
	h->last = &h->first;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->come, NULL);
	for (unsigned i = 0; i < h->parallel; i++) {
		struct start *start = xcalloc(1, sizeof(*start));

		*start = (struct start){ .hasher = h, .number = i };
		BUG_ON(pthread_create(&h->threads[i], NULL, hashing_thread, start) != 0);
	}
	return h;
}

void hasher_free(struct hasher **hasher)
{
	struct hasher *h = *hasher;

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	BUG_ON(h->first || h->running);
	h->ending = true;
	pthread_cond_broadcast(&h->come);
	pthread_mutex_unlock(&h->lock);
	for (unsigned i = 0; i < h->parallel; i++)
		pthread_join(h->threads[i], NULL);
	pthread_cond_destroy(&h->come);
	pthread_mutex_destroy(&h->lock);
	free(h);
	*hasher = NULL;
}

static void withdraw(struct hasher *h, struct job *job)
{
	struct job **at = &h->first;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (!*at)
		h->last = at;
	h->waiting--;
}

/* A job that has begun is waited for: its arguments are the caller's. */
static bool wait_done(struct hasher *h, struct job *job, int64_t deadline_us)
{
	struct timespec until = { .tv_sec = deadline_us / 1000000,
				  .tv_nsec = deadline_us % 1000000 * 1000 };
	int late = 0;

	while (job->state != DONE) {
		if (late && job->state == WAITING) {
			withdraw(h, job);
			return false;
		}
		if (late)
			pthread_cond_wait(&job->done, &h->lock);
		else
			late = pthread_cond_clockwait(&job->done, &h->lock, CLOCK_MONOTONIC,
						      &until) == ETIMEDOUT;
	}
	return true;
}

static void enqueue(struct hasher *h, struct job *job)
{
	*h->last = job;
	h->last = &job->next;
	h->waiting++;
	pthread_cond_signal(&h->come);
}

/* With the lock held. */
static bool full(const struct hasher *h)
{
	return h->waiting + h->running >= h->parallel + h->queue;
}

bool hasher_full(struct hasher *h)
{
	bool is;

	pthread_mutex_lock(&h->lock);
	is = full(h);
	pthread_mutex_unlock(&h->lock);
	return is;
}

bool hasher_run(struct hasher *h, void (*fn)(void *), void *arg, int64_t deadline_us)
{
	struct job job = { .fn = fn, .arg = arg, .state = WAITING };
	bool done = false;

	pthread_cond_init(&job.done, NULL);
	pthread_mutex_lock(&h->lock);
	if (!full(h)) {
		enqueue(h, &job);
		done = wait_done(h, &job, deadline_us);
	}
	pthread_mutex_unlock(&h->lock);
	pthread_cond_destroy(&job.done);
	return done;
}
