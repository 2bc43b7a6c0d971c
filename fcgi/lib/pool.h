/*
 * pool.h - request memory: allocations live until pool_reset, which runs the registered
 * clean-ups (newest first) and keeps one block for the next request. Not thread-safe.
 */
#ifndef HALLE_POOL_H
#define HALLE_POOL_H

#include "compat.h"

struct pool;

struct pool *pool_new(void);
void pool_free(struct pool **pool);
void pool_reset(struct pool *pool);

/* Zeroed, aligned for any type; n = 0 gives a valid pointer. */
void *pool_alloc(struct pool *pool, size_t n) __attribute__((returns_nonnull));
/* A copy with a NUL after its end. */
char *pool_dup(struct pool *pool, const void *bytes, size_t n) __attribute__((returns_nonnull));
char *pool_strdup(struct pool *pool, const char *s) __attribute__((returns_nonnull));
PRINTF(2, 3)
char *pool_printf(struct pool *pool, const char *fmt, ...) __attribute__((returns_nonnull));

void pool_cleanup(struct pool *pool, void (*fn)(void *), void *arg);

#endif
