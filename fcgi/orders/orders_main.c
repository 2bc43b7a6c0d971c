/* orders_main.c - halle-orders: orders, their lines and events. */
#include "compat.h"

#include "orders.h"
#include "orders_report.h"

static const struct route routes[] = {
	{ M_POST, "/internal/orders/audit-report", orders_audit_report, ROLE_SERVICE },
	{ 0 }
};

static const char *const prefixes[] = { "/orders", NULL };

static const struct service service = {
	.name = "orders",
	.prefixes = prefixes,
	.routes = routes,
	.schema = 4,
	.outbox = true,
};

int main(int argc, char **argv)
{
	return svc_run(&service, argc, argv);
}
