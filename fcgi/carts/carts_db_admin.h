/*
 * carts_db_admin.h - the SQL behind the reconciler's scan and the operator's program. Statuses
 * as in db.h; strings live in the pool of db.
 */
#ifndef HALLE_CARTS_DB_ADMIN_H
#define HALLE_CARTS_DB_ADMIN_H

#include "carts_db.h"

/* DB_OK: everything was last compared more than a minute ago; DB_NONE: it need not be. */
NODISCARD enum db_status carts_db_scan_due(struct db *db, const char *lease);
NODISCARD enum db_status carts_db_scanned(struct db *db, const char *lease);

/* The operation that made this version of a cart; only id and fence are set. */
NODISCARD enum db_status carts_db_op_at(struct db *db, uint64_t user, uint64_t version,
					struct cart_op *op_r);

/* Later fences are above this one; they never go back. */
NODISCARD enum db_status carts_db_fence_past(struct db *db, uint64_t fence);

/* A cart's last operations, newest first; then carts_db_ops_next until DB_NONE. Of an
 * operation id, version, fence, route and status are set. */
NODISCARD enum db_status carts_db_ops(struct db *db, uint64_t user, uint64_t count);
NODISCARD enum db_status carts_db_ops_next(struct db *db, struct cart_op *op_r,
					   int64_t *created_us_r);

#endif
