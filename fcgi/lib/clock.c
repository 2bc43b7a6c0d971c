/*
 * clock.c - the only source of time.
 */
#include "compat.h"
#include "clock.h"

#include <stdatomic.h>

#define US_PER_S INT64_C(1000000)

static _Atomic int64_t frozen_us;

static int64_t read_us(clockid_t id)
{
	struct timespec ts;

	/* cannot fail for these clocks and a valid address */
	BUG_ON(clock_gettime(id, &ts) != 0);
	return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
	int64_t frozen = atomic_load_explicit(&frozen_us, memory_order_relaxed);

	return frozen ? frozen : read_us(CLOCK_REALTIME);
}

void clock_set_test(int64_t wall_us)
{
	atomic_store_explicit(&frozen_us, wall_us, memory_order_relaxed);
}

const char *clock_rfc3339(int64_t wall_us, bool micros, char buf[CLOCK_TEXT])
{
	int64_t us = wall_us % US_PER_S;
	time_t seconds = (time_t)(wall_us / US_PER_S);
	struct tm tm;
	size_t n;

	if (us < 0) {
		us += US_PER_S;
		seconds--;
	}
	BUG_ON(!gmtime_r(&seconds, &tm));
	n = strftime(buf, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf + n, CLOCK_TEXT - n, micros ? ".%06dZ" : "Z", (int)us);
	return buf;
}
