/*
 * gate.h - how many password hashes run at once in this process, and how many may wait.
 * Each takes a core and 19 MiB, so a flood of logins is refused instead of slowing
 * everybody. Thread-safe.
 */
#ifndef HALLE_GATE_H
#define HALLE_GATE_H

#include "compat.h"

struct gate;

/* parallel 0: one per core that this process may use. */
struct gate *gate_new(unsigned parallel, unsigned queue);
void gate_free(struct gate **gate);

/* Waits for a place until deadline_us (clock_mono_us): true with a place, to be given
 * back by gate_leave; false when the queue is full or the time is up. */
NODISCARD bool gate_enter(struct gate *gate, int64_t deadline_us);
void gate_leave(struct gate *gate);

#endif
