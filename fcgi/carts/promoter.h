/*
 * promoter.h - tells the mirror how writes ended, after the client got his answer: a queue per
 * process and one thread with a mirror connection of its own, which sends PROMOTE and ABORT
 * in batches. There is no hurry: the next write promotes its base itself, and what is lost
 * here (a full queue, a dead mirror, a killed process) the reconciler repairs. Thread-safe.
 */
#ifndef HALLE_CARTS_PROMOTER_H
#define HALLE_CARTS_PROMOTER_H

#include "mirror.h"

struct promoter;

/* NULL with a log line when it cannot start. cfg must outlive it. */
struct promoter *promoter_start(const struct cfg *cfg);
/* Sends what is queued, then ends the thread. */
void promoter_stop(struct promoter **p);

/* verb: MIRROR_PROMOTE or MIRROR_ABORT. Never waits. */
void promoter_put(struct promoter *p, enum mirror_verb verb, uint64_t user, uint64_t version,
		  uint64_t fence);

#endif
