/*
 * svc.h - the worker: what every service's main() runs. Options, configuration, secrets, log,
 * metrics, sockets, threads, signals, drain; the FastCGI side of a request. The only user of
 * libfcgi.
 *
 * Threads: `threads` pool threads wait on one epoll set and serve; one overload thread
 * answers 503 when all of them are stuck; background threads of the service; the main thread
 * waits for signals. Each pool thread has its own struct worker.
 */
#ifndef HALLE_SVC_H
#define HALLE_SVC_H

#include "peer.h"
#include "revoked.h"
#include "route.h"

struct svc {
	const struct service *service;
	struct cfg *cfg;
	struct token_keys *access_keys;  /* verify users; sign when service.signs */
	struct token_keys *service_keys; /* calls between services */
	void *data; /* the service's own, set by start */
};

/* What one thread owns. */
struct worker {
	struct svc *svc;
	struct db *db;
	struct peer *peer; /* NULL unless service.calls */
	struct token_cache *tokens;
	void *local;       /* the service's own, set by thread_start */
};

struct service {
	const char *name;             /* "products" */
	const char *const *prefixes;  /* {"/products", NULL}: where health, livez, readyz live */
	const struct route *routes;   /* ends with a zero row */
	unsigned schema;              /* migration that the program needs */
	bool signs;                   /* issues access tokens: reads jwt_private_file */
	bool calls;                   /* calls other services: workers get a peer */
	bool outbox;                  /* sends events: an outbox thread runs; implies calls */
	int (*start)(struct svc *svc);           /* once, before threads; -1: refuse to start */
	void (*stop)(struct svc *svc);           /* once, after all threads ended; may be NULL */
	void (*reopen)(struct svc *svc);         /* SIGHUP: files that were moved; may be NULL */
	int (*thread_start)(struct worker *w);   /* may be NULL */
	void (*thread_stop)(struct worker *w);   /* may be NULL */
	/* Reads revocations with a struct worker as arg; NULL: auth is asked. */
	revoked_source revocations;
	/* Adds members "name":"up"/"down" to the health answer; false when one is down. */
	bool (*probe)(struct req *req, struct jw *checks); /* may be NULL */
	/* Background work with a worker of its own (name, period): called every period_ms. */
	struct svc_job {
		const char *name;
		int period_ms;
		void (*run)(struct worker *w);
	} jobs[4];
};

/* Never returns before the worker ends: 0 after a drain, 1 when it could not start, 2 for
 * wrong usage. */
int svc_run(const struct service *service, int argc, char **argv);

/* After the commit: delivers req's events at once as far as half a second goes, so that the
 * client finds their effects when it reads the answer; the outbox thread does what is left.
 * A ROUTE_TX route does so by itself. */
void svc_deliver(struct req *req);

bool svc_stopping(void);

#endif
