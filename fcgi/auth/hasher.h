/*
 * hasher.h - threads that hash passwords. A hash takes a core and 19 MiB for some 50 ms, so
 * there is one thread per core, of low priority, and a slot per core that all processes of
 * the machine share: a flood of logins slows other requests little and takes no more memory
 * than planned, and what cannot be served soon is refused. Thread-safe.
 */
#ifndef HALLE_HASHER_H
#define HALLE_HASHER_H

#include "compat.h"

struct hasher;

/* parallel 0: one per core that this process may use. queue: how many may wait besides those
 * that run. slots: folder where the processes agree on who hashes; NULL or unusable: each
 * process counts for itself. rest, or NULL, is called by a thread that gives up its slot. */
struct hasher *hasher_new(unsigned parallel, unsigned queue, const char *slots,
			  void (*rest)(void));
/* Nobody may be waiting any more. */
void hasher_free(struct hasher **hasher);

/* Runs fn(arg) on such a thread and returns true when it has ended. False, and fn never
 * runs: the queue is full, or it had not begun by deadline_us (clock_mono_us). */
NODISCARD bool hasher_run(struct hasher *hasher, void (*fn)(void *), void *arg,
			  int64_t deadline_us);

/* True when hasher_run would refuse now: worth asking before work that a refusal undoes. */
bool hasher_full(struct hasher *hasher);

#endif
