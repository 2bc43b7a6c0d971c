/*
 * pool.c - request memory in blocks. The first block stays for the next request, so a
 * usual request calls malloc not at all.
 */
#include "compat.h"
#include "pool.h"

#define BLOCK_SIZE ((size_t)16 * 1024)
#define LARGE_SIZE (BLOCK_SIZE / 4)

struct block {
	struct block *next;
	size_t size;
	size_t used;
	_Alignas(max_align_t) unsigned char bytes[];
};

struct cleanup {
	struct cleanup *older;
	void (*fn)(void *);
	void *arg;
};

struct pool {
	struct block *blocks; /* newest first; the last one is kept */
	struct block *large; /* one allocation each */
	struct cleanup *cleanups;
};

static struct block *block_new(size_t size, struct block *next)
{
	struct block *b = xmalloc(sizeof(*b) + size);

	b->next = next;
	b->size = size;
	b->used = 0;
	return b;
}

/* Frees the list up to, without, the block keep. */
static void blocks_free(struct block *b, const struct block *keep)
{
	while (b != keep) {
		struct block *next = b->next;

		free(b);
		b = next;
	}
}

struct pool *pool_new(void)
{
	struct pool *pool = xcalloc(1, sizeof(*pool));

	pool->blocks = block_new(BLOCK_SIZE, NULL);
	return pool;
}

void pool_reset(struct pool *pool)
{
	struct block *kept;

	while (pool->cleanups) {
		struct cleanup *c = pool->cleanups;

		pool->cleanups = c->older;
		c->fn(c->arg);
	}
	for (kept = pool->blocks; kept->next; kept = kept->next)
		;
	blocks_free(pool->blocks, kept);
	blocks_free(pool->large, NULL);
	kept->used = 0;
	pool->blocks = kept;
	pool->large = NULL;
}

void pool_free(struct pool **pool)
{
	if (!*pool)
		return;
	pool_reset(*pool);
	free((*pool)->blocks);
	free(*pool);
	*pool = NULL;
}

/* Aligned for any type, not zeroed. */
static void *take(struct pool *pool, size_t n)
{
	const size_t align = _Alignof(max_align_t);
	struct block *b = pool->blocks;
	void *p;

	BUG_ON(n > PTRDIFF_MAX / 2);
	if (n > LARGE_SIZE) {
		pool->large = block_new(n, pool->large);
		return pool->large->bytes;
	}
	n = (n + align - 1) & ~(align - 1);
	if (n > b->size - b->used)
		b = pool->blocks = block_new(BLOCK_SIZE, b);
	p = b->bytes + b->used;
	b->used += n;
	return p;
}

void *pool_alloc(struct pool *pool, size_t n)
{
	return memset(take(pool, n), 0, n);
}

char *pool_dup(struct pool *pool, const void *bytes, size_t n)
{
	char *copy = take(pool, n + 1);

	if (n)
		memcpy(copy, bytes, n);
	copy[n] = '\0';
	return copy;
}

char *pool_strdup(struct pool *pool, const char *s)
{
	return pool_dup(pool, s, strlen(s));
}

char *pool_printf(struct pool *pool, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	BUG_ON(n < 0);
	text = take(pool, (size_t)n + 1);
	va_start(ap, fmt);
	(void)vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return text;
}

void pool_cleanup(struct pool *pool, void (*fn)(void *), void *arg)
{
	struct cleanup *c = take(pool, sizeof(*c));

	c->older = pool->cleanups;
	c->fn = fn;
	c->arg = arg;
	pool->cleanups = c;
}
