/* svc.c - the life of a worker process: start, run, drain, end. */
#include "compat.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clock.h"
#include "idem.h"
#include "log.h"
#include "metrics.h"
#include "outbox.h"
#include "svc_priv.h"

#define TICK_MS          500
#define STUCK_US         INT64_C(30000000)
#define OUTBOX_PERIOD_MS 1000
#define OUTBOX_CALL_MS   1000
#define PURGE_PERIOD_MS  60000
#define DELIVER_MS       500
#define JOBS_MAX         6

static atomic_bool stopping;

bool svc_stopping(void)
{
	return atomic_load_explicit(&stopping, memory_order_relaxed);
}

/* ---- background jobs ---- */

struct job {
	struct svc *svc;
	struct svc_job what;
	pthread_t id;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool kicked;
};

static struct job jobs[JOBS_MAX];
static unsigned job_count;

static void run_outbox(struct worker *w)
{
	/* a full batch may have left more behind it */
	while (!svc_stopping() && outbox_deliver(w->db, w->peer, OUTBOX_CALL_MS) > 0)
		;
}

static void run_purge(struct worker *w)
{
	if (idem_purge(w->db) == DB_OK && inbox_purge(w->db) == DB_OK)
		log_debug("purge.done");
}

static void job_wait(struct job *job)
{
	struct timespec until;
	int64_t at = clock_mono_us() + (int64_t)job->what.period_ms * 1000;

	until.tv_sec = at / 1000000;
	until.tv_nsec = at % 1000000 * 1000;
	pthread_mutex_lock(&job->lock);
	while (!job->kicked && !svc_stopping()) {
		if (pthread_cond_timedwait(&job->wake, &job->lock, &until) == ETIMEDOUT)
			break;
	}
	job->kicked = false;
	pthread_mutex_unlock(&job->lock);
}

static void job_kick(struct job *job)
{
	pthread_mutex_lock(&job->lock);
	job->kicked = true;
	pthread_cond_signal(&job->wake);
	pthread_mutex_unlock(&job->lock);
}

static void *job_thread(void *arg)
{
	struct job *job = arg;
	struct worker w;
	struct pool *pool = pool_new();

	if (worker_init(&w, job->svc) < 0) {
		log_error("job.failed", LOG_STR("job", job->what.name));
		pool_free(&pool);
		return NULL;
	}
	db_use_pool(w.db, pool);
	while (!svc_stopping()) {
		job->what.run(&w);
		pool_reset(pool);
		job_wait(job);
	}
	worker_end(&w);
	pool_free(&pool);
	return NULL;
}

static void job_start(struct svc *svc, const struct svc_job *what)
{
	struct job *job = &jobs[job_count];
	pthread_condattr_t attr;

	BUG_ON(job_count == JOBS_MAX);
	*job = (struct job){ .svc = svc, .what = *what };
	pthread_mutex_init(&job->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&job->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&job->id, NULL, job_thread, job) == 0)
		job_count++;
	else
		log_error("job.failed", LOG_STR("job", what->name));
}

static void jobs_start(struct svc *svc)
{
	static const struct svc_job outbox = { "outbox", OUTBOX_PERIOD_MS, run_outbox };
	static const struct svc_job purge = { "purge", PURGE_PERIOD_MS, run_purge };
	const struct service *s = svc->service;

	if (s->outbox)
		job_start(svc, &outbox);
	job_start(svc, &purge);
	for (size_t i = 0; i < COUNT(s->jobs) && s->jobs[i].name; i++)
		job_start(svc, &s->jobs[i]);
}

static void jobs_end(void)
{
	for (unsigned i = 0; i < job_count; i++)
		job_kick(&jobs[i]);
	for (unsigned i = 0; i < job_count; i++)
		pthread_join(jobs[i].id, NULL);
}

void svc_outbox_kick(struct svc *svc)
{
	if (svc->service->outbox && job_count)
		job_kick(&jobs[0]);
}

