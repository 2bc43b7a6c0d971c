/* auth_pair.c - the answer that gives an access and a refresh token. */
#include "compat.h"

#include "auth.h"
#include "clock.h"
#include "cookie.h"
#include "rnd.h"

static int issue_access(struct req *req, const struct pair *pair, struct sbuf *out)
{
	const struct svc *svc = req->worker->svc;
	struct claims claims = { .user_id = pair->user_id, .role = role_parse(pair->role) };

	snprintf(claims.username, sizeof(claims.username), "%s", pair->username);
	uuid_text(pair->session_id, claims.sid);
	if (token_issue(svc->access_keys, TOKEN_ACCESS, "halle", &claims,
			cfg_int(svc->cfg, CFG_ACCESS_TTL), out) < 0)
		return resp_error(req, ERR_INTERNAL);
	return 0;
}

static int answer(struct req *req, const struct pair *pair, const char *access)
{
	struct jw *w = resp_data(req, 200);
	int64_t ends = pair->refresh_ends_us / 1000000;

	jw_obj(w);
	jw_kstr(w, "access_token", access);
	if (!pair->cookie)
		jw_kstr(w, "refresh_token", pair->refresh);
	jw_kstr(w, "token_type", "Bearer");
	jw_ki64(w, "expires_in", cfg_int(req->worker->svc->cfg, CFG_ACCESS_TTL));
	jw_ki64(w, "refresh_expires_at", ends);
	jw_end_obj(w);
	if (pair->cookie)
		cookie_set(req, pair->refresh, ends - clock_wall_us() / 1000000);
	return resp_done(req);
}

int auth_answer_pair(struct req *req, const struct pair *pair)
{
	struct sbuf access;
	int rc;

	sbuf_init(&access, TOKEN_MAX);
	rc = issue_access(req, pair, &access);
	if (rc == 0)
		rc = answer(req, pair, sbuf_str(&access));
	sbuf_free(&access);
	return rc;
}
