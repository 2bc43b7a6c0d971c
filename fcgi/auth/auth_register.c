/* auth_register.c - new accounts: by their owners, and by halle-users for an admin. */
#include "compat.h"

#include "accounts.h"
#include "auth.h"
#include "clock.h"
#include "auth_db.h"
#include "credentials.h"
#include "idem.h"
#include "log.h"
#include "outbox.h"
#include "passwd.h"

struct registration {
	const char *username, *email, *password;
};

static const struct field fields[] = {
	FIELD_STR(struct registration, username, USERNAME_MIN, USERNAME_MAX,
		  .required = true, .check = username_is),
	FIELD_STR(struct registration, email, EMAIL_MIN, EMAIL_MAX, .required = true,
		  .check = email_is),
	FIELD_STR(struct registration, password, PASSWORD_MIN, PASSWORD_MAX,
		  .required = true),
	{ 0 },
};

struct creation {
	struct req *req;
	const char *path;
	const struct registration *in;
	const char *phc;
	enum err refusal; /* with DB_CONFLICT; ERR_COUNT: the answer stands already */
};

static int parse(struct req *req, struct registration *in)
{
	struct faults faults = { .count = 0 };

	if (req_body(req, fields, in, sizeof(*in), NULL) < 0)
		return -1;
	if (password_is_common(in->password, in->username)) {
		fault_add(&faults, "#/password", "common", 0, FIELD_TYPE_STR);
		return resp_faults(req, &faults);
	}
	return 0;
}

/* What Idempotency-Key compares instead of the body: a fast hash of a password must not
 * be stored anywhere. */
static void describe_body(struct req *req, const struct registration *in)
{
	req->body = pool_printf(req->pool, "%s %s", in->username, in->email);
	req->body_len = strlen(req->body);
}

struct hashing {
	const char *password;
	char phc[PASSWD_TEXT];
};

static void hash(void *arg)
{
	struct hashing *h = arg;

	passwd_hash(h->password, strlen(h->password), h->phc);
}

static void answer(struct req *req, const struct registration *in, uint64_t id)
{
	struct jw *w = resp_data(req, 201);

	resp_header(req, "Location", "/users/%" PRIu64, id);
	jw_obj(w);
	jw_ku64(w, "user_id", id);
	jw_kstr(w, "username", in->username);
	jw_end_obj(w);
	resp_done(req);
}

static enum db_status add(struct db *db, struct creation *c)
{
	const struct registration *in = c->in;
	const struct new_account account = { .username = in->username,
					     .email = in->email,
					     .password = c->phc,
					     .role = role_name(ROLE_CUSTOMER) };
	uint64_t id;
	enum db_status st = account_create(db, &account, &id, c->req->event);

	if (st == DB_CONFLICT)
		c->refusal = strcmp(db_conflict_key(db), "email") == 0
				     ? ERR_EMAIL_TAKEN
				     : ERR_USERNAME_TAKEN;
	if (st == DB_OK) {
		c->req->events = ACCOUNT_EVENTS;
		answer(c->req, in, id);
	}
	return st;
}

static enum db_status create(struct db *db, void *arg)
{
	struct creation *c = arg;
	enum db_status st;

	c->refusal = ERR_COUNT;
	c->req->events = 0;
	switch (idem_enter(c->req, c->path)) {
	case IDEM_REPLAY:
		return DB_OK;
	case IDEM_REFUSED:
		return c->req->db_retry ? DB_RETRY : DB_CONFLICT;
	case IDEM_NEW:
		break;
	}
	st = add(db, c);
	return st == DB_OK ? idem_leave(c->req) : st;
}

static int commit(struct creation *c)
{
	struct req *req = c->req;
	enum db_status st = db_tx(req->db, create, c);

	switch (st) {
	case DB_OK:
		svc_deliver(req);
		return 0;
	case DB_CONFLICT:
		return c->refusal == ERR_COUNT ? -1 : resp_error(req, c->refusal);
	case DB_NONE:
	case DB_RETRY:
	case DB_UNCERTAIN:
	case DB_DOWN:
	case DB_FAIL:
		break;
	}
	return resp_db(req, st);
}

static int register_at(struct req *req, const char *path)
{
	struct hashing hashing;
	struct registration in = { .username = NULL };
	int rc;

	if (parse(req, &in) < 0) {
		auth_forget(req, in.password);
		return -1;
	}
	hashing.password = in.password;
	rc = auth_hash(req, hash, &hashing);
	auth_forget(req, in.password);
	if (rc < 0)
		return -1;
	describe_body(req, &in);
	return commit(&(struct creation){ .req = req, .path = path, .in = &in,
					  .phc = hashing.phc });
}

int auth_register(struct req *req)
{
	return register_at(req, "/auth/register");
}

int auth_account_add(struct req *req)
{
	if (strcmp(req->who.username, "users") != 0)
		return resp_error(req, ERR_FORBIDDEN);
	return register_at(req, "/internal/auth/accounts");
}
