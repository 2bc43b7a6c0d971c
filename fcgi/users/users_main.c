/* users_main.c - halle-users: profiles, and the accounts behind them for admins. */
#include "compat.h"

#include "users.h"

static const struct route routes[] = {
	{ M_GET, "/users/profile", users_own_show, ROLE_CUSTOMER },
	{ M_PUT, "/users/profile", users_own_put, ROLE_CUSTOMER, .flags = ROUTE_TX },
	{ M_PATCH, "/users/profile", users_own_patch, ROLE_CUSTOMER, .flags = ROUTE_TX },
	{ M_DELETE, "/users/profile", users_own_delete, ROLE_CUSTOMER, .flags = ROUTE_TX },
	{ M_GET, "/users/{id}", users_show, ROLE_CUSTOMER },
	{ M_PUT, "/users/{id}", users_put, ROLE_CUSTOMER, .flags = ROUTE_TX },
	{ M_PATCH, "/users/{id}", users_patch, ROLE_CUSTOMER, .flags = ROUTE_TX },
	{ M_DELETE, "/users/{id}", users_delete, ROLE_CUSTOMER, .flags = ROUTE_TX },
	{ M_PUT, "/users/{id}/role", users_role, ROLE_ADMIN, .flags = ROUTE_TX },
	{ M_GET, "/users", users_list, ROLE_ADMIN },
	{ M_GET, "/api/users", users_list, ROLE_ADMIN },
	{ M_POST, "/users", users_create, ROLE_ADMIN },
	{ M_POST, "/internal/users/events", users_event, ROLE_SERVICE,
	  .flags = ROUTE_TX },
	{ 0 },
};

static const char *const prefixes[] = { "/users", NULL };

static const struct service service = {
	.name = "users",
	.prefixes = prefixes,
	.routes = routes,
	.schema = 102,
	.outbox = true,
};

int main(int argc, char **argv)
{
	return svc_run(&service, argc, argv);
}
