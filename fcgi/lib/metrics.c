/*
 * metrics.c - shared counters. A file of another layout is replaced, never changed in
 * place: workers of the previous version still have it mapped.
 */
#include "compat.h"
#include "metrics.h"
#include "clock.h"
#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAGIC        UINT64_C(0x68616c6c656d3031) /* "hallem01" */
#define SUFFIX       ".metrics"
#define TEMPORARY    ".metrics.new"
#define NAME_MAX_LEN 32
#define SERVICES_MAX 64
#define LOCK_WAIT_US INT64_C(2000000)

static const struct bucket {
	int64_t us;
	const char *le;
} buckets[] = {
	{ 1000, "0.001" }, { 2500, "0.0025" }, { 5000, "0.005" }, { 10000, "0.01" },
	{ 25000, "0.025" }, { 50000, "0.05" }, { 100000, "0.1" }, { 250000, "0.25" },
	{ 500000, "0.5" }, { 1000000, "1" }, { 2500000, "2.5" },
};

static const struct row {
	const char *name;
	const char *labels;
	const char *help;
} rows[METRIC_COUNT] = {
#define METRIC(symbol, name, labels, help) [M_##symbol] = { name, labels, help },
#include "metrics.def"
#undef METRIC
};

/* The file. */
struct counters {
	uint64_t magic;
	uint64_t layout;
	_Atomic uint64_t count[METRIC_COUNT];
	_Atomic uint64_t bucket[COUNT(buckets) + 1]; /* each without the smaller ones */
	_Atomic uint64_t sum_us;
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "counters shared by processes need no lock");

static struct counters private_counters;
static struct counters *counters = &private_counters;

/* -- counting ------------------------------------------------------------------------ */

static void bump(_Atomic uint64_t *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static uint64_t value(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

void metrics_add(enum metric m, uint64_t n)
{
	BUG_ON((unsigned)m >= METRIC_COUNT);
	bump(&counters->count[m], n);
}

void metrics_set(enum metric m, uint64_t v)
{
	BUG_ON((unsigned)m >= METRIC_COUNT);
	atomic_store_explicit(&counters->count[m], v, memory_order_relaxed);
}

uint64_t metrics_get(enum metric m)
{
	BUG_ON((unsigned)m >= METRIC_COUNT);
	return value(&counters->count[m]);
}

void metrics_observe_us(int64_t us)
{
	size_t i = 0;

	while (i < COUNT(buckets) && us > buckets[i].us)
		i++;
	bump(&counters->bucket[i], 1);
	bump(&counters->sum_us, us > 0 ? (uint64_t)us : 0);
}

/* -- the file ------------------------------------------------------------------------ */

/* FNV-1a, the NUL included so that "a","b" differs from "ab","". */
static uint64_t mix(uint64_t hash, const char *s)
{
	do
		hash = (hash ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	while (*s++);
	return hash;
}

static uint64_t layout_hash(void)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < COUNT(rows); i++)
		hash = mix(mix(hash, rows[i].name), rows[i].labels);
	for (i = 0; i < COUNT(buckets); i++)
		hash = mix(hash, buckets[i].le);
	return hash;
}

static bool is_service(const char *name, size_t len)
{
	return len > 0 && len <= NAME_MAX_LEN &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") >= len;
}

/* Opens a file of this layout, or gives -1. The caller closes it. */
static int open_sound(int dir, const char *file, int mode)
{
	int fd = openat(dir, file, mode | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint64_t head[2];
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size == (off_t)sizeof(struct counters) &&
	    pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	    head[0] == MAGIC && head[1] == layout_hash())
		return fd;
	(void)close(fd);
	return -1;
}

static int fill_new(int fd)
{
	const uint64_t head[2] = { MAGIC, layout_hash() };

	/* allocated now: a full disk must fail here, not kill a worker when it counts */
	errno = posix_fallocate(fd, 0, (off_t)sizeof(struct counters));
	if (errno || fchmod(fd, 0640) != 0)
		return -1;
	return pwrite(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) ? 0 : -1;
}

/* Puts an empty file in the place of file. The caller holds the folder's lock. */
static int open_new(int dir, const char *service, const char *file)
{
	char temporary[NAME_MAX_LEN + sizeof(TEMPORARY)];
	int fd;

	(void)snprintf(temporary, sizeof(temporary), "%s" TEMPORARY, service);
	if (unlinkat(dir, temporary, 0) != 0 && errno != ENOENT)
		return -1;
	fd = openat(dir, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -1;
	if (fill_new(fd) != 0 || renameat(dir, temporary, dir, file) != 0) {
		(void)unlinkat(dir, temporary, 0);
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int lock_folder(int dir)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	int64_t until = clock_mono_us() + LOCK_WAIT_US;

	while (flock(dir, LOCK_EX | LOCK_NB) != 0) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || clock_mono_us() > until)
			return -1;
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

/* The service's file, made when needed; the lock ends when dir is closed. */
static int open_file(int dir, const char *service)
{
	char file[NAME_MAX_LEN + sizeof(SUFFIX)];
	int fd;

	(void)snprintf(file, sizeof(file), "%s" SUFFIX, service);
	if (lock_folder(dir) != 0)
		return -1;
	fd = open_sound(dir, file, O_RDWR);
	return fd >= 0 ? fd : open_new(dir, service, file);
}

static struct counters *map_file(const char *path, const char *service)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	void *map = MAP_FAILED;
	int fd;

	if (dir < 0)
		return NULL;
	fd = open_file(dir, service);
	if (fd >= 0) {
		map = mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE,
			   MAP_SHARED, fd, 0);
		(void)close(fd);
	}
	(void)close(dir);
	return map == MAP_FAILED ? NULL : map;
}

/* What was counted before the file was there. */
static void take_over(struct counters *to, const struct counters *from)
{
	size_t i;

	for (i = 0; i < COUNT(from->count); i++)
		bump(&to->count[i], value(&from->count[i]));
	for (i = 0; i < COUNT(from->bucket); i++)
		bump(&to->bucket[i], value(&from->bucket[i]));
	bump(&to->sum_us, value(&from->sum_us));
}

int metrics_open(const char *dir, const char *service)
{
	struct counters *map;

	BUG_ON(!is_service(service, strlen(service)));
	map = map_file(dir, service);
	if (!map) {
		log_warn("metrics.private", LOG_STR("dir", dir),
			 LOG_STR("error", strerror(errno)));
		return -1;
	}
	take_over(map, counters);
	counters = map;
	return 0;
}

/* -- rendering ----------------------------------------------------------------------- */

struct shown {
	char name[NAME_MAX_LEN + 1];
	struct counters c;
};

struct gallery {
	struct shown *list;
	size_t count;
};

static void read_service(int dir, const char *file, struct gallery *g)
{
	struct shown *s = &g->list[g->count];
	size_t len = strlen(file), suffix = sizeof(SUFFIX) - 1;
	int fd;

	if (g->count == SERVICES_MAX || len <= suffix ||
	    strcmp(file + len - suffix, SUFFIX) != 0 || !is_service(file, len - suffix))
		return;
	fd = open_sound(dir, file, O_RDONLY);
	if (fd < 0)
		return;
	if (pread(fd, &s->c, sizeof(s->c), 0) == (ssize_t)sizeof(s->c)) {
		memcpy(s->name, file, len - suffix);
		s->name[len - suffix] = '\0';
		g->count++;
	}
	(void)close(fd);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct shown *)a)->name, ((const struct shown *)b)->name);
}

