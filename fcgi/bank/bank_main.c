/* bank_main.c - halle-bank: the simulated card network. */
#include "compat.h"

#include "bank.h"

static const struct route routes[] = {
	{ 0 }
};

static const char *const prefixes[] = { "/bank", NULL };

static const struct service service = {
	.name = "bank",
	.prefixes = prefixes,
	.routes = routes,
	.schema = 4,
	.outbox = true,
};

int main(int argc, char **argv)
{
	return svc_run(&service, argc, argv);
}
