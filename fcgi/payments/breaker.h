/*
 * breaker.h - a circuit breaker that all processes of a service share: a small file, mapped
 * MAP_SHARED, changed by C11 atomics only, so that kill -9 at any place wedges nothing.
 *
 * Closed: calls pass and are counted. It opens after `failures` failed calls in a row, or
 * when of at least `calls` calls in 10 s at least `percent` in a hundred failed. Open: nobody
 * passes for open_ms. Then it is half open: one call passes, of all processes; its success
 * closes the breaker, its failure opens it anew, and when it is not heard of for 3 s another
 * one may try. Thread- and process-safe.
 */
#ifndef HALLE_BREAKER_H
#define HALLE_BREAKER_H

#include "compat.h"

#define BREAKER_LEASE_MS  3000
#define BREAKER_WINDOW_S  10

struct breaker;

struct breaker_limits {
	unsigned failures, calls, percent;
	int64_t open_ms;
	int64_t (*now_ms)(void); /* NULL: CLOCK_BOOTTIME; for tests */
};

/* Maps the file; one that is missing, cut short or not of this layout is replaced at once by
 * a closed breaker. Where that is impossible (logged), the process has a breaker of its own.
 * Never NULL. */
struct breaker *breaker_open(const char *path, const struct breaker_limits *limits)
	__attribute__((returns_nonnull));
void breaker_close(struct breaker **breaker);

/* What a call was let through by; opaque. */
struct breaker_permit {
	uint64_t word, lease;
};

/* Before a call: false when nobody may call. Who passed says breaker_leave. */
NODISCARD bool breaker_enter(struct breaker *b, struct breaker_permit *permit_r);
/* After it. What a call from before the last change of state tells is not news. */
void breaker_leave(struct breaker *b, const struct breaker_permit *permit, bool ok);

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN };

struct breaker_view {
	enum breaker_state state;
	unsigned failures;	/* in a row */
	unsigned retry_after_s; /* 0: a call would pass now */
};

void breaker_look(struct breaker *b, struct breaker_view *view_r);

#endif