static void read_folder(const char *path, struct gallery *g)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		read_service(dirfd(dir), entry->d_name, g);
	(void)closedir(dir);
	qsort(g->list, g->count, sizeof(*g->list), by_name);
}

static void render_row(const struct gallery *g, size_t row, struct sbuf *out)
{
	const struct row *r = &rows[row];
	size_t i;

	for (i = 0; i < g->count; i++)
		sbuf_printf(out, "%s{service=\"%s\"%s%s} %" PRIu64 "\n", r->name,
			    g->list[i].name, *r->labels ? "," : "", r->labels,
			    value(&g->list[i].c.count[row]));
}

static bool is_counter(const char *name)
{
	static const char ending[] = "_total";
	size_t len = strlen(name), n = strlen(ending);

	return len > n && strcmp(name + len - n, ending) == 0;
}

static void render_counters(const struct gallery *g, struct sbuf *out)
{
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		if (i == 0 || strcmp(rows[i].name, rows[i - 1].name) != 0)
			sbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[i].name,
				    rows[i].help, rows[i].name,
				    is_counter(rows[i].name) ? "counter" : "gauge");
		render_row(g, i, out);
	}
}

#define HISTOGRAM "halle_request_seconds"

static void render_histogram(const struct shown *s, struct sbuf *out)
{
	uint64_t total = 0, us = value(&s->c.sum_us);
	size_t i;

	for (i = 0; i <= COUNT(buckets); i++) {
		total += value(&s->c.bucket[i]);
		sbuf_printf(out, HISTOGRAM "_bucket{service=\"%s\",le=\"%s\"} %" PRIu64,
			    s->name, i < COUNT(buckets) ? buckets[i].le : "+Inf", total);
		sbuf_addch(out, '\n');
	}
	sbuf_printf(out, HISTOGRAM "_sum{service=\"%s\"} %" PRIu64 ".%06" PRIu64 "\n",
		    s->name, us / 1000000, us % 1000000);
	sbuf_printf(out, HISTOGRAM "_count{service=\"%s\"} %" PRIu64 "\n", s->name,
		    total);
}

void metrics_render(const char *dir, struct sbuf *out)
{
	struct gallery g = { .list = xcalloc(SERVICES_MAX, sizeof(*g.list)) };
	size_t i;

	read_folder(dir, &g);
	render_counters(&g, out);
	sbuf_addstr(out, "# HELP " HISTOGRAM " Seconds from arrival to answer.\n"
			 "# TYPE " HISTOGRAM " histogram\n");
	for (i = 0; i < g.count; i++)
		render_histogram(&g.list[i], out);
	free(g.list);
}
