/*
 * compat.h - first include of every source file: configuration, the headers that everything
 * needs, compiler attributes, BUG_ON, and the list of banned functions.
 */
#ifndef HALLE_COMPAT_H
#define HALLE_COMPAT_H

#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define NODISCARD     __attribute__((warn_unused_result))
#define PRINTF(f, a)  __attribute__((format(printf, f, a)))
#define NORETURN      __attribute__((noreturn))
#define UNUSED        __attribute__((unused))
#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))

/* Our own invariant is broken: say where and abort; the supervisor restarts the worker.
 * Never for anything that a client, a database or the network can cause. */
#define BUG_ON(cond)                                                                     \
	do {                                                                             \
		if (cond)                                                                \
			bug_abort(__FILE__, __LINE__, #cond);                            \
	} while (0)

NORETURN void bug_abort(const char *file, int line, const char *what);

/* Allocation that cannot fail: out of memory ends the process. */
void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
/* Overwrites a secret in memory that is writable, though const for its readers. */
void xwipe(const void *secret, size_t n);
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));

#include "banned.h"

#endif
