/*
 * svc_fcgi.c - one FastCGI request over libfcgi, the only file that knows the library.
 *
 * libfcgi's own accept would pin a thread on every kept connection, so the loop accepts and
 * waits, and a readable connection is handed over through the fields ipcFd and
 * keepConnection of FCGX_Request. fcgiapp.h marks them internal; their behaviour in 2.4.2 is
 * pinned by tests/api/test_worker.py: after FCGX_Finish_r a kept connection is back in ipcFd,
 * and one that broke makes FCGX_Accept_r fail because there is nothing to accept from.
 */
#include "compat.h"

#include <errno.h>
#include <fcgiapp.h>

#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "svc_priv.h"

#define DRAIN_MAX      (8u << 20) /* a refused body is read away up to this */
#define PLAUSIBLE_WAIT INT64_C(60000000)

void fcgi_init(void)
{
	/* closing must not wait 2 s for a peer that is silent */
	setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "20", 1);
	BUG_ON(FCGX_Init() != 0);
}

/* What nginx passes, beside what goes straight into struct req. */
struct params {
	const char *method, *path, *content_length, *msec, *deadline_ms, *language, *key;
};

static void take_params(char **envp, struct params *p, struct req *req)
{
#define NAME(text) text, sizeof(text) - 1
	const struct {
		const char *name;
		size_t len;
		const char **to;
	} map[] = {
		{ NAME("REQUEST_METHOD"), &p->method },
		{ NAME("DOCUMENT_URI"), &p->path },
		{ NAME("CONTENT_LENGTH"), &p->content_length },
		{ NAME("HALLE_MSEC"), &p->msec },
		{ NAME("HALLE_DEADLINE_MS"), &p->deadline_ms },
		{ NAME("HTTP_ACCEPT_LANGUAGE"), &p->language },
		{ NAME("HTTP_IDEMPOTENCY_KEY"), &p->key },
		{ NAME("QUERY_STRING"), &req->query },
		{ NAME("HALLE_REQUEST_ID"), &req->id },
		{ NAME("HTTP_TRACEPARENT"), &req->trace },
		{ NAME("HTTP_ORIGIN"), &req->origin },
		{ NAME("REMOTE_ADDR"), &req->remote },
		{ NAME("CONTENT_TYPE"), &req->content_type },
		{ NAME("HTTP_AUTHORIZATION"), &req->authorization },
		{ NAME("HTTP_IF_NONE_MATCH"), &req->if_none_match },
		{ NAME("HTTP_IF_MATCH"), &req->if_match },
		{ NAME("HTTP_USER_AGENT"), &req->user_agent },
		{ NAME("HTTP_COOKIE"), &req->cookie },
		{ NAME("HTTP_SEC_FETCH_SITE"), &req->fetch_site },
	};
#undef NAME

	for (; *envp; envp++) {
		const char *eq = strchr(*envp, '=');
		size_t len = eq ? (size_t)(eq - *envp) : 0;

		if (len == 14 && memcmp(*envp, "HALLE_INTERNAL", 14) == 0)
			req->internal = eq[1] == '1';
		for (size_t i = 0; len && i < COUNT(map); i++) {
			if (map[i].len == len && memcmp(map[i].name, *envp, len) == 0) {
				/* nginx passes absent headers as empty values */
				*map[i].to = eq[1] ? eq + 1 : NULL;
				break;
			}
		}
	}
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static int64_t digits(const char *s, int64_t max)
{
	int64_t v = 0;

	if (!s || !*s)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || v > max / 10)
			return -1;
		v = v * 10 + (*s - '0');
	}
	return v <= max ? v : -1;
}

/* nginx's $msec: "1763634000.123". How long ago that was; 0 when absent or implausible. */
static int64_t waited_us(const char *msec)
{
	const char *dot = msec ? strchr(msec, '.') : NULL;
	int64_t s = 0, ms = 0, wait;

	if (!dot || strlen(dot) != 4)
		return 0;
	for (const char *p = msec; p < dot; p++)
		s = s * 10 + (*p - '0');
	ms = digits(dot + 1, 999);
	wait = clock_wall_us() - s * 1000000 - ms * 1000;
	return wait > 0 && wait < PLAUSIBLE_WAIT ? wait : 0;
}

