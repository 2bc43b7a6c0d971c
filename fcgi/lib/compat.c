/*
 * compat.c - the ends of the process: a broken invariant, and no memory.
 */
#include "compat.h"
#include "log.h"

NORETURN void bug_abort(const char *file, int line, const char *what)
{
	log_error("bug", LOG_STR("file", file), LOG_INT("line", line),
		  LOG_STR("what", what));
	abort();
}

static NORETURN void out_of_memory(size_t n)
{
	log_error("out_of_memory", LOG_INT("bytes", n));
	abort();
}

void *xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (!p)
		out_of_memory(n);
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		out_of_memory(n);
	return p;
}

void *xrealloc(void *p, size_t n)
{
	void *grown = realloc(p, n ? n : 1);

	if (!grown)
		out_of_memory(n);
	return grown;
}

char *xstrdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(xmalloc(n), s, n);
}

void xwipe(const void *secret, size_t n)
{
	union {
		const void *given;
		void *writable;
	} p = { .given = secret };

	explicit_bzero(p.writable, n);
}
