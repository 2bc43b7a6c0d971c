/* auth_session.c - logging out, and a user's sessions on all devices. */
#include "compat.h"

#include "auth.h"
#include "auth_db_revocation.h"
#include "auth_db_session.h"
#include "clock.h"
#include "cookie.h"
#include "log.h"
#include "rnd.h"

struct logout_body {
	const char *refresh_token;
};

static const struct field logout_fields[] = {
	FIELD_STR(struct logout_body, refresh_token, 1, AUTH_REFRESH_MAX),
	{ 0 },
};

struct logout {
	struct req *req;
	unsigned char session_id[16];
	const char *refresh; /* NULL: none was shown */
};

int auth_session_id(struct req *req, unsigned char id[16])
{
	const char *sid = req->who.sid;

	return uuid_parse(sid, strlen(sid), id) < 0 ? resp_error(req, ERR_INVALID_TOKEN) : 0;
}

/* DB_NONE: not a session of the caller, or it had ended. */
static enum db_status end_session(struct req *req, const unsigned char id[16])
{
	enum db_status st = auth_db_session_end(req->db, req->who.user_id, id);

	if (st == DB_OK)
		st = auth_db_revoke_session(req->db, id,
					    cfg_int(req->worker->svc->cfg, CFG_ACCESS_TTL));
	return st;
}

static enum db_status end_refresh(const struct logout *l)
{
	unsigned char hash[REFRESH_HASH], id[16];
	enum db_status st;

	refresh_hash(l->refresh, strlen(l->refresh), hash);
	st = auth_db_refresh_session(l->req->db, hash, id);
	return st == DB_OK ? end_session(l->req, id) : st;
}

static enum db_status end_both(struct db *db UNUSED, void *arg)
{
	const struct logout *l = arg;
	enum db_status st = end_session(l->req, l->session_id);

	if ((st == DB_OK || st == DB_NONE) && l->refresh)
		st = end_refresh(l);
	return st == DB_NONE ? DB_OK : st;
}

int auth_logout(struct req *req)
{
	struct logout l = { .req = req };
	const char *shown = NULL;
	enum cookie_found cookie;
	struct logout_body in;
	enum db_status st;

	if (req_body(req, logout_fields, &in, sizeof(in), NULL) < 0 ||
	    auth_session_id(req, l.session_id) < 0)
		return -1;
	cookie = cookie_read(req->cookie, req->pool, &shown);
	l.refresh = in.refresh_token ? in.refresh_token : cookie == COOKIE_ONE ? shown : NULL;
	st = db_tx(req->db, end_both, &l);
	if (st != DB_OK)
		return resp_db(req, st);
	log_info("auth.logout", LOG_STR("ip", req->remote));
	resp_message(req, 200, "You are logged out.", "Vous êtes déconnecté.");
	if (cookie != COOKIE_NONE)
		cookie_clear(req);
	return 0;
}

static void write_session(struct jw *w, const struct session_row *row, const char *current)
{
	char id[UUID_TEXT], at[CLOCK_TEXT];

	jw_obj(w);
	jw_kstr(w, "id", uuid_text(row->id, id));
	jw_kstr(w, "device", row->user_agent);
	jw_kstr(w, "ip", row->ip);
	jw_kstr(w, "created", clock_rfc3339(row->created_us, false, at));
	jw_kstr(w, "last_used", clock_rfc3339(row->used_us, false, at));
	jw_kstr(w, "expires", clock_rfc3339(row->ends_us, false, at));
	jw_kbool(w, "current", strcmp(id, current) == 0);
	jw_end_obj(w);
}

int auth_session_list(struct req *req)
{
	enum db_status st = auth_db_session_list(req->db, req->who.user_id);
	struct session_row row;
	uint64_t count = 0;
	struct jw *w;

	if (st != DB_OK)
		return resp_db(req, st);
	w = resp_data(req, 200);
	jw_arr(w);
	while ((st = auth_db_session_next(req->db, &row)) == DB_OK) {
		write_session(w, &row, req->who.sid);
		count++;
	}
	if (st != DB_NONE)
		return resp_db(req, st);
	jw_end_arr(w);
	jw_ku64(w, "count", count);
	return resp_done(req);
}

int auth_session_delete(struct req *req)
{
	enum db_status st = end_session(req, req->uuid);

	if (st == DB_NONE)
		return resp_error(req, ERR_SESSION_NOT_FOUND);
	if (st != DB_OK)
		return resp_db(req, st);
	return resp_message(req, 200, "The session was ended.", "La session a été fermée.");
}
