/* auth_login.c - a password for a session and its first token pair. */
#include "compat.h"

#include "auth.h"
#include "auth_db.h"
#include "auth_db_failure.h"
#include "auth_db_session.h"
#include "clock.h"
#include "credentials.h"
#include "log.h"
#include "passwd.h"
#include "rnd.h"

#define DEVICE_MAX 255 /* session.user_agent */

struct login_body {
	const char *username, *password;
	bool cookie;
};

/* Imported accounts may have passwords outside the bounds for new ones. */
static const struct field fields[] = {
	FIELD_STR(struct login_body, username, 0, EMAIL_MAX),
	FIELD_STR(struct login_body, password, 0, 1024),
	FIELD_BOOL(struct login_body, cookie),
	{ 0 },
};

struct login {
	const char *password; /* until it was checked */
	bool fits;
	struct account account;
	struct session session;
	char upgraded[PASSWD_TEXT]; /* the hash to store instead, or "" */
	struct attempt attempt;
	char refresh[REFRESH_TEXT];
	unsigned char refresh_hash[REFRESH_HASH];
	bool cookie; /* where the refresh token goes */
};

static void missing_field(struct req *req, const char *pointer, const char *value)
{
	struct jw *w = &req->jw;

	if (value && *value)
		return;
	jw_obj(w);
	jw_kstr(w, "pointer", pointer);
	jw_kstr(w, "code", "required");
	jw_kstr(w, "detail",
		resp_lang(req, "This field is required.", "Ce champ est obligatoire."));
	jw_end_obj(w);
}

static int parse(struct req *req, struct login_body *in)
{
	struct jw *w;

	if (req_body(req, fields, in, sizeof(*in), NULL) < 0)
		return -1;
	if (in->username && *in->username && in->password && *in->password)
		return 0;
	w = resp_problem(req, ERR_MISSING_CREDENTIALS);
	jw_key(w, "errors");
	jw_arr(w);
	missing_field(req, "#/username", in->username);
	missing_field(req, "#/password", in->password);
	jw_end_arr(w);
	return resp_problem_done(req);
}

static enum db_status find(struct db *db, const char *name, struct account *out)
{
	if (username_is(name))
		return auth_db_account_by_username(db, name, out);
	if (email_is(name))
		return auth_db_account_by_email(db, name, out);
	return DB_NONE;
}

static int refuse(struct req *req, uint64_t account_id)
{
	log_info("auth.login_refused", LOG_INT("account_id", account_id),
		 LOG_STR("ip", req->remote));
	return resp_error(req, ERR_INVALID_CREDENTIALS);
}

/* Takes as long for an unknown or disabled account as for a real one. */
static void try_password(void *arg)
{
	struct login *l = arg;
	bool known = l->account.password != NULL;
	const char *stored = known ? l->account.password : passwd_decoy_hash;
	size_t len = strlen(l->password);

	l->fits = passwd_verify(stored, l->password, len) && known && l->account.active;
	if (l->fits && passwd_outdated(stored))
		passwd_hash(l->password, len, l->upgraded);
}

static int verify(struct req *req, struct login *l)
{
	if (auth_attempt_hash(req, &l->attempt, try_password, l) < 0)
		return -1;
	return l->fits ? 0 : refuse(req, l->account.id);
}

static enum db_status rehash(struct db *db, void *arg)
{
	struct login *l = arg;

	return auth_db_account_rehash(db, &l->account, l->upgraded);
}

/* What changed the password meanwhile may be another login that upgraded it, so it is tried
 * against what is stored now. */
static int store_upgrade(struct req *req, struct login *l)
{
	enum db_status st = db_tx(req->db, rehash, l);

	if (st == DB_OK) {
		l->account.password = l->upgraded;
		return 0;
	}
	if (st == DB_NONE)
		st = auth_db_account_by_id(req->db, l->account.id, &l->account);
	if (st == DB_NONE)
		return refuse(req, l->account.id);
	return st == DB_OK ? verify(req, l) : resp_db(req, st);
}

static int check_password(struct req *req, struct login *l, const char *username)
{
	if (auth_attempt_begin(req, l->account.id, username, &l->attempt) < 0 ||
	    verify(req, l) < 0)
		return -1;
	return l->upgraded[0] ? store_upgrade(req, l) : 0;
}

static int identify(struct req *req, struct login *l)
{
	struct login_body in = { .username = NULL };
	enum db_status st;
	int rc;

	if (parse(req, &in) < 0) {
		auth_forget(req, in.password);
		return -1;
	}
	l->password = in.password;
	st = find(req->db, in.username, &l->account);
	if (st == DB_OK || st == DB_NONE)
		rc = check_password(req, l, in.username);
	else
		rc = resp_db(req, st);
	auth_forget(req, in.password);
	l->password = NULL;
	l->cookie = in.cookie;
	return rc;
}

/* The header is the client's: printable ASCII of it is enough to tell devices apart. */
static const char *device(struct req *req)
{
	char *text;

	if (!req->user_agent || !*req->user_agent)
		return NULL;
	text = pool_dup(req->pool, req->user_agent, strnlen(req->user_agent, DEVICE_MAX));
	for (char *p = text; *p; p++) {
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
	return text;
}

static enum db_status open_session(struct db *db, void *arg)
{
	const struct login *l = arg;
	enum db_status st = auth_db_session_add(db, &l->session);

	if (st == DB_OK)
		st = auth_db_refresh_add(db, l->session.id, l->refresh_hash);
	if (st == DB_OK)
		st = auth_db_failure_forget(db, l->attempt.subject);
	return st;
}

static int answer(struct req *req, const struct login *l)
{
	struct pair pair = { .user_id = l->account.id,
			     .username = l->account.username,
			     .role = l->account.role,
			     .refresh = l->refresh,
			     .refresh_ends_us = clock_wall_us() + l->session.ttl_s * 1000000,
			     .cookie = l->cookie };

	memcpy(pair.session_id, l->session.id, sizeof(pair.session_id));
	return auth_answer_pair(req, &pair);
}

/* A refresh token never outlives its session. */
static int64_t first_ttl(const struct cfg *cfg)
{
	int64_t refresh = cfg_int(cfg, CFG_REFRESH_TTL), session = cfg_int(cfg, CFG_SESSION_TTL);

	return refresh < session ? refresh : session;
}

static int start_session(struct req *req, struct login *l)
{
	enum db_status st;

	l->session = (struct session){
		.account_id = l->account.id,
		.password = l->account.password,
		.ip = req->remote,
		.user_agent = device(req),
		.ttl_s = first_ttl(req->worker->svc->cfg),
	};
	rnd_uuid7(l->session.id);
	refresh_make(l->refresh, l->refresh_hash);
	st = db_tx(req->db, open_session, l);
	if (st == DB_NONE)
		return refuse(req, l->account.id);
	if (st != DB_OK)
		return resp_db(req, st);
	log_info("auth.login", LOG_INT("account_id", l->account.id),
		 LOG_STR("ip", req->remote));
	return answer(req, l);
}

int auth_login(struct req *req)
{
	struct login l = { .account = { .id = 0 } };

	return identify(req, &l) < 0 ? -1 : start_session(req, &l);
}
