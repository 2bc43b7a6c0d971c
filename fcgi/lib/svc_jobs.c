/* svc_jobs.c - background threads of a worker process, each with a struct worker of its own. */
#include "compat.h"

#include <errno.h>

#include "clock.h"
#include "idem.h"
#include "log.h"
#include "metrics.h"
#include "outbox.h"
#include "revoked.h"
#include "svc_priv.h"

#define OUTBOX_PERIOD_MS 1000
#define OUTBOX_CALL_MS   1000
#define PURGE_PERIOD_MS  60000
#define DELIVER_MS       500
#define JOBS_MAX         7
#define SELDOM_MS        10000 /* who runs no oftener keeps no connection in between */

static atomic_bool stopping;

bool svc_stopping(void)
{
	return atomic_load_explicit(&stopping, memory_order_relaxed);
}

struct job {
	struct svc *svc;
	struct svc_job what;
	pthread_t id;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool kicked;
	bool ran; /* once at least, or it never will */
};

static struct job jobs[JOBS_MAX];
static unsigned job_count;
static struct job *outbox_job;

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

static int ask_auth(void *arg, int64_t seconds)
{
	struct worker *w = arg;

	if (!w->peer)
		w->peer = peer_new(w->svc->cfg, w->svc->service->name, w->svc->service_keys);
	return revoked_from_auth(w->peer, seconds);
}

static void run_revocations(struct worker *w)
{
	revoked_source own = w->svc->service->revocations;

	/* what failed is told there, and the next run is soon */
	(void)!revoked_update(own ? own : ask_auth, w);
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

static void job_has_run(struct job *job)
{
	pthread_mutex_lock(&job->lock);
	job->ran = true;
	pthread_cond_broadcast(&job->wake);
	pthread_mutex_unlock(&job->lock);
}

static void *job_thread(void *arg)
{
	struct job *job = arg;
	struct worker w;
	struct pool *pool = pool_new();

	if (worker_init(&w, job->svc) < 0) {
		log_error("job.failed", LOG_STR("job", job->what.name));
		job_has_run(job);
		pool_free(&pool);
		return NULL;
	}
	db_use_pool(w.db, pool);
	while (!svc_stopping()) {
		job->what.run(&w);
		pool_reset(pool);
		if (job->what.period_ms >= SELDOM_MS)
			db_drop(w.db);
		job_has_run(job);
		job_wait(job);
	}
	worker_end(&w);
	pool_free(&pool);
	return NULL;
}

/* NULL: there is no such thread. */
static struct job *job_start(struct svc *svc, const struct svc_job *what)
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
	if (pthread_create(&job->id, NULL, job_thread, job) != 0) {
		log_error("job.failed", LOG_STR("job", what->name));
		return NULL;
	}
	job_count++;
	return job;
}

static void job_await_first_run(struct job *job)
{
	pthread_mutex_lock(&job->lock);
	while (!job->ran)
		pthread_cond_wait(&job->wake, &job->lock);
	pthread_mutex_unlock(&job->lock);
}

/* Before the first request: it must find the revocations there, or auth away. */
void jobs_start(struct svc *svc)
{
	static const struct svc_job outbox = { "outbox", OUTBOX_PERIOD_MS, run_outbox };
	static const struct svc_job purge = { "purge", PURGE_PERIOD_MS, run_purge };
	static const struct svc_job revocations = { "revocations", REVOKED_PERIOD_MS,
						    run_revocations };
	const struct service *s = svc->service;
	struct job *first = job_start(svc, &revocations);

	if (s->outbox)
		outbox_job = job_start(svc, &outbox);
	job_start(svc, &purge);
	for (size_t i = 0; i < COUNT(s->jobs) && s->jobs[i].name; i++)
		job_start(svc, &s->jobs[i]);
	if (first)
		job_await_first_run(first);
}

void jobs_stop(void)
{
	atomic_store(&stopping, true);
}

void jobs_end(void)
{
	jobs_stop();
	for (unsigned i = 0; i < job_count; i++)
		job_kick(&jobs[i]);
	for (unsigned i = 0; i < job_count; i++)
		pthread_join(jobs[i].id, NULL);
}

void svc_deliver(struct req *req)
{
	int64_t until = clock_mono_us() / 1000 + req_left_ms(req, DELIVER_MS);
	bool all = true;

	for (unsigned i = 0; i < req->events; i++) {
		int64_t left = until - clock_mono_us() / 1000;

		if (left <= 0 || !outbox_deliver_one(req->db, req->worker->peer, req->event[i],
						     (int)left))
			all = false;
	}
	if (!all && outbox_job)
		job_kick(outbox_job);
}
