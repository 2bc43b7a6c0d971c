/*
 * auth_refresh.c - a refresh token for the next pair.
 *
 * A token is spent once, but its answer may get lost: who shows it again at once gets the same
 * successor. Shown later it is in two hands, and the session ends.
 */
#include "compat.h"

#include "auth.h"
#include "auth_db_revocation.h"
#include "auth_db_session.h"
#include "cookie.h"
#include "log.h"
#include "metrics.h"
#include "rnd.h"

struct body {
	const char *refresh_token;
};

static const struct field fields[] = {
	FIELD_STR(struct body, refresh_token, 1, AUTH_REFRESH_MAX),
	{ 0 },
};

struct rotation {
	const struct cfg *cfg;
	const char *token;
	unsigned char hash[REFRESH_HASH];
	bool cookie;
	char next[REFRESH_TEXT];
	unsigned char next_hash[REFRESH_HASH], sealed[REFRESH_SEALED];
	struct refresh found;
	bool reused;
};

static int refuse_absent(struct req *req)
{
	struct faults faults = { .count = 0 };

	fault_add(&faults, "#/refresh_token", "required", 0, FIELD_TYPE_STR);
	return resp_faults(req, &faults);
}

static int take_cookie(struct req *req, struct rotation *r)
{
	enum cookie_found found = cookie_read(req->cookie, req->pool, &r->token);

	if (found == COOKIE_NONE)
		return refuse_absent(req);
	if (!cookie_allowed(req, cfg_str(r->cfg, CFG_PUBLIC_ORIGIN)))
		return resp_error(req, ERR_ORIGIN_REFUSED);
	if (found == COOKIE_BAD)
		return resp_error_detail(req, ERR_INVALID_HEADER, "%s",
					 resp_lang(req, "Cookie: send the refresh token once.",
						   "Cookie : envoyez le jeton une seule fois."));
	r->cookie = true;
	return 0;
}

static int parse(struct req *req, struct rotation *r)
{
	struct body in;

	if (req_body(req, fields, &in, sizeof(in), NULL) < 0)
		return -1;
	r->token = in.refresh_token;
	return r->token ? 0 : take_cookie(req, r);
}

static enum db_status end_family(struct db *db, struct rotation *r)
{
	const struct refresh *found = &r->found;
	enum db_status st = auth_db_session_end(db, found->account_id, found->session_id);

	if (st == DB_OK)
		st = auth_db_revoke_session(db, found->session_id,
					    cfg_int(r->cfg, CFG_ACCESS_TTL));
	r->reused = st == DB_OK;
	return st;
}

/* A token that could not be spent, of a live session. */
static enum db_status repeat(struct db *db, struct rotation *r)
{
	if (!r->found.spent)
		return DB_NONE; /* expired */
	if (!r->found.lately)
		return end_family(db, r);
	return refresh_unseal(r->token, r->found.successor, r->next) < 0 ? DB_NONE : DB_OK;
}

/* The new token is made before, so that a repeated transaction stores the same. */
static enum db_status rotate(struct db *db, void *arg)
{
	struct rotation *r = arg;
	enum db_status st = auth_db_refresh_spend(db, r->hash, r->sealed,
						  cfg_int(r->cfg, CFG_REFRESH_TTL),
						  cfg_int(r->cfg, CFG_SESSION_TTL));
	bool won = st == DB_OK;

	r->reused = false;
	if (st != DB_OK && st != DB_NONE)
		return st;
	st = auth_db_refresh_read(db, r->hash, cfg_int(r->cfg, CFG_REFRESH_GRACE), &r->found);
	if (st != DB_OK)
		return st;
	if (!won)
		return repeat(db, r);
	return auth_db_refresh_add(db, r->found.session_id, r->next_hash);
}

static int refuse_reused(struct req *req, const struct rotation *r)
{
	char session[UUID_TEXT];

	metrics_add(M_REFRESH_REUSED, 1);
	log_warn("auth.refresh_reused", LOG_INT("account_id", r->found.account_id),
		 LOG_STR("session", uuid_text(r->found.session_id, session)),
		 LOG_STR("ip", req->remote));
	return resp_error(req, ERR_REFRESH_TOKEN_REUSED);
}

static int answer(struct req *req, const struct rotation *r)
{
	struct pair pair = { .user_id = r->found.account_id,
			     .username = r->found.username,
			     .role = r->found.role,
			     .refresh = r->next,
			     .refresh_ends_us = r->found.session_ends_us,
			     .cookie = r->cookie };

	memcpy(pair.session_id, r->found.session_id, sizeof(pair.session_id));
	return auth_answer_pair(req, &pair);
}

int auth_refresh(struct req *req)
{
	struct rotation r = { .cfg = req->worker->svc->cfg };
	enum db_status st;

	if (parse(req, &r) < 0)
		return -1;
	refresh_hash(r.token, strlen(r.token), r.hash);
	refresh_make(r.next, r.next_hash);
	refresh_seal(r.token, r.next, r.sealed);
	st = db_tx(req->db, rotate, &r);
	if (st == DB_NONE)
		return resp_error(req, ERR_INVALID_REFRESH_TOKEN);
	if (st != DB_OK)
		return resp_db(req, st);
	return r.reused ? refuse_reused(req, &r) : answer(req, &r);
}
