/* carts_db.c - the SQL of carts. */
#include "compat.h"

#include "carts_db.h"

enum sql {
	READ, LOCK, HOLD, MAKE, UPDATE, OP_FIND, OP_ADD, WALK,
	HISTORY, OP_DOC, IDLE,
	LEASE_KEEP, LEASE_TAKE, LEASE_MAKE, OPS_PURGE, DEAD, REMOVE, OPS_REMOVE
};

static const struct db_stmt sql[] = {
	[READ] = { "cart_read",
		"SELECT version, fence, doc, deleted FROM cart WHERE user_id = ?", "u", "uusu" },
	/* the sequence is asked after the lock was got, so fences grow in the order of locks */
	[LOCK] = { "cart_lock",
		"SELECT version, fence, doc, deleted, NEXT VALUE FOR cart_fence"
		" FROM cart WHERE user_id = ? FOR UPDATE", "u", "uusuu" },
	[HOLD] = { "cart_hold",
		"SELECT version, fence, doc, deleted FROM cart WHERE user_id = ? FOR UPDATE",
		"u", "uusu" },
	[MAKE] = { "cart_make",
		"INSERT IGNORE INTO cart (user_id, version, fence, doc) VALUES (?, 0, 0, '[]')",
		"u", "" },
	[UPDATE] = { "cart_update",
		"UPDATE cart SET version = ?, fence = ?, doc = ?, deleted = ? WHERE user_id = ?",
		"uusuu", "" },
	[OP_FIND] = { "op_find",
		"SELECT user_id, version, fence, fingerprint, status, response"
		" FROM cart_op WHERE op_id = ?", "b", "uuubub" },
	[OP_ADD] = { "op_add",
		"INSERT INTO cart_op (op_id, user_id, version, fence, route, fingerprint, status,"
		" doc, deleted, response) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		"buuusbusub", "" },
	[WALK] = { "cart_walk",
		"SELECT user_id, version, fence, doc, deleted FROM cart WHERE user_id > ?"
		" ORDER BY user_id LIMIT ?", "uu", "uuusu" },
	[HISTORY] = { "cart_history",
		"SELECT version, created_at, route, doc, deleted FROM cart_op"
		" WHERE user_id = ? AND version < ? ORDER BY version DESC LIMIT ?",
		"uuu", "utssu" },
	[OP_DOC] = { "op_doc",
		"SELECT doc FROM cart_op WHERE user_id = ? AND version = ?", "uu", "s" },
	[IDLE] = { "cart_idle",
		"SELECT user_id, version FROM cart WHERE deleted = 0 AND filled = 1"
		" AND updated_at < NOW(6) - INTERVAL ? DAY ORDER BY updated_at LIMIT ?",
		"uu", "uu" },
	[LEASE_KEEP] = { "lease_keep",
		"UPDATE lease SET until_at = NOW(6) + INTERVAL 3 SECOND"
		" WHERE name = ? AND owner = ?", "ss", "" },
	[LEASE_TAKE] = { "lease_take",
		"UPDATE lease SET owner = ?, until_at = NOW(6) + INTERVAL 3 SECOND"
		" WHERE name = ? AND until_at < NOW(6)", "ss", "" },
	[LEASE_MAKE] = { "lease_make",
		"INSERT IGNORE INTO lease (name, owner, until_at)"
		" VALUES (?, ?, NOW(6) + INTERVAL 3 SECOND)", "ss", "" },
	[OPS_PURGE] = { "ops_purge",
		"DELETE FROM cart_op WHERE created_at < NOW(6) - INTERVAL ? DAY"
		" ORDER BY created_at LIMIT 1000", "u", "" },
	[DEAD] = { "cart_dead",
		"SELECT user_id FROM cart WHERE deleted = 2 AND filled = 0"
		" AND updated_at < NOW(6) - INTERVAL ? DAY LIMIT 1", "u", "u" },
	[REMOVE] = { "cart_remove", "DELETE FROM cart WHERE user_id = ?", "u", "" },
	[OPS_REMOVE] = { "ops_remove", "DELETE FROM cart_op WHERE user_id = ?", "u", "" },
};

/* Four columns from row[0] on. */
static void take_row(const struct db_val *row, struct cart_row *r)
{
	*r = (struct cart_row){ .version = row[0].u, .fence = row[1].u, .doc = row[2].s,
				.len = row[2].len,
				.deleted = (enum cart_end)row[3].u };
}

enum db_status carts_db_read(struct db *db, uint64_t user, struct cart_row *row_r)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[READ], &row, db_u(user));

	if (st == DB_OK)
		take_row(row, row_r);
	return st;
}

static enum db_status lock(struct db *db, uint64_t user, struct cart_row *row_r,
			   uint64_t *fence_r)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[LOCK], &row, db_u(user));

	if (st == DB_OK) {
		take_row(row, row_r);
		*fence_r = row[4].u;
	}
	return st;
}

enum db_status carts_db_lock(struct db *db, uint64_t user, struct cart_row *row_r,
			     uint64_t *fence_r)
{
	enum db_status st = lock(db, user, row_r, fence_r);

	if (st != DB_NONE)
		return st;
	st = db_exec(db, &sql[MAKE], db_u(user));
	if (st == DB_OK)
		st = lock(db, user, row_r, fence_r);
	/* it was there and has gone since: begin again */
	return st == DB_NONE ? DB_RETRY : st;
}

