/*
 * peer.h - calls to other services, over HTTP through nginx's internal unix socket. The only
 * user of libcurl. One struct peer per thread; connections are kept.
 *
 * Each call carries a short service token (audience: the callee), the request id, the trace
 * and the remaining time. Nothing is repeated here: who calls decides. (libcurl sends once
 * more when a kept connection turns out closed before any byte of an answer.)
 */
#ifndef HALLE_PEER_H
#define HALLE_PEER_H

#include "cfg.h"
#include "sbuf.h"
#include "token.h"

struct peer;

struct peer *peer_new(const struct cfg *cfg, const char *service, const struct token_keys *keys);
void peer_free(struct peer **peer);

struct peer_call {
	const char *service; /* callee: "products" */
	const char *method;  /* "GET", "POST" … */
	const char *path;    /* with query, encoded */
	const char *body;    /* JSON, or NULL */
	size_t body_len;
	const char *request_id, *trace; /* may be NULL */
	const char *idempotency_key;    /* visible ASCII, or NULL */
	const char *language;           /* of texts in the answer: "fr"; NULL: English */
	int timeout_ms;
	/* answer */
	int status; /* HTTP status; 0 when there was none */
	struct sbuf reply; /* at most 1 MiB; valid until the next call on this peer */
};

/* 0 when any HTTP answer came; -1 otherwise (logged, counted). */
NODISCARD int peer_send(struct peer *peer, struct peer_call *call);

/* Several calls at once (at most 8), each with its own timeout_ms; returns when all ended. */
void peer_send_all(struct peer *peer, struct peer_call *calls, unsigned count);

#endif
