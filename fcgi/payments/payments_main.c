/* payments_main.c - halle-payments: payments, refunds and the breaker before the bank. */
#include "compat.h"

#include "payments.h"

static const struct route routes[] = {
	{ M_POST, "/payments", payments_create, ROLE_CUSTOMER },
	{ M_GET, "/payments", payments_list, ROLE_CUSTOMER },
	{ M_GET, "/payments/breaker", payments_breaker, ROLE_CUSTOMER },
	{ M_GET, "/payments/{id}", payments_show, ROLE_CUSTOMER },
	{ M_POST, "/payments/{id}/refund", payments_refund, ROLE_ADMIN },
	{ M_POST, "/internal/payments/events", payments_event, ROLE_SERVICE,
	  .flags = ROUTE_TX },
	{ M_POST, "/internal/payments/audit", payments_audit, ROLE_SERVICE },
	{ 0 }
};

static const char *const prefixes[] = { "/payments", NULL };

static struct breaker *make_breaker(const struct cfg *cfg)
{
	const struct breaker_limits limits = {
		.failures = (unsigned)cfg_int(cfg, CFG_BREAKER_FAILURES),
		.calls = (unsigned)cfg_int(cfg, CFG_BREAKER_CALLS),
		.percent = (unsigned)cfg_int(cfg, CFG_BREAKER_PERCENT),
		.open_ms = cfg_int(cfg, CFG_BREAKER_OPEN) * 1000,
	};
	struct breaker *breaker;
	struct sbuf path;

	sbuf_init(&path, 4096);
	sbuf_printf(&path, "%s/payments.breaker", cfg_str(cfg, CFG_METRICS_DIR));
	breaker = breaker_open(sbuf_str(&path), &limits);
	sbuf_free(&path);
	return breaker;
}

static int start(struct svc *svc)
{
	struct payments *p = xcalloc(1, sizeof(*p));

	p->breaker = make_breaker(svc->cfg);
	p->most = (unsigned)cfg_int(svc->cfg, CFG_THREADS) / 2;
	if (p->most == 0)
		p->most = 1;
	svc->data = p;
	return 0;
}

static void stop(struct svc *svc)
{
	struct payments *p = svc->data;

	breaker_close(&p->breaker);
	free(p);
	svc->data = NULL;
}

static const struct service service = {
	.name = "payments",
	.prefixes = prefixes,
	.routes = routes,
	.schema = 102,
	.outbox = true,
	.start = start,
	.stop = stop,
	.jobs = { { "completer", COMPLETER_PERIOD_MS, payments_complete } },
};

int main(int argc, char **argv)
{
	return svc_run(&service, argc, argv);
}
