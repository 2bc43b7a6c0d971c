/* journal.c - failed_cart_requests.log. */
#include "compat.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "clock.h"
#include "journal.h"
#include "json.h"
#include "log.h"
#include "metrics.h"
#include "rnd.h"

#define LINE_MAX_BYTES 8192
#define FINGERPRINT    32

struct journal {
	pthread_mutex_t lock;
	char *path;
	int fd;         /* -1: not open */
	bool torn;      /* the file may end within a line */
	uint64_t seq;
};

static const char *const stages[] = {
	[STAGE_P_LOCK] = "p_lock",
	[STAGE_S_PREPARE] = "s_prepare",
	[STAGE_P_COMMIT] = "p_commit",
	[STAGE_S_PROMOTE] = "s_promote",
};
static const char *const targets[] = {
	[STAGE_P_LOCK] = "MARIADB_CART",
	[STAGE_S_PREPARE] = "MIRROR_CART",
	[STAGE_P_COMMIT] = "MARIADB_CART",
	[STAGE_S_PROMOTE] = "MIRROR_CART",
};
static const char *const outcomes[] = {
	[OUTCOME_ROLLED_BACK] = "rolled_back",
	[OUTCOME_UNKNOWN] = "unknown",
	[OUTCOME_REPAIRED] = "repaired",
	[OUTCOME_DEGRADED] = "degraded",
};

struct journal *journal_new(const char *path)
{
	struct journal *j = xcalloc(1, sizeof(*j));

	pthread_mutex_init(&j->lock, NULL);
	j->path = xstrdup(path);
	j->fd = -1;
	return j;
}

static void close_file(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

void journal_reopen(struct journal *j)
{
	pthread_mutex_lock(&j->lock);
	close_file(j);
	pthread_mutex_unlock(&j->lock);
}

void journal_free(struct journal **j)
{
	if (!*j)
		return;
	close_file(*j);
	pthread_mutex_destroy(&(*j)->lock);
	free((*j)->path);
	free(*j);
	*j = NULL;
}

uint32_t crc32c(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return ~crc;
}

static void add_args(struct jw *w, const struct journal_entry *e)
{
	jw_key(w, "args");
	jw_obj(w);
	if (e->product_id)
		jw_ku64(w, "product_id", e->product_id);
	if (e->quantity)
		jw_ku64(w, "quantity", e->quantity);
	if (e->version)
		jw_ku64(w, "version", e->version);
	jw_end_obj(w);
}

static void add_error(struct jw *w, const struct journal_entry *e)
{
	jw_key(w, "err");
	jw_obj(w);
	jw_kstr(w, "code", e->err_code);
	jw_kstr(w, "msg", e->err_msg);
	jw_end_obj(w);
}

static void add_fingerprint(struct jw *w, const struct journal_entry *e)
{
	char hex[2 * FINGERPRINT + 1];

	if (!e->fingerprint)
		return;
	hex_encode(e->fingerprint, FINGERPRINT, hex);
	jw_kstr(w, "fingerprint", hex);
}

static void build(struct sbuf *line, const struct journal_entry *e, uint64_t seq)
{
	char ts[CLOCK_TEXT], op[UUID_TEXT];
	struct jw w;
	uint32_t crc;

	jw_init(&w, line);
	jw_obj(&w);
	jw_kstr(&w, "ts", clock_rfc3339(clock_wall_us(), true, ts));
	jw_ku64(&w, "seq", seq);
	jw_ki64(&w, "pid", getpid());
	jw_kstr(&w, "req_id", e->request_id);
	jw_kstr(&w, "op_id", uuid_text(e->op_id, op));
	add_fingerprint(&w, e);
	jw_kstr(&w, "target", targets[e->stage]);
	jw_kstr(&w, "crud", e->crud);
	jw_kstr(&w, "route", e->route);
	jw_ku64(&w, "user_id", e->user_id);
	add_args(&w, e);
	jw_ku64(&w, "base_version", e->base_version);
	jw_ku64(&w, "new_version", e->new_version ? e->new_version : e->base_version + 1);
	jw_kstr(&w, "stage", stages[e->stage]);
	jw_ku64(&w, "fence", e->fence);
	jw_kstr(&w, "outcome", outcomes[e->outcome]);
	add_error(&w, e);
	jw_ku64(&w, "attempt", e->attempt);
	crc = crc32c(sbuf_str(line), line->len);
	sbuf_printf(line, ",\"crc32c\":\"%08" PRIx32 "\"}\n", crc);
}

/* A crash may have left half a line; what follows must stand on its own. */
static bool ends_within_line(int fd, off_t size)
{
	char last;

	return size > 0 && (pread(fd, &last, 1, size - 1) != 1 || last != '\n');
}

/* Opened, and still the file at the path: it may have been moved away. */
static int open_file(struct journal *j, off_t *size_r)
{
	struct stat there, ours;

	if (j->fd >= 0 && (stat(j->path, &there) < 0 || fstat(j->fd, &ours) < 0 ||
			   there.st_ino != ours.st_ino || there.st_dev != ours.st_dev))
		close_file(j);
	if (j->fd < 0) {
		j->fd = open(j->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
		if (j->fd < 0)
			return -1;
		if (fstat(j->fd, &ours) < 0) {
			close_file(j);
			return -1;
		}
		j->torn = ends_within_line(j->fd, ours.st_size);
	}
	*size_r = ours.st_size;
	return 0;
}

static int append(struct journal *j, const struct sbuf *line)
{
	const char *from = line->data;
	size_t len = line->len;
	off_t size;
	ssize_t n;

	if (line->overflow) {
		errno = EMSGSIZE;
		return -1;
	}
	if (open_file(j, &size) < 0)
		return -1;
	/* the line begins with the newline that mends a torn one */
	if (!j->torn) {
		from++;
		len--;
	}
	if (size + (off_t)len > JOURNAL_MAX_BYTES) {
		errno = EFBIG;
		return -1;
	}
	n = write(j->fd, from, len);
	j->torn = n > 0 ? (size_t)n < len : j->torn;
	if (n != (ssize_t)len) {
		if (n >= 0)
			errno = ENOSPC;
		return -1;
	}
	return fdatasync(j->fd);
}

void journal_write(struct journal *j, const struct journal_entry *e)
{
	struct sbuf line, text;
	int error = 0;

	sbuf_init(&text, LINE_MAX_BYTES);
	sbuf_init(&line, LINE_MAX_BYTES + 1);
	pthread_mutex_lock(&j->lock);
	build(&text, e, ++j->seq);
	sbuf_addch(&line, '\n');
	sbuf_add(&line, text.data, text.len);
	line.overflow |= text.overflow;
	if (append(j, &line) < 0)
		error = errno;
	pthread_mutex_unlock(&j->lock);
	if (error) {
		metrics_add(M_JOURNAL_ERRORS, 1);
		log_error("journal.failed", LOG_STR("path", j->path), LOG_INT("errno", error),
			  LOG_STR("stage", stages[e->stage]), LOG_INT("fence", e->fence));
	}
	sbuf_free(&text);
	sbuf_free(&line);
}