static void set_times(const struct loop *loop, const struct params *p, struct req *req)
{
	int64_t left = digits(p->deadline_ms, 60000), now = clock_mono_us();

	req->start_us = now - waited_us(p->msec);
	req->deadline_us = req->start_us + loop->deadline_us;
	if (left >= 0 && now + left * 1000 < req->deadline_us)
		req->deadline_us = now + left * 1000;
}

/* Header of draft-ietf-httpapi-idempotency-key-header-07: visible ASCII, quoted or bare. */
static int set_key(const char *key, struct req *req)
{
	size_t len;

	req->idempotency_key = NULL;
	if (!key)
		return 0;
	len = strlen(key);
	if (len >= 2 && key[0] == '"' && key[len - 1] == '"') {
		key++;
		len -= 2;
	}
	for (size_t i = 0; i < len; i++) {
		if (key[i] <= ' ' || key[i] > '~')
			len = 0;
	}
	if (len == 0 || len > 255)
		return resp_error_detail(req, ERR_INVALID_HEADER, "%s",
					 resp_lang(req, "Idempotency-Key: 1 to 255 visible ASCII characters.",
						   "Idempotency-Key : 1 à 255 caractères ASCII visibles."));
	req->idempotency_key = pool_dup(req->pool, key, len);
	return 0;
}

static void fill(struct thread *t, FCGX_Request *fr, struct params *p, struct req *req)
{
	*p = (struct params){ .method = "" };
	*req = (struct req){
		.query = "", .pool = t->pool, .db = t->worker.db, .worker = &t->worker,
		.tokens = t->worker.tokens, .body = "", .head_out = &t->head, .body_out = &t->body,
	};
	take_params(fr->envp, p, req);
	req->query = or_empty(req->query);
	req->id = req->id ? req->id : "-";
	req->trace = or_empty(req->trace);
	req->origin = or_empty(req->origin);
	req->remote = or_empty(req->remote);
	req->content_type = or_empty(req->content_type);
	req->user_agent = or_empty(req->user_agent);
	req->path = or_empty(p->path);
	req->lang = err_lang(p->language);
	req->method = method_parse(or_empty(p->method));
	if (req->method == M_HEAD) {
		/* nginx drops the body of the answer, so HEAD is GET here */
		req->head = true;
		req->method = M_GET;
	}
	set_times(t->loop, p, req);
}

/* Reads what is left of the request, so that the next one on this connection starts clean.
 * False when the connection cannot be kept. */
static bool drain_body(FCGX_Request *fr)
{
	char scrap[4096];
	size_t total = 0;
	int n;

	while ((n = FCGX_GetStr(scrap, sizeof(scrap), fr->in)) > 0) {
		total += (size_t)n;
		if (total > DRAIN_MAX)
			return false;
	}
	return FCGX_GetError(fr->in) == 0;
}

/* 0, or -1 when an error was answered. */
static int read_body(struct thread *t, FCGX_Request *fr, const struct params *p, struct req *req)
{
	int64_t len = p->content_length ? digits(p->content_length, INT32_MAX) : 0;
	int got;

	if (len < 0)
		return resp_error(req, ERR_INVALID_BODY);
	if (len == 0)
		return 0;
	if ((uint64_t)len > route_max_body(&t->loop->env, req->method, req->path))
		return resp_error(req, ERR_BODY_TOO_LARGE);
	sbuf_reset(&t->in);
	sbuf_reserve(&t->in, (size_t)len);
	got = FCGX_GetStr(t->in.data, (int)len, fr->in);
	if (got != len || FCGX_GetError(fr->in) != 0) {
		/* a body cut short has no other sign; it must have no effect */
		metrics_add(M_REQ_CUT, 1);
		return resp_error(req, ERR_INVALID_BODY);
	}
	t->in.data[got] = '\0';
	req->body = t->in.data;
	req->body_len = (size_t)got;
	return 0;
}

