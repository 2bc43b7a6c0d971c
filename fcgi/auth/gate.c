/* gate.c - a counting semaphore with a bounded queue and a deadline. */
#include "compat.h"

#include <pthread.h>
#include <sched.h>

#include "gate.h"

struct gate {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t freed;
	unsigned free, queue, waiting;
};

static unsigned cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

struct gate *gate_new(unsigned parallel, unsigned queue)
{
	struct gate *gate = xcalloc(1, sizeof(*gate));

	gate->free = parallel ? parallel : cores();
	gate->queue = queue;
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->freed, NULL);
	return gate;
}

void gate_free(struct gate **gate)
{
	if (!*gate)
		return;
	pthread_cond_destroy(&(*gate)->freed);
	pthread_mutex_destroy(&(*gate)->lock);
	free(*gate);
	*gate = NULL;
}

static void wait_for_place(struct gate *gate, int64_t deadline_us)
{
	struct timespec until = { .tv_sec = deadline_us / 1000000,
				  .tv_nsec = deadline_us % 1000000 * 1000 };

	gate->waiting++;
	while (gate->free == 0) {
		if (pthread_cond_clockwait(&gate->freed, &gate->lock, CLOCK_MONOTONIC,
					   &until))
			break;
	}
	gate->waiting--;
}

bool gate_enter(struct gate *gate, int64_t deadline_us)
{
	bool entered;

	pthread_mutex_lock(&gate->lock);
	if (gate->free == 0 && gate->waiting < gate->queue)
		wait_for_place(gate, deadline_us);
	entered = gate->free > 0;
	if (entered)
		gate->free--;
	pthread_mutex_unlock(&gate->lock);
	return entered;
}

void gate_leave(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->free++;
	pthread_cond_signal(&gate->freed);
	pthread_mutex_unlock(&gate->lock);
}
