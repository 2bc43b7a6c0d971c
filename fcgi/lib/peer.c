/* peer.c - HTTP calls to other services through nginx's unix socket, by libcurl. */
#include "compat.h"

#include <curl/curl.h>
#include <pthread.h>

#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "peer.h"

#define CALLS_MAX       8
#define CALLEES_MAX     8
#define REPLY_MAX       (1u << 20)
#define CONNECT_MS      1000L
#define IDLE_S          5L /* less than nginx keeps a connection */
#define TOKEN_TTL_S     60
#define TOKEN_RENEW_S   30
#define POLL_MS         1000
#define URL_MAX         8192 /* what nginx takes */
#define ORIGIN          "http://halle.internal" /* nginx's socket decides where it goes */

struct callee {
	char name[32];
	struct sbuf header; /* "Authorization: Bearer …" */
	int64_t renew_s;
};

/* What one call of peer_send_all uses. */
struct line {
	CURL *curl; /* NULL until the line is used: most threads use one or none */
	struct sbuf reply;
	struct curl_slist *headers;
	char error[CURL_ERROR_SIZE];
	bool running;
	CURLcode result;
};

struct peer {
	const struct cfg *cfg;
	const char *service;
	const struct token_keys *keys;
	CURLM *multi; /* owns the connections; NULL until the first call */
	struct line lines[CALLS_MAX];
	struct callee callees[CALLEES_MAX];
	unsigned next_callee;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
	/* no TLS: the calls go through a unix socket */
	BUG_ON(curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK);
}

struct peer *peer_new(const struct cfg *cfg, const char *service,
		      const struct token_keys *keys)
{
	struct peer *p = xcalloc(1, sizeof(*p));

	p->cfg = cfg;
	p->service = service;
	p->keys = keys;
	for (unsigned i = 0; i < CALLS_MAX; i++)
		sbuf_init(&p->lines[i].reply, REPLY_MAX);
	for (unsigned i = 0; i < CALLEES_MAX; i++)
		sbuf_init(&p->callees[i].header, TOKEN_MAX + 64);
	return p;
}

void peer_free(struct peer **peer)
{
	struct peer *p = *peer;

	if (!p)
		return;
	for (unsigned i = 0; i < CALLS_MAX; i++) {
		curl_easy_cleanup(p->lines[i].curl);
		sbuf_free(&p->lines[i].reply);
	}
	if (p->multi)
		curl_multi_cleanup(p->multi);
	for (unsigned i = 0; i < CALLEES_MAX; i++)
		sbuf_free(&p->callees[i].header);
	free(p);
	*peer = NULL;
}

/* -- service tokens -- */

static int renew_token(struct peer *p, struct callee *c)
{
	struct claims claims = { .role = ROLE_SERVICE };
	struct sbuf token;
	int result;

	snprintf(claims.username, sizeof(claims.username), "%s", p->service);
	sbuf_init(&token, TOKEN_MAX);
	result = token_issue(p->keys, TOKEN_SERVICE, c->name, &claims, TOKEN_TTL_S,
			     &token);
	sbuf_reset(&c->header);
	sbuf_addstr(&c->header, "Authorization: Bearer ");
	sbuf_add(&c->header, sbuf_str(&token), token.len);
	c->renew_s = result < 0 ? 0 : claims.exp - TOKEN_RENEW_S;
	sbuf_free(&token);
	return result;
}

static struct callee *find_callee(struct peer *p, const char *name)
{
	struct callee *c;

	for (unsigned i = 0; i < CALLEES_MAX; i++) {
		if (strcmp(p->callees[i].name, name) == 0)
			return &p->callees[i];
	}
	c = &p->callees[p->next_callee++ % CALLEES_MAX];
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->renew_s = 0;
	return c;
}

/* NULL when no token could be made. */
static const char *authorization(struct peer *p, const char *callee)
{
	struct callee *c = find_callee(p, callee);

	if (clock_wall_us() / 1000000 >= c->renew_s && renew_token(p, c) < 0)
		return NULL;
	return sbuf_str(&c->header);
}

/* -- one call -- */

static size_t take_reply(char *data, size_t size, size_t n, void *arg)
{
	struct line *line = arg;

	sbuf_add(&line->reply, data, size * n);
	return line->reply.overflow ? 0 : size * n; /* 0 breaks the call off */
}

static void add_line(struct line *line, const char *header)
{
	struct curl_slist *list = curl_slist_append(line->headers, header);

	BUG_ON(!list);
	line->headers = list;
}

/* Values come from a client through nginx: only visible ASCII and spaces pass. */
static void add_header(struct line *line, const char *name, const char *value)
{
	char header[512];
	int n;

	if (!value || !*value)
		return;
	for (const char *p = value; *p; p++) {
		if (*p < ' ' || *p > '~')
			return;
	}
	n = snprintf(header, sizeof(header), "%s: %s", name, value);
	if (n > 0 && (size_t)n < sizeof(header))
		add_line(line, header);
}

