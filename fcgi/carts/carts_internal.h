/*
 * carts_internal.h - routes of the operator's program, hallectl: POST /internal/carts/…, one
 * step per call, at most about a second long. Whoever else calls them gets 403. All may be
 * repeated and used while the shop is open.
 */
#ifndef HALLE_CARTS_INTERNAL_H
#define HALLE_CARTS_INTERNAL_H

#include "req.h"

/* {after?, user_id?, repair?}: {checked, carts[], next} compares some carts from "after" on,
 * or the one of user_id, and lists those that are not equal; next null: these were the last. */
int carts_verify(struct req *req);
/* {user_id}: both stores' state of a cart, and its last operations. */
int carts_inspect(struct req *req);
/* {after?, fence?, committed_only?}: {checked, carts[], fence, next} brings back some carts
 * that MariaDB lost, see restore.h, and lists them; fence goes into the next call. */
int carts_restore(struct req *req);
/* {op_id, user_id, fence, crud, route, base_version, fingerprint?, product_id?, quantity?,
 * version?, age_s, record?, apply?}, as the journal has them: {result, version?, code?} tells
 * whether the operation was done ("done", "not_done", "forgotten" when it is too old to know).
 * With record the journal gets a line about it.
 * With apply one that was not done is done now if the cart still has base_version: "applied",
 * "moved" when it has another, "refused" with the code; "own" when it was no user's request
 * and the service repeats it by itself, "baseless" when no base_version was known. */
int carts_replay(struct req *req);
/* {user_id, version}: answers as POST /cart/rollback of that user. */
int carts_operator_rollback(struct req *req);

/* 0, or -1 after 403 was answered: the caller is not hallectl. */
NODISCARD int carts_operator(struct req *req);

#endif
