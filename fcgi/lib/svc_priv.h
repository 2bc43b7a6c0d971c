/*
 * svc_priv.h - what the files svc*.c share. Nobody else includes it.
 */
#ifndef HALLE_SVC_PRIV_H
#define HALLE_SVC_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "svc.h"

/* A pool thread (or the overload thread): its worker and its reused buffers. */
struct thread {
	struct loop *loop;
	pthread_t id;
	struct worker worker;
	struct pool *pool;
	struct sbuf in, head, body, wire;
	_Atomic int64_t busy_since; /* clock_mono_us; 0 while waiting */
};

/* One epoll set on which all pool threads wait; connections are armed one-shot, so each
 * readable one wakes exactly one thread. */
struct loop {
	struct svc *svc;
	struct route_env env;
	int epoll_fd;
	int listen_fd;
	int stop_fd; /* readable when threads must end */
	int max_connections;
	int64_t queue_us, deadline_us;
	atomic_int connections;
	atomic_bool accept_paused;
	atomic_bool closing;  /* close each connection after its answer */
	atomic_bool stop;     /* threads end */
	_Atomic int64_t last_free_us; /* when a pool thread last became free */
	unsigned thread_count;
	struct thread *threads; /* the last one is the overload thread */
};

/* svc_loop.c */
int loop_init(struct loop *loop, struct svc *svc, int listen_fd);
int loop_start(struct loop *loop);
void loop_stop_accepting(struct loop *loop);
/* Now and then from the main thread: resumes a paused accept. */
void loop_tick(struct loop *loop);
/* False when a pool thread has been at one request for longer than limit_us. */
bool loop_is_alive(const struct loop *loop, int64_t limit_us);
bool loop_is_busy(const struct loop *loop);
void loop_end(struct loop *loop);

int worker_init(struct worker *w, struct svc *svc);
void worker_end(struct worker *w);

/* svc_fcgi.c: serves one request on fd; true: the connection is kept. refuse: answer 503. */
void fcgi_init(void);
bool fcgi_serve(struct thread *t, int fd, bool refuse);

/* svc_jobs.c: threads of the service and of the library; start returns when the list of
 * revocations was asked for once. stop makes svc_stopping() true; end stops and joins. */
void jobs_start(struct svc *svc);
void jobs_stop(void);
void jobs_end(void);

/* svc_health.c: the routes that every worker has */
const struct route *health_routes(const struct service *service);

/* svc_options.c */
struct options {
	const char *config;
	bool check, routes, dump;
};
/* -1: go on; otherwise the exit status. */
int options_parse(struct options *o, const struct service *service, int argc, char **argv);
void options_print_routes(const struct service *service);

#endif
