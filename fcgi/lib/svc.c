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
#include "log.h"
#include "metrics.h"
#include "svc_priv.h"

#define TICK_MS  500
#define STUCK_US INT64_C(30000000)

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

/* The text of a key file, behind the name of the file in error for the sentence about it. */
static int read_keys(const struct cfg *cfg, enum cfg_key key, struct sbuf *text,
		     struct sbuf *error)
{
	int rc = cfg_secret(cfg, key, text, error);

	if (rc == 0)
		sbuf_printf(error, "%s: ", cfg_str(cfg, key));
	return rc;
}

static void wipe(struct sbuf *secret)
{
	if (secret->data)
		explicit_bzero(secret->data, secret->cap);
	sbuf_free(secret);
}

static struct token_keys *load_keys(const struct cfg *cfg, enum cfg_key key,
				    struct sbuf *error)
{
	struct token_keys *keys = NULL;
	struct sbuf text;
	int rc;

	sbuf_init(&text, 8192);
	rc = read_keys(cfg, key, &text, error);
	if (rc == 1)
		sbuf_addstr(error, "jwt_keys_file and service_keys_file must name key files");
	else if (rc == 0)
		keys = token_keys_parse(sbuf_str(&text), cfg_str(cfg, CFG_TOKEN_ISSUER), error);
	if (keys)
		sbuf_reset(error);
	wipe(&text);
	return keys;
}

/* What ES256 needs to sign. */
static int load_private(const struct svc *svc, struct sbuf *error)
{
	struct sbuf text;
	int rc;

	sbuf_init(&text, 8192);
	rc = read_keys(svc->cfg, CFG_JWT_PRIVATE, &text, error);
	if (rc == 1)
		sbuf_addstr(error, "jwt_keys_file holds public keys (ES256): jwt_private_file must "
				   "name the file of the private ones");
	else if (rc == 0)
		rc = token_keys_private(svc->access_keys, sbuf_str(&text), error);
	if (rc == 0)
		sbuf_reset(error);
	wipe(&text);
	return rc == 0 ? 0 : -1;
}

static int load(struct svc *svc, const char *path, struct sbuf *error)
{
	svc->cfg = cfg_load(path, svc->service->name, error);
	if (!svc->cfg)
		return -1;
	svc->access_keys = load_keys(svc->cfg, CFG_JWT_KEYS, error);
	if (!svc->access_keys)
		return -1;
	if (svc->service->signs && token_keys_asymmetric(svc->access_keys) &&
	    load_private(svc, error) < 0)
		return -1;
	svc->service_keys = load_keys(svc->cfg, CFG_SERVICE_KEYS, error);
	if (!svc->service_keys)
		return -1;
	if (!token_keys_asymmetric(svc->service_keys))
		return 0;
	sbuf_addstr(error, "service_keys_file holds ES256 keys, but every service signs with "
			   "them: write one line \"KID HEX\" (openssl rand -hex 32)");
	return -1;
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

/* SIGHUP is what log rotation sends; the log itself is stderr, which is never reopened. */
static bool signal_arrived(struct svc *svc, const sigset_t *set)
{
	static const struct timespec tick = { .tv_nsec = TICK_MS * 1000000L };
	int sig = sigtimedwait(set, NULL, &tick);

	if (sig == SIGHUP && svc->service->reopen)
		svc->service->reopen(svc);
	return sig == SIGTERM || sig == SIGINT || sig == SIGUSR1;
}

static void run_until_signal(struct svc *svc, struct loop *loop, const sigset_t *set)
{
	int64_t period = 0, pinged = 0;
	const char *usec = getenv("WATCHDOG_USEC");

	if (usec)
		period = (int64_t)strtoull(usec, NULL, 10) / 3;
	while (!signal_arrived(svc, set)) {
		loop_tick(loop);
		if (period && clock_mono_us() - pinged > period && loop_is_alive(loop, STUCK_US)) {
			pinged = clock_mono_us();
			notify("WATCHDOG=1");
		}
	}
}

/* nginx may send one more request on every kept connection until it closes it, after its
 * keepalive_time or keepalive_timeout; those are served. What is left after drain_ms, of
 * another front, is closed one by one, each after an answer, which may meet a request. */
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

static int start_failed(void)
{
	log_error("start.failed", LOG_INT("errno", errno));
	return 1;
}

static int serve(struct svc *svc, int listen_fd)
{
	struct loop loop;
	sigset_t set;

	fcgi_init();
	signals_init(&set);
	if (svc->service->start && svc->service->start(svc) < 0)
		return 1;
	if (loop_init(&loop, svc, listen_fd) < 0)
		return start_failed();
	jobs_start(svc);
	if (loop_start(&loop) < 0) {
		jobs_end();
		return start_failed();
	}
	metrics_add(M_STARTS, 1);
	log_info("worker.started", LOG_STR("version", PACKAGE_VERSION));
	notify("READY=1");
	run_until_signal(svc, &loop, &set);
	drain(&loop, cfg_int(svc->cfg, CFG_DRAIN_MS) * 1000);
	jobs_stop();
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