static bool is_livez(const char *path)
{
	size_t len = strlen(path);

	return len >= 6 && strcmp(path + len - 6, "/livez") == 0;
}

static void answer(struct thread *t, FCGX_Request *fr, const struct params *p,
		   struct req *req, bool refuse)
{
	bool late = clock_mono_us() - req->start_us > t->loop->queue_us;

	if ((refuse || late) && !is_livez(req->path)) {
		metrics_add(M_REQ_SHED, 1);
		resp_error(req, ERR_SERVER_BUSY);
		return;
	}
	if (!text_is_line(req->path) || utf8_length(req->path, strlen(req->path)) < 0) {
		req->path = "";
		resp_error(req, ERR_NOT_FOUND);
		return;
	}
	if (set_key(p->key, req) == 0 && read_body(t, fr, p, req) == 0)
		route_run(&t->loop->env, req);
}

static void count(const struct req *req, int64_t took_us)
{
	metrics_add(req->status < 300 ? M_REQ_2XX :
		    req->status < 400 ? M_REQ_3XX :
		    req->status < 500 ? M_REQ_4XX : M_REQ_5XX, 1);
	metrics_observe_us(took_us);
	if (req->status >= 500)
		log_warn("request.failed", LOG_STR("method", method_name(req->method)),
			 LOG_STR("path", req->path), LOG_INT("status", req->status),
			 LOG_STR("code", req->failed ? err_code(req->error) : ""),
			 LOG_INT("took_us", took_us));
}

static void add_timing(struct sbuf *out, const char *name, int64_t us)
{
	sbuf_addstr(out, name);
	sbuf_addi64(out, us / 1000);
	sbuf_addch(out, '.');
	sbuf_addch(out, (char)('0' + us / 100 % 10));
	sbuf_addch(out, (char)('0' + us / 10 % 10));
	sbuf_addch(out, (char)('0' + us % 10));
}

static void send_answer(struct thread *t, FCGX_Request *fr, struct req *req)
{
	struct sbuf *out = &t->wire;
	int64_t took;

	if (req->status == 0 || t->body.overflow || t->head.overflow) {
		log_error("answer.missing", LOG_STR("path", req->path));
		resp_error(req, ERR_INTERNAL);
	}
	took = clock_mono_us() - req->start_us;
	sbuf_reset(out);
	sbuf_addstr(out, "Status: ");
	sbuf_addi64(out, req->status);
	sbuf_addch(out, ' ');
	sbuf_addstr(out, err_title(req->status));
	sbuf_addstr(out, "\r\n");
	sbuf_add(out, t->head.data, t->head.len);
	add_timing(out, "Server-Timing: app;dur=", took);
	add_timing(out, ", db;dur=", db_take_us(req->db));
	if (req->status != 304 && req->status != 204) {
		sbuf_addstr(out, "\r\nContent-Length: ");
		sbuf_addu64(out, t->body.len);
	}
	sbuf_addstr(out, "\r\n\r\n");
	FCGX_PutStr(out->data, (int)out->len, fr->out);
	if (t->body.len)
		FCGX_PutStr(t->body.data, (int)t->body.len, fr->out);
	count(req, took);
}

static void serve(struct thread *t, FCGX_Request *fr, bool refuse)
{
	struct params p;
	struct req req;

	sbuf_reset(&t->head);
	sbuf_reset(&t->body);
	fill(t, fr, &p, &req);
	log_context(req.id, 0);
	answer(t, fr, &p, &req, refuse);
	send_answer(t, fr, &req);
	log_context(NULL, 0);
	pool_reset(t->pool);
}

bool fcgi_serve(struct thread *t, int fd, bool refuse)
{
	FCGX_Request fr;

	FCGX_InitRequest(&fr, -1, 0);
	fr.ipcFd = fd;
	fr.keepConnection = 1;
	if (FCGX_Accept_r(&fr) < 0)
		return false; /* libfcgi closed it */
	serve(t, &fr, refuse);
	if (!drain_body(&fr) || atomic_load_explicit(&t->loop->closing, memory_order_relaxed))
		fr.keepConnection = 0;
	FCGX_Finish_r(&fr);
	return fr.ipcFd >= 0;
}
