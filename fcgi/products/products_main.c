/*
 * products_main.c - halle-products: routes of the product service.
 */
#include "compat.h"

#include "products.h"
#include "products_reservation.h"
#include "svc.h"

/* A picture of IMAGE_MAX_BYTES in Base64, and the other members. */
#define BODY_MAX (IMAGE_MAX_BYTES / 3 * 4 + 4 + ROUTE_JSON_MAX)

static const struct route routes[] = {
	{ M_GET, "/products", products_list, ROLE_PUBLIC, 0, 0 },
	{ M_GET, "/api/articles", products_list, ROLE_PUBLIC, 0, 0 },
	{ M_POST, "/products", products_create, ROLE_ADMIN, BODY_MAX, ROUTE_TX },
	{ M_GET, "/products/{id}", products_read, ROLE_PUBLIC, 0, 0 },
	{ M_PUT, "/products/{id}", products_replace, ROLE_ADMIN, BODY_MAX, ROUTE_TX },
	{ M_PATCH, "/products/{id}", products_change, ROLE_ADMIN, BODY_MAX, ROUTE_TX },
	{ M_DELETE, "/products/{id}", products_remove, ROLE_ADMIN, 0, ROUTE_TX },
	{ M_GET, "/products/{id}/image", products_image_read, ROLE_PUBLIC, 0, 0 },
	{ M_PUT, "/products/{id}/image", products_image_put, ROLE_ADMIN, IMAGE_MAX_BYTES,
	  ROUTE_TX | ROUTE_RAW_BODY },
	{ M_DELETE, "/products/{id}/image", products_image_remove, ROLE_ADMIN, 0,
	  ROUTE_TX },
	{ M_POST, "/products/{id}/stock", products_stock_adjust, ROLE_ADMIN, 0,
	  ROUTE_TX },
	{ M_GET, "/products/{id}/stock", products_stock_read, ROLE_ADMIN, 0, 0 },
	{ M_POST, "/internal/products/facts", products_facts, ROLE_SERVICE, 0, 0 },
	{ M_POST, "/internal/products/reserve", products_reserve, ROLE_SERVICE, 0, ROUTE_TX },
	{ M_POST, "/internal/products/extend", products_extend, ROLE_SERVICE, 0, ROUTE_TX },
	{ M_POST, "/internal/products/commit", products_commit, ROLE_SERVICE, 0, ROUTE_TX },
	{ M_POST, "/internal/products/release", products_release, ROLE_SERVICE, 0, ROUTE_TX },
	{ M_POST, "/internal/products/events", products_event, ROLE_SERVICE, 0, ROUTE_TX },
	{ M_POST, "/internal/products/audit", products_audit, ROLE_SERVICE, 0, 0 },
	{ 0 }
};

static const char *const prefixes[] = { "/products", NULL };

static const struct service service = {
	.name = "products",
	.prefixes = prefixes,
	.routes = routes,
	.schema = 107,
	.outbox = true,
	.jobs = { { "expiry", EXPIRY_PERIOD_MS, products_expire } },
};

int main(int argc, char **argv)
{
	return svc_run(&service, argc, argv);
}
