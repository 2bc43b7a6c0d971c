/* auth_health.c - the health of the whole site: every service asked at once. */
#include "compat.h"

#include "auth.h"

#define ASK_MS 300

static const struct {
	const char *name, *health, *ready;
} services[] = {
	{ "users", "/users/health", "/users/readyz" },
	{ "products", "/products/health", "/products/readyz" },
	{ "carts", "/cart/health", "/cart/readyz" },
	{ "orders", "/orders/health", "/orders/readyz" },
	{ "payments", "/payments/health", "/payments/readyz" },
	{ "bank", "/bank/health", "/bank/readyz" },
};

/* This service's own part: a call to itself would hold a second thread of it. */
static bool own_database_up(struct req *req)
{
	const struct service *self = req->worker->svc->service;
	uint64_t version;

	return db_schema_version(req->db, &version) == DB_OK && version >= self->schema;
}

static bool ask_all(struct req *req, bool ready, bool up[COUNT(services)])
{
	struct peer_call calls[COUNT(services)];
	bool all = true;

	for (size_t i = 0; i < COUNT(services); i++)
		calls[i] = (struct peer_call){
			.service = services[i].name,
			.method = "GET",
			.path = ready ? services[i].ready : services[i].health,
			.request_id = req->id,
			.trace = req->trace,
			.timeout_ms = req_left_ms(req, ASK_MS),
		};
	peer_send_all(req->worker->peer, calls, COUNT(services));
	for (size_t i = 0; i < COUNT(services); i++) {
		up[i] = calls[i].status == 200;
		all &= up[i];
	}
	return all;
}

static void write_states(struct jw *w, const char *member, bool self,
			 const bool up[COUNT(services)])
{
	jw_key(w, member);
	jw_obj(w);
	jw_kstr(w, "auth", self ? "up" : "down");
	for (size_t i = 0; i < COUNT(services); i++)
		jw_kstr(w, services[i].name, up[i] ? "up" : "down");
	jw_end_obj(w);
}

/* The states by service stand under member, whether the answer is good or bad. */
static int answer(struct req *req, bool ready, const char *good, enum err bad,
		  const char *member)
{
	bool up[COUNT(services)];
	bool self = own_database_up(req);
	bool all = ask_all(req, ready, up);
	struct jw *w;

	if (!all || !self) {
		w = resp_problem(req, bad);
		write_states(w, member, self, up);
		return resp_problem_done(req);
	}
	w = resp_data(req, 200);
	jw_obj(w);
	jw_kstr(w, "status", good);
	write_states(w, member, self, up);
	jw_end_obj(w);
	return resp_done(req);
}

int auth_site_health(struct req *req)
{
	return answer(req, false, "healthy", ERR_UNHEALTHY, "services");
}

int auth_site_ready(struct req *req)
{
	return answer(req, true, "ready", ERR_NOT_READY, "checks");
}

int auth_site_live(struct req *req)
{
	struct jw *w = resp_data(req, 200);

	jw_obj(w);
	jw_kstr(w, "status", "alive");
	jw_end_obj(w);
	return resp_done(req);
}
