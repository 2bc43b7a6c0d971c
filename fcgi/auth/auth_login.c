/* auth_login.c - a password for a session and its first token pair. */
#include "compat.h"

#include "auth.h"
#include "auth_db.h"
#include "clock.h"
#include "credentials.h"
#include "log.h"
#include "passwd.h"

#define DEVICE_MAX 255 /* session.user_agent */

struct login_body {
	const char *username, *password;
};

/* Imported accounts may have passwords outside the bounds for new ones. */
static const struct field fields[] = {
	FIELD_STR(struct login_body, username, 0, EMAIL_MAX),
	FIELD_STR(struct login_body, password, 0, 1024),
	{ 0 },
};

struct login {
	const char *password; /* until it was checked */
	bool fits;
	struct account account;
	struct session session;
	char upgraded[PASSWD_TEXT]; /* the hash to store instead, or "" */
	unsigned char refresh[REFRESH_HASH];
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
	const char *stored = known ? l->account.password : passwd_dummy_hash;
	size_t len = strlen(l->password);

	l->fits = passwd_verify(stored, l->password, len) && known && l->account.active;
	if (l->fits && passwd_outdated(stored))
		passwd_hash(l->password, len, l->upgraded);
}

static int check_password(struct req *req, struct login *l, const char *password)
{
	l->password = password;
	if (auth_hash(req, try_password, l) < 0)
		return -1;
	l->password = NULL;
	return l->fits ? 0 : refuse(req, l->account.id);
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
	st = find(req->db, in.username, &l->account);
	if (st == DB_OK || st == DB_NONE)
		rc = check_password(req, l, in.password);
	else
		rc = resp_db(req, st);
	auth_forget(req, in.password);
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
	enum db_status st = auth_db_account_login(
		db, &l->account, l->upgraded[0] ? l->upgraded : l->account.password);

	if (st == DB_OK)
		st = auth_db_session_add(db, &l->session);
	if (st == DB_OK)
		st = auth_db_refresh_add(db, &l->session, l->refresh);
	return st;
}

static int answer(struct req *req, const char *access, const char *refresh,
		  int64_t refresh_ttl)
{
	const struct cfg *cfg = req->worker->svc->cfg;
	struct jw *w = resp_data(req, 200);

	jw_obj(w);
	jw_kstr(w, "access_token", access);
	jw_kstr(w, "refresh_token", refresh);
	jw_kstr(w, "token_type", "Bearer");
	jw_ki64(w, "expires_in", cfg_int(cfg, CFG_ACCESS_TTL));
	jw_ki64(w, "refresh_expires_at", clock_wall_us() / 1000000 + refresh_ttl);
	jw_end_obj(w);
	return resp_done(req);
}

static int issue_access(struct req *req, const struct login *l, struct sbuf *out)
{
	const struct svc *svc = req->worker->svc;
	struct claims claims = { .user_id = l->account.id,
				 .role = role_parse(l->account.role) };

	snprintf(claims.username, sizeof(claims.username), "%s", l->account.username);
	uuid_text(l->session.id, claims.sid);
	if (token_issue(svc->access_keys, TOKEN_ACCESS, "halle", &claims,
			cfg_int(svc->cfg, CFG_ACCESS_TTL), out) < 0)
		return resp_error(req, ERR_INTERNAL);
	return 0;
}

/* access and refresh are empty buffers. */
static int start_session(struct req *req, struct login *l, struct sbuf *access,
			 struct sbuf *refresh)
{
	enum db_status st;

	l->session = (struct session){
		.account_id = l->account.id,
		.ip = req->remote,
		.user_agent = device(req),
		.ttl_s = cfg_int(req->worker->svc->cfg, CFG_REFRESH_TTL),
	};
	rnd_uuid7(l->session.id);
	refresh_make(refresh, l->refresh);
	if (issue_access(req, l, access) < 0)
		return -1;
	st = db_tx(req->db, open_session, l);
	if (st == DB_NONE)
		return refuse(req, l->account.id);
	if (st != DB_OK)
		return resp_db(req, st);
	log_info("auth.login", LOG_INT("account_id", l->account.id),
		 LOG_STR("ip", req->remote));
	return answer(req, sbuf_str(access), sbuf_str(refresh), l->session.ttl_s);
}

int auth_login(struct req *req)
{
	struct login l = { .account = { .id = 0 } };
	struct sbuf access, refresh;
	int rc;

	if (identify(req, &l) < 0)
		return -1;
	sbuf_init(&access, TOKEN_MAX);
	sbuf_init(&refresh, 64);
	rc = start_session(req, &l, &access, &refresh);
	sbuf_free(&access);
	sbuf_free(&refresh);
	return rc;
}
