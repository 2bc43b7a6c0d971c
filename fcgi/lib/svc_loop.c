/*
 * svc_loop.c - who serves which connection when.
 *
 * All pool threads wait on one epoll set and the one that is woken serves: no dispatcher, no
 * queue, no hand-over between threads. An idle kept connection costs a file descriptor only.
 * When every thread is stuck, the overload thread takes what is readable and answers 503.
 */
#include "compat.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "svc_priv.h"

#define IO_TIMEOUT_S  10 /* of one read or write on a connection */
#define STACK_BYTES   (512u << 10)
#define OVERLOAD_MS   100
#define IN_MAX        (8u << 20)
#define OUT_MAX       (8u << 20)

int worker_init(struct worker *w, struct svc *svc)
{
	const struct service *s = svc->service;

	*w = (struct worker){ .svc = svc, .db = db_new(svc->cfg) };
	if (s->calls || s->outbox)
		w->peer = peer_new(svc->cfg, s->name, svc->service_keys);
	return s->thread_start ? s->thread_start(w) : 0;
}

void worker_end(struct worker *w)
{
	if (w->svc->service->thread_stop)
		w->svc->service->thread_stop(w);
	if (w->peer)
		peer_free(&w->peer);
	db_free(&w->db);
}

static int watch(struct loop *loop, int op, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	return epoll_ctl(loop->epoll_fd, op, fd, &ev);
}

static void accept_pause(struct loop *loop)
{
	if (!atomic_exchange(&loop->accept_paused, true)) {
		watch(loop, EPOLL_CTL_DEL, loop->listen_fd, 0);
		metrics_add(M_ACCEPT_PAUSED, 1);
	}
}

static void accept_resume(struct loop *loop)
{
	if (atomic_exchange(&loop->accept_paused, false))
		watch(loop, EPOLL_CTL_ADD, loop->listen_fd,
		      EPOLLIN | EPOLLET | EPOLLEXCLUSIVE);
}

static void connection_close(struct loop *loop, int fd)
{
	if (fd >= 0)
		close(fd);
	atomic_fetch_sub(&loop->connections, 1);
}

static void connection_watch(struct loop *loop, int fd)
{
	static const struct timeval limit = { .tv_sec = IO_TIMEOUT_S };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	atomic_fetch_add(&loop->connections, 1);
	if (watch(loop, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT) < 0)
		connection_close(loop, fd);
}

/* Edge-triggered, so that one thread is woken and not all: it takes every new connection. */
static void connections_accept(struct loop *loop)
{
	while (atomic_load(&loop->connections) < loop->max_connections) {
		/* blocking, because libfcgi reads it; never without data, never for ever */
		int fd = accept4(loop->listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			connection_watch(loop, fd);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR && errno != ECONNABORTED)
			break; /* no descriptors or memory: heals by itself */
	}
	accept_pause(loop);
}

static void connection_serve(struct thread *t, int fd, bool refuse)
{
	struct loop *loop = t->loop;

	if (!fcgi_serve(t, fd, refuse))
		connection_close(loop, -1);
	else if (watch(loop, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT) < 0)
		connection_close(loop, fd);
}

static void handle(struct thread *t, const struct epoll_event *ev, bool refuse)
{
	if (ev->data.fd == t->loop->listen_fd)
		connections_accept(t->loop);
	else
		connection_serve(t, ev->data.fd, refuse);
}

static void *pool_thread(void *arg)
{
	struct thread *t = arg;
	struct loop *loop = t->loop;
	struct epoll_event ev;

	while (!atomic_load_explicit(&loop->stop, memory_order_relaxed)) {
		if (epoll_wait(loop->epoll_fd, &ev, 1, -1) != 1 || ev.data.fd == loop->stop_fd)
			continue;
		atomic_store_explicit(&t->busy_since, clock_mono_us(), memory_order_relaxed);
		handle(t, &ev, false);
		atomic_store_explicit(&loop->last_free_us, clock_mono_us(), memory_order_relaxed);
		atomic_store_explicit(&t->busy_since, 0, memory_order_relaxed);
	}
	return NULL;
}

static bool all_stuck(const struct loop *loop)
{
	for (unsigned i = 0; i < loop->thread_count; i++) {
		if (atomic_load(&loop->threads[i].busy_since) == 0)
			return false;
	}
	return clock_mono_us() - atomic_load(&loop->last_free_us) > loop->queue_us;
}

