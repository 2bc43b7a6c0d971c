/* users_role.c - PUT /users/{id}/role: customers become admins, and back. */
#include "compat.h"

#include "log.h"
#include "users_change.h"

struct role_body {
	const char *role;
};

static const char *const roles[] = { "customer", "admin", NULL };

static const struct field fields[] = {
	FIELD_STR(struct role_body, role, 1, 16, .required = true, .choices = roles),
	{ 0 },
};

static int store(struct req *req, struct profile *p, const char *role)
{
	enum db_status st = users_db_profile_role(req->db, p->id, role);

	if (st == DB_OK)
		st = users_db_profile(req->db, p->id, p);
	if (st == DB_OK)
		st = change_announce(req, p->id, "auth", "user.role", p->role,
				     p->version);
	if (st != DB_OK)
		return resp_db(req, st == DB_NONE ? DB_FAIL : st);
	log_info("user.role", LOG_INT("user", p->id), LOG_STR("role", p->role));
	return users_answer(req, 200, p);
}

int users_role(struct req *req)
{
	struct role_body in;
	struct profile p;
	int rc;

	if (req_body(req, fields, &in, sizeof(in), NULL) < 0)
		return -1;
	if (strcmp(in.role, role_name(ROLE_ADMIN)) == 0)
		rc = users_lock(req, req->arg[0], &p);
	else
		rc = change_lock_admin(req, req->arg[0], &p);
	if (rc < 0)
		return -1;
	if (strcmp(p.role, in.role) == 0)
		return users_answer(req, 200, &p);
	return store(req, &p, in.role);
}
