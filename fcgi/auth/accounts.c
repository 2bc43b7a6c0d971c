/* accounts.c - what making an account means, whoever asks for it. */
#include "compat.h"

#include "accounts.h"
#include "auth_db.h"
#include "json.h"
#include "outbox.h"

#define DATA_MAX 16384 /* every code point of a profile escaped */

static void write_member(struct jw *w, const char *key, const char *value)
{
	if (value)
		jw_kstr(w, key, value);
}

/* Only the service that keeps profiles is told what stands in one. */
static void write_profile(struct jw *w, const struct new_account *in)
{
	write_member(w, "first_name", in->first_name);
	write_member(w, "last_name", in->last_name);
	write_member(w, "phone", in->phone);
	write_member(w, "address", in->address);
}

static enum db_status announce(struct db *db, const struct new_account *in, uint64_t id,
			       bool with_profile, unsigned char event[16])
{
	const char *service = with_profile ? "users" : "carts";
	enum db_status st;
	struct sbuf data;
	struct jw w;

	sbuf_init(&data, DATA_MAX);
	jw_init(&w, &data);
	jw_obj(&w);
	jw_ku64(&w, "user_id", id);
	jw_kstr(&w, "username", in->username);
	jw_kstr(&w, "email", in->email);
	jw_kstr(&w, "role", in->role);
	if (with_profile)
		write_profile(&w, in);
	jw_end_obj(&w);
	BUG_ON(data.overflow);
	st = outbox_put(db, service, "user.created", sbuf_str(&data), data.len, event);
	sbuf_free(&data);
	return st;
}

enum db_status account_create(struct db *db, const struct new_account *in, uint64_t *id_r,
			      unsigned char events_r[ACCOUNT_EVENTS][16])
{
	enum db_status st = auth_db_account_add(db, in, id_r);

	if (st == DB_OK)
		st = announce(db, in, *id_r, true, events_r[ACCOUNT_TO_USERS]);
	if (st == DB_OK)
		st = announce(db, in, *id_r, false, events_r[ACCOUNT_TO_CARTS]);
	return st;
}
