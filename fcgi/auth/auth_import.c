/* auth_import.c - accounts of another shop, in batches from the operator's program. */
#include "compat.h"

#include "accounts.h"
#include "auth.h"
#include "auth_db.h"
#include "credentials.h"
#include "passwd.h"

#define ENTRIES_MAX 256
#define HASH_MAX    255 /* column account.password */

struct entry {
	const char *username, *email, *password_hash, *role;
	const char *first_name, *last_name, *phone, *address;
};

static const char *const roles[] = { "customer", "admin", NULL };

static const struct field fields[] = {
	FIELD_STR(struct entry, username, USERNAME_MIN, USERNAME_MAX, .required = true,
		  .check = username_is),
	FIELD_STR(struct entry, email, EMAIL_MIN, EMAIL_MAX, .required = true,
		  .check = email_is),
	FIELD_STR(struct entry, password_hash, 1, HASH_MAX, .required = true),
	FIELD_STR(struct entry, role, 1, 16, .choices = roles),
	FIELD_STR(struct entry, first_name, 1, PROFILE_NAME_MAX, .check = text_is_line),
	FIELD_STR(struct entry, last_name, 1, PROFILE_NAME_MAX, .check = text_is_line),
	FIELD_STR(struct entry, phone, 1, PROFILE_PHONE_MAX, .check = text_is_line),
	FIELD_STR(struct entry, address, 1, PROFILE_ADDRESS_MAX),
	{ 0 },
};

struct import {
	struct req *req;
	struct jw *w;
	struct entry entry;
	unsigned count;
};

enum outcome { CREATED, EXISTS, USERNAME_TAKEN, EMAIL_TAKEN };

static enum db_status create(struct db *db, const struct entry *in, uint64_t *id_r)
{
	const struct new_account account = {
		.username = in->username,
		.email = in->email,
		.password = in->password_hash,
		.role = in->role ? in->role : role_name(ROLE_CUSTOMER),
		.first_name = in->first_name,
		.last_name = in->last_name,
		.phone = in->phone,
		.address = in->address,
	};
	unsigned char events[ACCOUNT_EVENTS][16];

	return account_create(db, &account, id_r, events);
}

/* Looks before it inserts: a second import of the same file locks and writes nothing. */
static enum db_status settle(struct db *db, const struct entry *in, enum outcome *outcome_r,
			     uint64_t *id_r)
{
	struct account found;
	enum db_status st = auth_db_account_by_username(db, in->username, &found);

	if (st == DB_NONE) {
		*outcome_r = CREATED;
		st = create(db, in, id_r);
		if (st != DB_CONFLICT)
			return st;
		*outcome_r = EMAIL_TAKEN;
		if (strcmp(db_conflict_key(db), "email") == 0)
			return DB_OK;
		/* somebody took the name between the two */
		st = auth_db_account_by_username(db, in->username, &found);
	}
	if (st != DB_OK)
		return st == DB_NONE ? DB_RETRY : st;
	*id_r = found.id;
	*outcome_r = strcasecmp(found.email, in->email) == 0 ? EXISTS : USERNAME_TAKEN;
	return DB_OK;
}

static void write_refused(struct import *im, const struct faults *faults)
{
	jw_obj(im->w);
	jw_kstr(im->w, "result", "refused");
	resp_write_faults(im->req, im->w, faults);
	jw_end_obj(im->w);
}

static void write_fault(struct import *im, const char *where, const char *code)
{
	struct faults faults = { .count = 0 };

	fault_add(&faults, where, code, 0, FIELD_TYPE_STR);
	write_refused(im, &faults);
}

static void write_outcome(struct import *im, enum outcome outcome, uint64_t id)
{
	switch (outcome) {
	case CREATED:
	case EXISTS:
		jw_obj(im->w);
		jw_kstr(im->w, "result", outcome == CREATED ? "created" : "exists");
		jw_ku64(im->w, "user_id", id);
		jw_end_obj(im->w);
		break;
	case USERNAME_TAKEN:
		write_fault(im, "#/username", "taken");
		break;
	case EMAIL_TAKEN:
		write_fault(im, "#/email", "taken");
		break;
	}
}

static int refuse_batch(struct req *req, const char *where, const char *code, int64_t bound)
{
	struct faults faults = { .count = 0 };

	fault_add(&faults, where, code, bound, FIELD_TYPE_STR);
	return resp_faults(req, &faults);
}

static int import_entry(void *dst, const struct faults *faults, void *arg)
{
	const struct entry *in = dst;
	struct import *im = arg;
	enum outcome outcome = CREATED;
	enum db_status st;
	uint64_t id = 0;

	if (im->count++ == ENTRIES_MAX)
		return refuse_batch(im->req, "#/entries", "max_length", ENTRIES_MAX);
	if (req_left_ms(im->req, 1) == 0)
		return resp_error(im->req, ERR_SERVER_BUSY);
	if (faults->count) {
		write_refused(im, faults);
		return 0;
	}
	if (!passwd_verifiable(in->password_hash)) {
		write_fault(im, "#/password_hash", "hash");
		return 0;
	}
	st = settle(im->req->db, in, &outcome, &id);
	if (st != DB_OK)
		return resp_db(im->req, st);
	write_outcome(im, outcome, id);
	return 0;
}

static int refuse_body(struct req *req)
{
	const char *reason;
	size_t offset;

	if (json_check(req->body, req->body_len, &reason, &offset) < 0)
		return resp_error(req, ERR_MALFORMED_JSON);
	return refuse_batch(req, "#/entries", "required", 0);
}

int auth_import(struct req *req)
{
	struct import im = { .req = req };

	if (strcmp(req->who.username, "hallectl") != 0)
		return resp_error(req, ERR_FORBIDDEN);
	im.w = resp_data(req, 200);
	jw_arr(im.w);
	if (body_each_judged(req->body, req->body_len, "entries", fields, &im.entry,
			     sizeof(im.entry), import_entry, &im, req->pool) < 0)
		return req->failed ? -1 : refuse_body(req);
	jw_end_arr(im.w);
	jw_ku64(im.w, "count", im.count);
	return resp_done(req);
}
