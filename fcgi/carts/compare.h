/*
 * compare.h - one cart in both stores: does the mirror hold what MariaDB holds, and the repair
 * when it does not. The reconciler and the operator's program do it both by this.
 *
 * A cart is looked at without a lock first. Only what then seems not equal is looked at again
 * under the cart's row lock, where no write can be under way; that gives the verdict and the
 * repair. Repairs only ever change the mirror, and never take a version back: where the mirror
 * knows more than MariaDB, MariaDB has lost something (see restore.h) and nothing is touched.
 */
#ifndef HALLE_CARTS_COMPARE_H
#define HALLE_CARTS_COMPARE_H

#include "carts_db.h"
#include "journal.h"
#include "mirror.h"

enum compare_verdict {
	COMPARE_EQUAL,
	COMPARE_PREPARED, /* equal, but the last write was not settled; repaired without a word */
	COMPARE_BEHIND,   /* the mirror has an older version, or none */
	COMPARE_DIFFERS,  /* the same version with another content or fence */
	COMPARE_AHEAD,    /* the mirror has seen writes that MariaDB does not know */
	COMPARE_BUSY      /* another one holds the row lock; nothing is known */
};

struct compared {
	uint64_t user;
	enum compare_verdict verdict;
	uint64_t ours, theirs; /* versions in MariaDB and in the mirror, 0: none */
	bool repaired;
};

#define COMPARE_BATCH 64

struct compare {
	struct db *db;
	struct mirror *mirror;
	struct pool *pool; /* also the one that db uses */
	struct journal *journal; /* of repairs */
	bool repair;
	/* For every cart that is not equal. */
	void (*tell)(void *arg, const struct compared *c);
	void *arg;
};

/* All: false when a store failed; the rest is for another time. */

/* One cart, at once under the lock. */
NODISCARD bool compare_locked(const struct compare *c, uint64_t user);
/* One cart. */
NODISCARD bool compare_user(const struct compare *c, uint64_t user);
/* The next COMPARE_BATCH carts of MariaDB above user *after, which moves on; *count_r is how
 * many there were, fewer at the end. */
NODISCARD bool compare_rows(const struct compare *c, uint64_t *after, unsigned *count_r);
/* Some of the users whom the mirror knows, as mirror_list gives them: those that MariaDB does
 * not know. */
NODISCARD bool compare_strangers(const struct compare *c, uint64_t *cursor, unsigned *count_r);

/* The verdict by what was read; fence is one that was named under the lock, UINT64_MAX: none. */
enum compare_verdict compare_judge(const struct mirror_state *ours,
				   const struct mirror_slots *slots, uint64_t fence);
const char *compare_name(enum compare_verdict verdict);

#endif