void svc_deliver(struct req *req, const unsigned char (*events)[16], unsigned count)
{
	int64_t until = clock_mono_us() / 1000 + req_left_ms(req, DELIVER_MS);
	bool all = true;

	for (unsigned i = 0; i < count; i++) {
		int64_t left = until - clock_mono_us() / 1000;

		if (left <= 0 || !outbox_deliver_one(req->db, req->worker->peer, events[i],
						     (int)left))
			all = false;
	}
	if (!all)
		svc_outbox_kick(req->worker->svc);
}

/* ---- supervisor ---- */

/* sd_notify(3): one datagram to the socket in $NOTIFY_SOCKET. */
static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (len == 0 || len >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path, len);
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&addr,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		log_warn("notify.failed", LOG_INT("errno", errno));
	close(fd);
}

/* The socket that systemd passes as fd 3 (sd_listen_fds(3)) or spawn-fcgi as fd 0. */
static int listen_socket(void)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	int fd = 0, listening = 0;
	socklen_t len = sizeof(listening);
	char self[24];

	snprintf(self, sizeof(self), "%ld", (long)getpid());
	if (fds && pid && strcmp(pid, self) == 0 && strcmp(fds, "0") != 0)
		fd = 3;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
		return -1;
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -1;
	return fd;
}

/* ---- start ---- */

static enum log_level log_level(const struct cfg *cfg)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };

	for (enum log_level l = LOG_DEBUG; l <= LOG_ERROR; l++) {
		if (strcmp(names[l], cfg_str(cfg, CFG_LOG_LEVEL)) == 0)
			return l;
	}
	return LOG_INFO;
}

static struct token_keys *load_keys(const struct cfg *cfg, enum cfg_key key,
				    struct sbuf *error)
{
	struct token_keys *keys = NULL;
	struct sbuf text;
	int rc;

	sbuf_init(&text, 8192);
	rc = cfg_secret(cfg, key, &text, error);
	if (rc == 1)
		sbuf_addstr(error, "jwt_keys_file and service_keys_file must name key files");
	else if (rc == 0)
		keys = token_keys_parse(sbuf_str(&text), cfg_str(cfg, CFG_TOKEN_ISSUER), error);
	if (text.data)
		explicit_bzero(text.data, text.cap);
	sbuf_free(&text);
	return keys;
}

static int load(struct svc *svc, const char *path, struct sbuf *error)
{
	svc->cfg = cfg_load(path, svc->service->name, error);
	if (!svc->cfg)
		return -1;
	svc->access_keys = load_keys(svc->cfg, CFG_JWT_KEYS, error);
	if (!svc->access_keys)
		return -1;
	svc->service_keys = load_keys(svc->cfg, CFG_SERVICE_KEYS, error);
	return svc->service_keys ? 0 : -1;
}