enum db_status carts_db_hold(struct db *db, uint64_t user, struct cart_row *row_r)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[HOLD], &row, db_u(user));

	if (st == DB_OK)
		take_row(row, row_r);
	return st;
}

enum db_status carts_db_op(struct db *db, const unsigned char id[OP_ID], struct cart_op *op_r)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[OP_FIND], &row, db_b(id, OP_ID));

	if (st != DB_OK)
		return st;
	if (row[3].len != OP_FINGERPRINT)
		return DB_FAIL;
	*op_r = (struct cart_op){ .id = id, .user = row[0].u, .version = row[1].u,
				  .fence = row[2].u,
				  .fingerprint = (const unsigned char *)row[3].s,
				  .status = row[4].u,
				  .response = row[5].null ? NULL : row[5].s,
				  .response_len = row[5].len };
	return DB_OK;
}

enum db_status carts_db_op_add(struct db *db, const struct cart_op *op)
{
	return db_exec(db, &sql[OP_ADD], db_b(op->id, OP_ID), db_u(op->user), db_u(op->version),
		       db_u(op->fence), db_s(op->route), db_b(op->fingerprint, OP_FINGERPRINT),
		       db_u(op->status), db_s(op->doc), db_u(op->deleted),
		       db_b(op->response, op->response_len));
}

enum db_status carts_db_read_durable(struct db *db, uint64_t user, struct cart_row *row_r)
{
	enum db_status st;

	*row_r = (struct cart_row){ .version = 0 };
	st = carts_db_read(db, user, row_r);
	return st == DB_OK || st == DB_NONE ? db_flush(db) : st;
}

enum db_status carts_db_update(struct db *db, const struct cart_op *op)
{
	return db_exec(db, &sql[UPDATE], db_u(op->version), db_u(op->fence), db_s(op->doc),
		       db_u(op->deleted), db_u(op->user));
}

enum db_status carts_db_history(struct db *db, uint64_t user, uint64_t before, uint64_t count)
{
	return db_open(db, &sql[HISTORY], db_u(user), db_u(before), db_u(count));
}

enum db_status carts_db_history_next(struct db *db, struct cart_version *version_r)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK)
		*version_r = (struct cart_version){ .version = row[0].u, .created_us = row[1].i,
						    .route = row[2].s, .doc = row[3].s,
						    .len = row[3].len,
						    .deleted = (enum cart_end)row[4].u };
	return st;
}

enum db_status carts_db_version(struct db *db, uint64_t user, uint64_t version,
				const char **doc_r, size_t *len_r)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[OP_DOC], &row, db_u(user), db_u(version));

	if (st == DB_OK) {
		*doc_r = row[0].s;
		*len_r = row[0].len;
	}
	return st;
}

enum db_status carts_db_idle(struct db *db, uint64_t days, struct cart_idle idle_r[IDLE_BATCH],
			     unsigned *count_r)
{
	const struct db_val *row;
	enum db_status st = db_open(db, &sql[IDLE], db_u(days), db_u(IDLE_BATCH));

	*count_r = 0;
	while (st == DB_OK && (st = db_next(db, &row)) == DB_OK && *count_r < IDLE_BATCH)
		idle_r[(*count_r)++] = (struct cart_idle){ .user = row[0].u,
							   .version = row[1].u };
	return st == DB_NONE ? DB_OK : st;
}

enum db_status carts_db_walk(struct db *db, uint64_t after, uint64_t count)
{
	return db_open(db, &sql[WALK], db_u(after), db_u(count));
}

enum db_status carts_db_walk_next(struct db *db, uint64_t *user_r, struct cart_row *row_r)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK) {
		*user_r = row[0].u;
		take_row(row + 1, row_r);
	}
	return st;
}

enum db_status carts_db_lease(struct db *db, const char *name, const char *owner,
			      bool *taken_r)
{
	enum db_status st = db_changed(db, db_exec(db, &sql[LEASE_KEEP], db_s(name), db_s(owner)));

	*taken_r = st == DB_NONE;
	if (st == DB_NONE)
		st = db_changed(db, db_exec(db, &sql[LEASE_TAKE], db_s(owner), db_s(name)));
	if (st == DB_NONE)
		st = db_changed(db, db_exec(db, &sql[LEASE_MAKE], db_s(name), db_s(owner)));
	return st;
}

enum db_status carts_db_purge_ops(struct db *db, uint64_t days)
{
	return db_exec(db, &sql[OPS_PURGE], db_u(days));
}

enum db_status carts_db_dead(struct db *db, uint64_t *user_r)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[DEAD], &row, db_u(CART_GONE_DAYS));

	if (st == DB_OK)
		*user_r = row[0].u;
	return st;
}

enum db_status carts_db_remove(struct db *db, uint64_t user)
{
	enum db_status st = db_exec(db, &sql[OPS_REMOVE], db_u(user));

	return st == DB_OK ? db_exec(db, &sql[REMOVE], db_u(user)) : st;
}
