/* carts_main.c - halle-carts: carts, in MariaDB and in the mirror. */
#include "compat.h"

#include "carts.h"
#include "carts_internal.h"

static const struct route routes[] = {
	{ M_GET, "/cart", carts_show, ROLE_CUSTOMER },
	{ M_POST, "/cart", carts_add, ROLE_CUSTOMER },
	{ M_DELETE, "/cart", carts_empty, ROLE_CUSTOMER },
	{ M_PATCH, "/cart/items/{product_id}", carts_edit, ROLE_CUSTOMER },
	{ M_DELETE, "/cart/items/{product_id}", carts_remove, ROLE_CUSTOMER },
	{ M_GET, "/cart/history", carts_history, ROLE_CUSTOMER },
	{ M_POST, "/cart/rollback", carts_rollback, ROLE_CUSTOMER },
	{ M_GET, "/paniers/{user_id}", paniers_show, ROLE_CUSTOMER },
	/* its users send no body, or an empty object */
	{ M_POST, "/paniers/create_cart/{user_id}", paniers_create, ROLE_CUSTOMER,
	  ROUTE_JSON_MAX, ROUTE_RAW_BODY },
	{ M_PATCH, "/paniers/add_to_cart/{user_id}", paniers_add, ROLE_CUSTOMER },
	{ M_PATCH, "/paniers/edit_cart/{user_id}", paniers_edit, ROLE_CUSTOMER },
	{ M_PATCH, "/paniers/remove_from_cart/{user_id}", paniers_remove, ROLE_CUSTOMER },
	{ M_DELETE, "/paniers/vider_panier/{user_id}", paniers_empty, ROLE_CUSTOMER },
	{ M_DELETE, "/paniers/delete_cart/{user_id}", paniers_delete, ROLE_CUSTOMER },
	{ M_GET, "/paniers/{user_id}/history", paniers_history, ROLE_CUSTOMER },
	{ M_POST, "/paniers/{user_id}/rollback", paniers_rollback, ROLE_CUSTOMER },
	{ M_GET, "/internal/carts/{user_id}", carts_lines, ROLE_SERVICE },
	{ M_POST, "/internal/carts/events", carts_event, ROLE_SERVICE },
	{ M_POST, "/internal/carts/verify", carts_verify, ROLE_SERVICE },
	{ M_POST, "/internal/carts/inspect", carts_inspect, ROLE_SERVICE },
	{ M_POST, "/internal/carts/restore", carts_restore, ROLE_SERVICE },
	{ M_POST, "/internal/carts/replay", carts_replay, ROLE_SERVICE },
	{ M_POST, "/internal/carts/rollback", carts_operator_rollback, ROLE_SERVICE },
	{ 0 }
};

static const char *const prefixes[] = { "/cart", "/paniers", NULL };

static int start(struct svc *svc)
{
	struct carts *c = xcalloc(1, sizeof(*c));

	c->promoter = promoter_start(svc->cfg);
	if (!c->promoter) {
		free(c);
		return -1;
	}
	c->facts = facts_new(cfg_int(svc->cfg, CFG_FACTS_MS) * 1000);
	c->journal = journal_new(cfg_str(svc->cfg, CFG_JOURNAL));
	c->reconciler = reconciler_new();
	svc->data = c;
	return 0;
}

static void stop(struct svc *svc)
{
	struct carts *c = svc->data;

	promoter_stop(&c->promoter);
	reconciler_free(&c->reconciler);
	journal_free(&c->journal);
	facts_free(&c->facts);
	free(c);
	svc->data = NULL;
}

static void reopen(struct svc *svc)
{
	const struct carts *c = svc->data;

	journal_reopen(c->journal);
}

static int thread_start(struct worker *w)
{
	w->local = mirror_new(w->svc->cfg);
	return w->local ? 0 : -1;
}

static void thread_stop(struct worker *w)
{
	struct mirror *m = w->local;

	mirror_free(&m);
	w->local = NULL;
}

static bool probe(struct req *req, struct jw *checks)
{
	struct mirror *m = req->worker->local;
	bool up;

	m->limit_ms = req_left_ms(req, (int)cfg_int(req->worker->svc->cfg, CFG_MIRROR_MS)) + 1;
	up = mirror_ping(m) == MIRROR_OK;
	jw_kstr(checks, "mirror", up ? "up" : "down");
	return up || carts_degrades(req->worker);
}

static const struct service service = {
	.name = "carts",
	.prefixes = prefixes,
	.routes = routes,
	.schema = 108,
	.calls = true,
	.start = start,
	.stop = stop,
	.reopen = reopen,
	.thread_start = thread_start,
	.thread_stop = thread_stop,
	.probe = probe,
	.jobs = { { "reconciler", RECONCILER_PERIOD_MS, reconciler_run },
		  { "expiry", EXPIRY_PERIOD_MS, carts_expire } },
};

int main(int argc, char **argv)
{
	return svc_run(&service, argc, argv);
}
