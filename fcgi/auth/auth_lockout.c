/*
 * auth_lockout.c - a soft delay for accounts whose password somebody guesses. It only delays
 * passwords: who has a refresh token stays in.
 */
#include "compat.h"

#include <openssl/sha.h>

#include "auth.h"
#include "auth_db_failure.h"
#include "log.h"
#include "metrics.h"

/* By account, so that name and e-mail address of one share the count. */
static void subject_of(struct req *req, uint64_t account_id, const char *name,
		       unsigned char subject[32])
{
	char *text = account_id ? pool_printf(req->pool, "id:%" PRIu64, account_id) :
				  pool_printf(req->pool, "name:%s", name);

	for (char *p = text; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	SHA256((const unsigned char *)text, strlen(text), subject);
}

/* DB_NONE with the rest of the wait when this attempt may not be made. */
static enum db_status count(struct db *db, const unsigned char subject[32], int64_t *wait_us_r)
{
	enum db_status st = auth_db_failure_count(db, subject);

	if (st == DB_NONE && auth_db_failure_wait(db, subject, wait_us_r) != DB_OK)
		*wait_us_r = 0; /* over meanwhile */
	return st;
}

static int refuse(struct req *req, int64_t wait_us)
{
	int64_t s = wait_us > 0 ? (wait_us + 999999) / 1000000 : 1;

	metrics_add(M_LOGIN_DELAYED, 1);
	resp_error(req, ERR_TOO_MANY_ATTEMPTS);
	resp_header(req, "Retry-After", "%" PRId64, s);
	resp_header(req, "RateLimit", "\"account\";r=0;t=%" PRId64, s);
	resp_header(req, "RateLimit-Policy", "\"account\";q=%d;w=%d", FAILURE_FREE,
		    FAILURE_WINDOW_S);
	return -1;
}

int auth_attempt_begin(struct req *req, uint64_t account_id, const char *name,
		       struct attempt *attempt)
{
	enum db_status st;
	int64_t wait_us;

	/* counting and taking it back are two writes to disk, which a flood would be made of */
	if (auth_hash_room(req) < 0)
		return -1;
	subject_of(req, account_id, name, attempt->subject);
	st = count(req->db, attempt->subject, &wait_us);
	if (st == DB_OK)
		return 0;
	if (st == DB_NONE)
		return refuse(req, wait_us);
	/* a count that may have been made changes nothing for the client */
	return resp_db(req, st == DB_UNCERTAIN ? DB_DOWN : st);
}

int auth_attempt_hash(struct req *req, const struct attempt *attempt, void (*fn)(void *),
		      void *arg)
{
	enum db_status st;

	if (auth_hash(req, fn, arg) == 0)
		return 0;
	st = auth_db_failure_uncount(req->db, attempt->subject);
	if (st != DB_OK)
		log_warn("auth.attempt_kept", LOG_INT("status", st));
	return -1;
}
