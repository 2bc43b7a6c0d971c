/* promoter.c - PROMOTE and ABORT, later and in batches. */
#include "compat.h"

#include <pthread.h>

#include "crash.h"
#include "log.h"
#include "promoter.h"

#define RING      4096
#define GATHER_NS 2000000

struct promoter {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	struct mirror *mirror;
	struct mirror_op ring[RING]; /* count entries from head on */
	unsigned head, count;
	bool stopping;
};

static struct timespec gather_end(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += GATHER_NS;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

/* Waits for work, then a moment for more of it. 0 when there will be none. */
static unsigned take(struct promoter *p, struct mirror_op *ops)
{
	struct timespec until;
	unsigned n = 0;

	pthread_mutex_lock(&p->lock);
	while (p->count == 0 && !p->stopping)
		pthread_cond_wait(&p->wake, &p->lock);
	until = gather_end();
	while (p->count < MIRROR_BATCH && !p->stopping &&
	       pthread_cond_timedwait(&p->wake, &p->lock, &until) == 0)
		;
	for (; n < MIRROR_BATCH && p->count; n++) {
		ops[n] = p->ring[p->head];
		p->head = (p->head + 1) % RING;
		p->count--;
	}
	pthread_mutex_unlock(&p->lock);
	return n;
}

static void *run(void *arg)
{
	struct promoter *p = arg;
	struct mirror_op ops[MIRROR_BATCH];
	bool down = false, was_down;
	unsigned n;

	while ((n = take(p, ops)) > 0) {
		if (CRASH_POINT("promoter_run"))
			continue;
		was_down = down;
		down = mirror_run(p->mirror, ops, n) != MIRROR_OK || CRASH_POINT("promoter_ran");
		if (down && !was_down)
			log_warn("mirror.down", LOG_STR("error", p->mirror->error));
		else if (was_down && !down)
			log_info("mirror.up");
	}
	return NULL;
}

struct promoter *promoter_start(const struct cfg *cfg)
{
	struct promoter *p = xcalloc(1, sizeof(*p));
	pthread_condattr_t attr;

	p->mirror = mirror_new(cfg);
	if (!p->mirror) {
		free(p);
		return NULL;
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&p->thread, NULL, run, p) != 0) {
		log_error("promoter.start", LOG_STR("error", "no thread"));
		mirror_free(&p->mirror);
		free(p);
		return NULL;
	}
	return p;
}

void promoter_stop(struct promoter **promoter)
{
	struct promoter *p = *promoter;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	mirror_free(&p->mirror);
	free(p);
	*promoter = NULL;
}

void promoter_put(struct promoter *p, enum mirror_verb verb, uint64_t user, uint64_t version,
		  uint64_t fence)
{
	pthread_mutex_lock(&p->lock);
	if (p->count < RING) {
		p->ring[(p->head + p->count) % RING] = (struct mirror_op){
			.verb = verb, .user = user, .state = { .version = version, .fence = fence }
		};
		p->count++;
		/* in between the thread is gathering or busy, and need not be woken */
		if (p->count == 1 || p->count == MIRROR_BATCH)
			pthread_cond_signal(&p->wake);
	}
	pthread_mutex_unlock(&p->lock);
}
