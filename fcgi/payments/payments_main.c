/* payments_main.c - halle-payments: payments, refunds and the breaker before the bank. */
#include "compat.h"

#include "payments.h"

static const struct route routes[] = {
	{ 0 }
};

static const char *const prefixes[] = { "/payments", NULL };

static const struct service service = {
	.name = "payments",
	.prefixes = prefixes,
	.routes = routes,
	.schema = 4,
	.outbox = true,
};

int main(int argc, char **argv)
{
	return svc_run(&service, argc, argv);
}
