/* svc_health.c - health, readiness, liveness and metrics, which every worker answers. */
#include "compat.h"

#include "metrics.h"
#include "svc_priv.h"

#define PREFIXES_MAX 4

static int livez(struct req *req)
{
	struct jw *w = resp_data(req, 200);

	jw_obj(w);
	jw_kstr(w, "status", "alive");
	jw_end_obj(w);
	return resp_done(req);
}

/* Really asks the database, and that it is not older than the program. */
static bool probe_database(struct req *req, struct jw *w)
{
	uint64_t version;
	const char *state = "down";
	enum db_status st = db_schema_version(req->db, &version);

	if (st == DB_OK)
		state = version >= req->worker->svc->service->schema ? "up" : "migrate";
	else if (st == DB_NONE || st == DB_FAIL)
		state = "migrate";
	jw_kstr(w, "database", state);
	return strcmp(state, "up") == 0;
}

static bool probe(struct req *req, struct jw *checks)
{
	const struct service *s = req->worker->svc->service;
	bool ok = probe_database(req, checks);

	if (s->probe && !s->probe(req, checks))
		ok = false;
	return ok;
}

static int health(struct req *req)
{
	struct sbuf checks;
	struct jw w, *out;
	bool ok;

	sbuf_init(&checks, 1024);
	jw_init(&w, &checks);
	jw_obj(&w);
	ok = probe(req, &w);
	jw_end_obj(&w);

	out = ok ? resp_data(req, 200) : resp_problem(req, ERR_NOT_READY);
	if (ok) {
		jw_obj(out);
		jw_kstr(out, "status", "healthy");
	}
	jw_kstr(out, "service", req->worker->svc->service->name);
	jw_key(out, "checks");
	jw_raw(out, sbuf_str(&checks), checks.len);
	sbuf_free(&checks);
	if (ok)
		jw_end_obj(out);
	return ok ? resp_done(req) : resp_problem_done(req);
}

static int metrics(struct req *req)
{
	struct sbuf text;

	sbuf_init(&text, 1 << 20);
	metrics_render(cfg_str(req->worker->svc->cfg, CFG_METRICS_DIR), &text);
	resp_bytes(req, 200, "text/plain; version=0.0.4; charset=utf-8", sbuf_str(&text),
		   text.len);
	sbuf_free(&text);
	return 0;
}

const struct route *health_routes(const struct service *service)
{
	static const struct {
		const char *suffix;
		int (*run)(struct req *);
	} kinds[] = { { "health", health }, { "readyz", health }, { "livez", livez } };
	static struct route table[PREFIXES_MAX * COUNT(kinds) + 2];
	static char paths[PREFIXES_MAX * COUNT(kinds)][48];
	size_t n = 0;

	for (const char *const *p = service->prefixes; *p; p++) {
		for (size_t k = 0; k < COUNT(kinds); k++, n++) {
			BUG_ON(n == COUNT(paths));
			snprintf(paths[n], sizeof(paths[n]), "%s/%s", *p, kinds[k].suffix);
			table[n] = (struct route){ M_GET, paths[n], kinds[k].run, ROLE_PUBLIC, 0, 0 };
		}
	}
	table[n++] = (struct route){ M_GET, "/metrics", metrics, ROLE_PUBLIC, 0, 0 };
	table[n] = (struct route){ .path = NULL };
	return table;
}