static void signals_init(sigset_t *set)
{
	/* after FCGX_Init, which installs handlers of its own */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void process_init(void)
{
	struct rlimit nofile, none = { 0, 0 };

	/* an arena per thread would cost more memory than two shared ones cost time */
	mallopt(M_ARENA_MAX, 2);
	/* libfcgi allocates and frees two 8 KiB buffers per request: without these, each free
	 * walks the fast bins or returns the memory to the kernel */
	mallopt(M_MXFAST, 0);
	mallopt(M_TRIM_THRESHOLD, 256 << 10);
	/* secrets are in memory */
	setrlimit(RLIMIT_CORE, &none);
	if (getrlimit(RLIMIT_NOFILE, &nofile) == 0) {
		nofile.rlim_cur = nofile.rlim_max < 65536 ? nofile.rlim_max : 65536;
		setrlimit(RLIMIT_NOFILE, &nofile);
	}
}

/* ---- run and drain ---- */

static bool signal_arrived(const sigset_t *set)
{
	static const struct timespec tick = { .tv_nsec = TICK_MS * 1000000L };
	int sig = sigtimedwait(set, NULL, &tick);

	return sig == SIGTERM || sig == SIGINT || sig == SIGUSR1;
}

static void run_until_signal(struct loop *loop, const sigset_t *set)
{
	int64_t period = 0, pinged = 0;
	const char *usec = getenv("WATCHDOG_USEC");

	if (usec)
		period = (int64_t)strtoull(usec, NULL, 10) / 3;
	while (!signal_arrived(set)) {
		loop_tick(loop);
		if (period && clock_mono_us() - pinged > period && loop_is_alive(loop, STUCK_US)) {
			pinged = clock_mono_us();
			notify("WATCHDOG=1");
		}
	}
}

/* nginx may send one more request on every kept connection until it has been idle for its
 * keepalive_timeout; those are served. After drain_ms, connections in steady use are closed
 * one by one, each after an answer. */
static void drain(struct loop *loop, int64_t drain_us)
{
	const struct timespec nap = { .tv_nsec = 20000000 };
	int64_t start = clock_mono_us();

	notify("STOPPING=1");
	loop_stop_accepting(loop);
	while (atomic_load(&loop->connections) > 0 || loop_is_busy(loop)) {
		int64_t now = clock_mono_us();

		if (now - start > drain_us)
			atomic_store(&loop->closing, true);
		if (now - start > drain_us * 2 && !loop_is_busy(loop))
			break;
		if (now - start > drain_us * 2 + STUCK_US)
			break;
		nanosleep(&nap, NULL);
	}
}

static int serve(struct svc *svc, int listen_fd)
{
	struct loop loop;
	sigset_t set;

	fcgi_init();
	signals_init(&set);
	if (svc->service->start && svc->service->start(svc) < 0)
		return 1;
	if (loop_init(&loop, svc, listen_fd) < 0 || loop_start(&loop) < 0) {
		log_error("start.failed", LOG_INT("errno", errno));
		return 1;
	}
	jobs_start(svc);
	metrics_add(M_STARTS, 1);
	log_info("worker.started", LOG_STR("version", PACKAGE_VERSION));
	notify("READY=1");
	run_until_signal(&loop, &set);
	drain(&loop, cfg_int(svc->cfg, CFG_DRAIN_MS) * 1000);
	atomic_store(&stopping, true);
	loop_end(&loop);
	jobs_end();
	if (svc->service->stop)
		svc->service->stop(svc);
	log_info("worker.ended");
	return 0;
}

static int start(struct svc *svc, const struct options *o)
{
	struct sbuf text;
	int fd;

	sbuf_init(&text, 65536);
	if (load(svc, o->config, &text) < 0) {
		fprintf(stderr, "halle-%s: %s\n", svc->service->name, sbuf_str(&text));
		sbuf_free(&text);
		return 1;
	}
	if (o->dump)
		cfg_dump(svc->cfg, &text);
	printf("%s", sbuf_str(&text));
	sbuf_free(&text);
	if (o->check || o->dump)
		return 0;
	log_init(svc->service->name, log_level(svc->cfg));
	fd = listen_socket();
	if (fd < 0) {
		fprintf(stderr, "halle-%s: no listening socket; start it from its systemd socket "
				"unit or with spawn-fcgi\n", svc->service->name);
		return 1;
	}
	metrics_open(cfg_str(svc->cfg, CFG_METRICS_DIR), svc->service->name);
	return serve(svc, fd);
}

static void unload(struct svc *svc)
{
	if (svc->access_keys)
		token_keys_free(&svc->access_keys);
	if (svc->service_keys)
		token_keys_free(&svc->service_keys);
	if (svc->cfg)
		cfg_free(&svc->cfg);
}

int svc_run(const struct service *service, int argc, char **argv)
{
	struct svc svc = { .service = service };
	struct options o;
	int rc = options_parse(&o, service, argc, argv);

	if (rc >= 0)
		return rc;
	if (o.routes) {
		options_print_routes(service);
		return 0;
	}
	process_init();
	rc = start(&svc, &o);
	unload(&svc);
	return rc;
}
