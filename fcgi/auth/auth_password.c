/* auth_password.c - another password for the caller's account. */
#include "compat.h"

#include "auth.h"
#include "auth_db.h"
#include "auth_db_failure.h"
#include "auth_db_revocation.h"
#include "auth_db_session.h"
#include "credentials.h"
#include "idem.h"
#include "log.h"
#include "passwd.h"

#define ROUTE "/auth/password"

struct passwords {
	const char *current, *new;
};

/* Imported accounts may have passwords outside the bounds for new ones. */
static const struct field fields[] = {
	FIELD_STR(struct passwords, current, 1, 1024, .required = true),
	FIELD_STR(struct passwords, new, PASSWORD_MIN, PASSWORD_MAX, .required = true),
	{ 0 },
};

struct change {
	struct req *req;
	struct passwords in;
	struct account account;
	struct attempt attempt;
	bool fits;
	unsigned char session_id[16];
	char phc[PASSWD_TEXT];
	enum idem_result entered;
};

static int refuse(struct req *req, const char *pointer, const char *code)
{
	struct faults faults = { .count = 0 };

	fault_add(&faults, pointer, code, 0, FIELD_TYPE_STR);
	return resp_faults(req, &faults);
}

static int answer(struct req *req)
{
	return resp_message(req, 200,
			    "The password was changed; every other session was ended.",
			    "Le mot de passe a été changé ; toute autre session a été fermée.");
}

/* ends the transaction with what was found, so that nothing stays of asking */
static enum db_status ask(struct db *db UNUSED, void *arg)
{
	struct change *c = arg;

	c->entered = idem_enter(c->req, ROUTE);
	return c->entered == IDEM_REFUSED && c->req->db_retry ? DB_RETRY : DB_NONE;
}

/* A repeated request was answered before: its current password is no longer the current one.
 * 0: it is new; 1: it was answered, as well; -1. */
static int replay(struct change *c)
{
	enum db_status st;

	if (!c->req->idempotency_key)
		return 0;
	c->entered = IDEM_NEW;
	st = db_tx(c->req->db, ask, c);
	if (st != DB_NONE)
		return resp_db(c->req, st);
	return c->entered == IDEM_NEW ? 0 : c->entered == IDEM_REPLAY ? 1 : -1;
}

static int check_new(struct change *c)
{
	if (password_is_common(c->in.new, c->account.username))
		return refuse(c->req, "#/new", "common");
	if (strcmp(c->in.new, c->in.current) == 0)
		return refuse(c->req, "#/new", "same");
	return 0;
}

/* Both hashes in one go. */
static void try_current(void *arg)
{
	struct change *c = arg;

	c->fits = passwd_verify(c->account.password, c->in.current, strlen(c->in.current));
	if (c->fits)
		passwd_hash(c->in.new, strlen(c->in.new), c->phc);
}

static int check_current(struct change *c)
{
	if (auth_attempt_begin(c->req, c->account.id, NULL, &c->attempt) < 0 ||
	    auth_attempt_hash(c->req, &c->attempt, try_current, c) < 0)
		return -1;
	return c->fits ? 0 : refuse(c->req, "#/current", "wrong");
}

static int load(struct change *c)
{
	enum db_status st =
		auth_db_account_by_id(c->req->db, c->req->who.user_id, &c->account);

	if (st == DB_NONE || (st == DB_OK && !c->account.active))
		return resp_error(c->req, ERR_USER_NOT_FOUND);
	return st == DB_OK ? 0 : resp_db(c->req, st);
}

static enum db_status store(struct db *db, struct change *c)
{
	int64_t ttl_s = cfg_int(c->req->worker->svc->cfg, CFG_ACCESS_TTL);
	enum db_status st = auth_db_account_password(db, &c->account, c->phc);

	if (st == DB_OK)
		st = auth_db_failure_forget(db, c->attempt.subject);
	if (st == DB_OK)
		st = auth_db_revoke_other_sessions(db, c->account.id, c->session_id, ttl_s);
	if (st == DB_OK)
		st = auth_db_session_end_others(db, c->account.id, c->session_id);
	return st;
}

static enum db_status commit(struct db *db, void *arg)
{
	struct change *c = arg;
	enum db_status st;

	c->entered = idem_enter(c->req, ROUTE);
	if (c->entered == IDEM_REPLAY)
		return DB_OK;
	if (c->entered == IDEM_REFUSED)
		return c->req->db_retry ? DB_RETRY : DB_CONFLICT;
	st = store(db, c);
	if (st != DB_OK)
		return st;
	answer(c->req);
	return idem_leave(c->req);
}

static int change(struct change *c)
{
	enum db_status st;

	if (check_new(c) < 0 || check_current(c) < 0)
		return -1;
	st = db_tx(c->req->db, commit, c);
	if (st == DB_CONFLICT && c->entered == IDEM_REFUSED)
		return -1;
	if (st == DB_NONE) /* somebody else changed it meanwhile */
		return refuse(c->req, "#/current", "wrong");
	if (st != DB_OK)
		return resp_db(c->req, st);
	if (c->entered == IDEM_NEW)
		log_info("auth.password_changed", LOG_STR("ip", c->req->remote));
	return 0;
}

/* Neither log, nor store, nor the hash that Idempotency-Key compares may have a password. */
static void forget(struct change *c)
{
	if (c->in.current)
		xwipe(c->in.current, strlen(c->in.current));
	auth_forget(c->req, c->in.new);
}

static int take(struct change *c)
{
	struct req *req = c->req;
	int rc = req_body(req, fields, &c->in, sizeof(c->in), NULL);

	auth_forget(req, NULL);
	if (rc == 0 && (auth_session_id(req, c->session_id) < 0 || load(c) < 0))
		rc = -1;
	if (rc == 0)
		rc = replay(c);
	return rc;
}

int auth_password(struct req *req)
{
	struct change c = { .req = req };
	int rc = take(&c);

	if (rc == 0)
		rc = change(&c);
	forget(&c);
	return rc < 0 ? -1 : 0;
}
