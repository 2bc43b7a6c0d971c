/*
 * restore.h - carts that MariaDB lost, brought back from the mirror: after its table was
 * emptied, or the database restored from an older backup. Only versions newer than MariaDB's
 * are written, one cart at a time under its row lock, so it may be repeated, broken off, and
 * done while the shop is open: a lost cart refuses writes until then, the others never notice.
 *
 * The committed state of the mirror was committed in MariaDB once. Of a prepared one, newer,
 * nobody else knows any more: either the write was acknowledged and its PROMOTE did not come
 * in time, or it was refused and its ABORT did not come. An acknowledged write may not be lost,
 * so it is taken where MariaDB has lost something: versions of that cart, or the count of
 * attempts (fences). A write that was refused to a client may thus come back, for the few
 * carts that were being written in the moment of the loss. Where cart_op still knows the
 * cart's history, it decides instead; committed_only leaves such writes out in any case.
 * After a backup that is less than some thousand attempts old, MariaDB's count does not show
 * the loss, and a prepared state that is its cart's only lost version is not recognised.
 */
#ifndef HALLE_CARTS_RESTORE_H
#define HALLE_CARTS_RESTORE_H

#include "carts_db.h"
#include "mirror.h"

enum restore_outcome {
	RESTORE_KEPT,     /* MariaDB has it, or something newer */
	RESTORE_DONE,     /* the committed state was written */
	RESTORE_PREPARED, /* the prepared state was written */
	RESTORE_BAD,      /* the mirror holds no cart there; nothing was written */
	RESTORE_BUSY      /* another one holds the row lock; nothing was written */
};

struct restored {
	enum restore_outcome outcome;
	uint64_t before, after; /* MariaDB's version */
	uint64_t fence; /* the highest that the mirror has seen of this cart */
};

struct restore {
	struct db *db;
	struct mirror *mirror;
	struct pool *pool; /* also the one that db uses */
	bool committed_only;
};

/* False when a store failed; whether this cart was written is then not known. */
NODISCARD bool restore_user(const struct restore *r, uint64_t user, struct restored *restored_r);

const char *restore_name(enum restore_outcome outcome);

#endif
