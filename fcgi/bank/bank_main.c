/* bank_main.c - halle-bank: the simulated card network. */
#include "compat.h"

#include "bank.h"

static const struct route routes[] = {
	{ M_GET, "/bank/behaviour", bank_behaviour_show, ROLE_ADMIN },
	{ M_PUT, "/bank/behaviour", bank_behaviour_put, ROLE_ADMIN },
	{ M_POST, "/internal/bank/charges", bank_charge, ROLE_SERVICE },
	{ M_POST, "/internal/bank/charges/resolve", bank_charge_resolve, ROLE_SERVICE },
	{ M_POST, "/internal/bank/refunds", bank_refund, ROLE_SERVICE },
	{ M_POST, "/internal/bank/audit", bank_audit, ROLE_SERVICE },
	{ 0 }
};

static const char *const prefixes[] = { "/bank", NULL };

static const struct service service = {
	.name = "bank",
	.prefixes = prefixes,
	.routes = routes,
	.schema = 104,
	.outbox = true,
};

int main(int argc, char **argv)
{
	return svc_run(&service, argc, argv);
}