static int add_headers(struct peer *p, struct line *line, const struct peer_call *call)
{
	const char *auth = authorization(p, call->service);
	char ms[16];

	if (!auth)
		return -1;
	snprintf(ms, sizeof(ms), "%d", call->timeout_ms);
	add_line(line, auth);
	add_line(line, "Accept: application/json");
	add_line(line, "Expect:");
	add_line(line, call->body ? "Content-Type: application/json" : "Content-Type:");
	add_header(line, "X-Request-Id", call->request_id);
	add_header(line, "traceparent", call->trace);
	add_header(line, "Idempotency-Key", call->idempotency_key);
	add_header(line, "Accept-Language", call->language);
	add_header(line, "Halle-Deadline-Ms", ms);
	return 0;
}

static void set_transport(struct peer *p, CURL *curl, int timeout_ms)
{
	long ms = timeout_ms;

	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH,
			 cfg_str(p->cfg, CFG_INTERNAL_SOCKET));
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, IDLE_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ms);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
			 ms < CONNECT_MS ? ms : CONNECT_MS);
}

static void set_request(CURL *curl, const struct peer_call *call)
{
	char url[URL_MAX];
	bool get = strcmp(call->method, "GET") == 0;
	int n = snprintf(url, sizeof(url), "%s%s", ORIGIN, call->path);

	BUG_ON(n < 0 || (size_t)n >= sizeof(url) || call->path[0] != '/');
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	if (get) {
		curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
		return;
	}
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body ? call->body : "");
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
}

static void fail(const struct peer_call *call, const char *error)
{
	metrics_add(M_PEER_ERRORS, 1);
	if (call->quiet)
		return;
	log_warn("peer.failed", LOG_STR("to", call->service),
		 LOG_STR("method", call->method), LOG_STR("path", call->path),
		 LOG_STR("error", error));
}

static void start(struct peer *p, struct line *line, struct peer_call *call)
{
	call->status = 0;
	line->running = false;
	line->result = CURLE_FAILED_INIT;
	line->error[0] = '\0';
	line->headers = NULL;
	sbuf_reset(&line->reply);
	if (call->timeout_ms <= 0) {
		snprintf(line->error, sizeof(line->error), "no time left");
		return;
	}
	if (line->curl)
		curl_easy_reset(line->curl);
	else
		line->curl = curl_easy_init();
	BUG_ON(!line->curl);
	if (add_headers(p, line, call) < 0) {
		snprintf(line->error, sizeof(line->error), "no service token");
		return;
	}
	set_transport(p, line->curl, call->timeout_ms);
	set_request(line->curl, call);
	curl_easy_setopt(line->curl, CURLOPT_HTTPHEADER, line->headers);
	curl_easy_setopt(line->curl, CURLOPT_ERRORBUFFER, line->error);
	curl_easy_setopt(line->curl, CURLOPT_WRITEFUNCTION, take_reply);
	curl_easy_setopt(line->curl, CURLOPT_WRITEDATA, line);
	curl_easy_setopt(line->curl, CURLOPT_PRIVATE, line);
	line->running = curl_multi_add_handle(p->multi, line->curl) == CURLM_OK;
}

static void finish(struct peer *p, struct line *line, struct peer_call *call)
{
	long status = 0;

	if (line->running)
		curl_multi_remove_handle(p->multi, line->curl);
	if (line->result == CURLE_OK)
		curl_easy_getinfo(line->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 0) {
		sbuf_reset(&line->reply);
		fail(call, line->error[0] ? line->error :
					    curl_easy_strerror(line->result));
	}
	curl_slist_free_all(line->headers);
	line->headers = NULL;
	call->status = (int)status;
	call->reply = line->reply;
}

/* Each transfer has its own time limit, so this ends. */
static void transfer(struct peer *p)
{
	int running = 0, left;
	CURLMsg *msg;

	while (curl_multi_perform(p->multi, &running) == CURLM_OK && running > 0) {
		if (curl_multi_poll(p->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)
			break;
	}
	while ((msg = curl_multi_info_read(p->multi, &left))) {
		struct line *line;

		if (msg->msg == CURLMSG_DONE &&
		    curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &line) ==
			    CURLE_OK)
			line->result = msg->data.result;
	}
}

/* Most threads call nobody. */
static void multi_start(struct peer *p)
{
	if (p->multi)
		return;
	pthread_once(&curl_once, curl_start);
	p->multi = curl_multi_init();
	BUG_ON(!p->multi);
	curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, (long)CALLS_MAX);
}

void peer_send_all(struct peer *peer, struct peer_call *calls, unsigned count)
{
	BUG_ON(count > CALLS_MAX);
	multi_start(peer);
	for (unsigned i = 0; i < count; i++)
		start(peer, &peer->lines[i], &calls[i]);
	transfer(peer);
	for (unsigned i = 0; i < count; i++)
		finish(peer, &peer->lines[i], &calls[i]);
}

int peer_send(struct peer *peer, struct peer_call *call)
{
	peer_send_all(peer, call, 1);
	return call->status ? 0 : -1;
}
