/* idem.c - stored answers by Idempotency-Key. */
#include "compat.h"

#include <openssl/evp.h>

#include "idem.h"
#include "resp.h"

#define HASH 32

enum sql { INSERT, READ, COMPLETE, PURGE };

static const struct db_stmt sql[] = {
	[INSERT] = { "idem_insert",
		"INSERT INTO idem (user_id, key_hash, fingerprint) VALUES (?, ?, ?)",
		"ubb", "" },
	[READ] = { "idem_read",
		"SELECT fingerprint, status, headers, body FROM idem"
		" WHERE user_id = ? AND key_hash = ?", "ub", "bubb" },
	[COMPLETE] = { "idem_complete",
		"UPDATE idem SET status = ?, headers = ?, body = ?"
		" WHERE user_id = ? AND key_hash = ?", "ubbub", "" },
	[PURGE] = { "idem_purge",
		"DELETE FROM idem WHERE created_at < NOW(6) - INTERVAL 24 HOUR"
		" ORDER BY created_at LIMIT 1000", "", "" },
};

static void hash_add(EVP_MD_CTX *ctx, const void *bytes, size_t n)
{
	BUG_ON(EVP_DigestUpdate(ctx, bytes, n) != 1);
}

static EVP_MD_CTX *hash_begin(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	/* SHA-256 is built in: only want of memory can stop it */
	BUG_ON(!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1);
	return ctx;
}

static void hash_end(EVP_MD_CTX *ctx, unsigned char out[HASH])
{
	BUG_ON(EVP_DigestFinal_ex(ctx, out, NULL) != 1);
	EVP_MD_CTX_free(ctx);
}

/* Who is not a user has id 0; then the name of the service keeps the keys apart. */
static void hash_key(const struct req *req, unsigned char out[HASH])
{
	EVP_MD_CTX *ctx = hash_begin();
	const char *owner = req->who.user_id ? "" : req->who.username;

	hash_add(ctx, owner, strlen(owner) + 1);
	hash_add(ctx, req->idempotency_key, strlen(req->idempotency_key));
	hash_end(ctx, out);
}

static void hash_request(const struct req *req, const char *route,
			 unsigned char out[HASH])
{
	EVP_MD_CTX *ctx = hash_begin();

	hash_add(ctx, &req->method, sizeof(req->method));
	hash_add(ctx, route, strlen(route) + 1);
	hash_add(ctx, req->query, strlen(req->query) + 1);
	hash_add(ctx, req->arg, sizeof(req->arg));
	hash_add(ctx, req->uuid, sizeof(req->uuid));
	hash_add(ctx, req->body, req->body_len);
	hash_end(ctx, out);
}

static void replay(struct req *req, const struct db_val *row)
{
	sbuf_reset(req->head_out);
	sbuf_reset(req->body_out);
	sbuf_add(req->head_out, row[2].s, row[2].len);
	sbuf_add(req->body_out, row[3].s, row[3].len);
	req->status = (int)row[1].u;
	req->failed = false;
	resp_replayed(req);
}

static enum idem_result refuse(struct req *req, enum err e)
{
	resp_error(req, e);
	if (e == ERR_IDEMPOTENCY_KEY_BUSY)
		resp_header(req, "Retry-After", "1");
	return IDEM_REFUSED;
}

/* IDEM_NEW: there is no such row. */
static enum idem_result answer_stored(struct req *req, const unsigned char key[HASH],
				      const unsigned char fingerprint[HASH])
{
	const struct db_val *row;
	enum db_status st = db_one(req->db, &sql[READ], &row, db_u(req->who.user_id),
				   db_b(key, HASH));

	if (st == DB_NONE)
		return IDEM_NEW;
	if (st == DB_RETRY)
		return refuse(req, ERR_IDEMPOTENCY_KEY_BUSY);
	if (st != DB_OK) {
		resp_db(req, st);
		return IDEM_REFUSED;
	}
	if (row[0].len != HASH || memcmp(row[0].s, fingerprint, HASH) != 0)
		return refuse(req, ERR_IDEMPOTENCY_KEY_REUSED);
	replay(req, row);
	return IDEM_REPLAY;
}

static enum idem_result answer_again(struct req *req, const unsigned char key[HASH],
				     const unsigned char fingerprint[HASH])
{
	enum idem_result result = answer_stored(req, key, fingerprint);

	/* purged, or rolled back, since it was in our way */
	return result == IDEM_NEW ? refuse(req, ERR_IDEMPOTENCY_KEY_BUSY) : result;
}

enum idem_result idem_look(struct req *req, const char *route)
{
	unsigned char key[HASH], fingerprint[HASH];

	if (!req->idempotency_key)
		return IDEM_NEW;
	hash_key(req, key);
	hash_request(req, route, fingerprint);
	return answer_stored(req, key, fingerprint);
}

enum idem_result idem_enter(struct req *req, const char *route)
{
	unsigned char key[HASH], fingerprint[HASH];
	enum db_status st;

	if (!req->idempotency_key)
		return IDEM_NEW;
	hash_key(req, key);
	hash_request(req, route, fingerprint);
	st = db_exec(req->db, &sql[INSERT], db_u(req->who.user_id), db_b(key, HASH),
		     db_b(fingerprint, HASH));
	switch (st) {
	case DB_OK:
		return IDEM_NEW;
	case DB_CONFLICT:
		return answer_again(req, key, fingerprint);
	case DB_RETRY:
		return refuse(req, ERR_IDEMPOTENCY_KEY_BUSY);
	case DB_NONE:
	case DB_UNCERTAIN:
	case DB_DOWN:
	case DB_FAIL:
		break;
	}
	resp_db(req, st);
	return IDEM_REFUSED;
}

enum db_status idem_leave(struct req *req)
{
	unsigned char key[HASH];

	if (!req->idempotency_key)
		return DB_OK;
	hash_key(req, key);
	return db_exec(req->db, &sql[COMPLETE], db_u((uint64_t)req->status),
		       db_b(sbuf_str(req->head_out), req->head_out->len),
		       db_b(sbuf_str(req->body_out), req->body_out->len),
		       db_u(req->who.user_id), db_b(key, HASH));
}

enum db_status idem_purge(struct db *db)
{
	return db_exec(db, &sql[PURGE]);
}
