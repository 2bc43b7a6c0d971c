/* orders_main.c - halle-orders: orders, their lines and events. */
#include "compat.h"

#include "orders.h"
#include "orders_report.h"

static const struct route routes[] = {
	{ M_POST, "/orders", orders_create, ROLE_CUSTOMER },
	{ M_GET, "/orders", orders_list, ROLE_CUSTOMER },
	{ M_GET, "/orders/{id}", orders_show, ROLE_CUSTOMER },
	{ M_PUT, "/orders/{id}", orders_put, ROLE_CUSTOMER },
	{ M_DELETE, "/orders/{id}", orders_cancel, ROLE_CUSTOMER, .flags = ROUTE_TX },
	/* its users send no body, or an empty object */
	{ M_POST, "/orders/{id}/cancel", orders_cancel, ROLE_CUSTOMER, ROUTE_JSON_MAX,
	  ROUTE_TX | ROUTE_RAW_BODY },
	{ M_POST, "/internal/orders/{id}/payment", orders_payment, ROLE_SERVICE },
	{ M_POST, "/internal/orders/events", orders_event, ROLE_SERVICE, .flags = ROUTE_TX },
	{ M_POST, "/internal/orders/audit", orders_audit, ROLE_SERVICE },
	{ M_POST, "/internal/orders/audit-report", orders_audit_report, ROLE_SERVICE },
	{ 0 }
};

static const char *const prefixes[] = { "/orders", NULL };

static const struct service service = {
	.name = "orders",
	.prefixes = prefixes,
	.routes = routes,
	.schema = 106,
	.outbox = true,
	.jobs = { { "expiry", ORDERS_PERIOD_MS, orders_expire },
		  { "holds", ORDERS_PERIOD_MS, orders_prolong } },
};

int main(int argc, char **argv)
{
	return svc_run(&service, argc, argv);
}
