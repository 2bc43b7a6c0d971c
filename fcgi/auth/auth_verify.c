/* auth_verify.c - who a token stands for. */
#include "compat.h"

#include "auth.h"
#include "auth_db.h"

static int answer_claims(struct req *req, const struct claims *claims)
{
	struct jw *w = resp_data(req, 200);

	jw_obj(w);
	jw_kstr(w, "status", "valid");
	jw_ku64(w, "user_id", claims->user_id);
	jw_kstr(w, "username", claims->username);
	jw_kstr(w, "role", role_name(claims->role));
	jw_ki64(w, "expires_at", claims->exp);
	jw_end_obj(w);
	return resp_done(req);
}

struct verification {
	const char *token;
};

static const struct field verify_fields[] = {
	FIELD_STR(struct verification, token, 1, ROUTE_JSON_MAX, .required = true),
	{ 0 },
};

int auth_verify(struct req *req)
{
	struct verification in;
	struct claims claims;

	if (req_body(req, verify_fields, &in, sizeof(in), NULL) < 0)
		return -1;
	if (route_token(req, TOKEN_ACCESS, in.token, &claims) < 0)
		return -1;
	return answer_claims(req, &claims);
}

int auth_validate(struct req *req)
{
	return answer_claims(req, &req->who);
}

int auth_profile(struct req *req)
{
	struct account account;
	enum db_status st = auth_db_account_by_id(req->db, req->who.user_id, &account);
	struct jw *w;

	if (st == DB_NONE || (st == DB_OK && !account.active))
		return resp_error(req, ERR_USER_NOT_FOUND);
	if (st != DB_OK)
		return resp_db(req, st);
	w = resp_data(req, 200);
	jw_obj(w);
	jw_ku64(w, "user_id", account.id);
	jw_kstr(w, "username", account.username);
	jw_kstr(w, "email", account.email);
	jw_kstr(w, "role", account.role);
	jw_end_obj(w);
	return resp_done(req);
}