static void *overload_thread(void *arg)
{
	struct thread *t = arg;
	struct loop *loop = t->loop;
	struct timespec nap = { .tv_nsec = OVERLOAD_MS * 1000000L };
	struct epoll_event ev;

	while (!atomic_load(&loop->stop)) {
		nanosleep(&nap, NULL);
		while (all_stuck(loop) && epoll_wait(loop->epoll_fd, &ev, 1, OVERLOAD_MS) == 1)
			handle(t, &ev, true);
	}
	return NULL;
}

static int thread_init(struct loop *loop, struct thread *t)
{
	t->loop = loop;
	t->pool = pool_new();
	sbuf_init(&t->in, IN_MAX);
	sbuf_init(&t->head, 12288); /* below nginx's fastcgi_buffer_size */
	sbuf_init(&t->body, OUT_MAX);
	sbuf_init(&t->wire, 16384);
	if (worker_init(&t->worker, loop->svc) < 0)
		return -1;
	db_use_pool(t->worker.db, t->pool);
	t->worker.tokens = token_cache_new();
	return 0;
}

static void thread_end(struct thread *t)
{
	token_cache_free(&t->worker.tokens);
	worker_end(&t->worker);
	pool_free(&t->pool);
	sbuf_free(&t->in);
	sbuf_free(&t->head);
	sbuf_free(&t->body);
	sbuf_free(&t->wire);
}

int loop_init(struct loop *loop, struct svc *svc, int listen_fd)
{
	static const struct route *tables[3];

	tables[0] = health_routes(svc->service);
	tables[1] = svc->service->routes;
	*loop = (struct loop){
		.svc = svc,
		.listen_fd = listen_fd,
		.env = { .tables = tables, .access_keys = svc->access_keys,
			 .service_keys = svc->service_keys, .service = svc->service->name,
			 .cors_origins = cfg_str(svc->cfg, CFG_CORS_ORIGINS),
			 .deliver = svc_deliver },
		.max_connections = (int)cfg_int(svc->cfg, CFG_MAX_CONNECTIONS),
		.queue_us = cfg_int(svc->cfg, CFG_QUEUE_MS) * 1000,
		.deadline_us = cfg_int(svc->cfg, CFG_DEADLINE_MS) * 1000,
		.thread_count = (unsigned)cfg_int(svc->cfg, CFG_THREADS),
		.accept_paused = true,
		.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
		.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	if (loop->epoll_fd < 0 || loop->stop_fd < 0 ||
	    watch(loop, EPOLL_CTL_ADD, loop->stop_fd, EPOLLIN) < 0)
		return -1;
	loop->threads = xcalloc(loop->thread_count + 1, sizeof(*loop->threads));
	for (unsigned i = 0; i <= loop->thread_count; i++) {
		if (thread_init(loop, &loop->threads[i]) < 0)
			return -1;
	}
	return 0;
}

int loop_start(struct loop *loop)
{
	pthread_attr_t attr;
	int rc = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (unsigned i = 0; rc == 0 && i < loop->thread_count; i++)
		rc = pthread_create(&loop->threads[i].id, &attr, pool_thread, &loop->threads[i]);
	if (rc == 0)
		rc = pthread_create(&loop->threads[loop->thread_count].id, &attr, overload_thread,
				    &loop->threads[loop->thread_count]);
	pthread_attr_destroy(&attr);
	if (rc != 0)
		return -1;
	accept_resume(loop);
	return 0;
}

void loop_stop_accepting(struct loop *loop)
{
	accept_pause(loop);
	/* what woke this process alone just before would be left to nobody */
	connections_accept(loop);
}

void loop_tick(struct loop *loop)
{
	if (atomic_load(&loop->accept_paused) &&
	    atomic_load(&loop->connections) < loop->max_connections)
		accept_resume(loop);
}

bool loop_is_alive(const struct loop *loop, int64_t limit_us)
{
	int64_t now = clock_mono_us();

	for (unsigned i = 0; i < loop->thread_count; i++) {
		int64_t since = atomic_load(&loop->threads[i].busy_since);

		if (since && now - since > limit_us)
			return false;
	}
	return true;
}

bool loop_is_busy(const struct loop *loop)
{
	for (unsigned i = 0; i < loop->thread_count; i++) {
		if (atomic_load(&loop->threads[i].busy_since))
			return true;
	}
	return false;
}

void loop_end(struct loop *loop)
{
	atomic_store(&loop->stop, true);
	/* never read, so it wakes every thread that waits */
	BUG_ON(eventfd_write(loop->stop_fd, 1) < 0);
	for (unsigned i = 0; i <= loop->thread_count; i++)
		pthread_join(loop->threads[i].id, NULL);
	for (unsigned i = 0; i <= loop->thread_count; i++)
		thread_end(&loop->threads[i]);
	free(loop->threads);
	close(loop->epoll_fd);
	close(loop->stop_fd);
}
