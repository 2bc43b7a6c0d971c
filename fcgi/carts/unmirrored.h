/*
 * unmirrored.h - mirror_mode degraded: a cart that was written while the mirror was away is
 * marked in MariaDB by the same transaction. The mirror alone cannot tell: one that was frozen
 * or cut off comes back as the same life, and with nothing prepared.
 */
#ifndef HALLE_CARTS_UNMIRRORED_H
#define HALLE_CARTS_UNMIRRORED_H

#include "compare.h"

/* Writes marked carts into the mirror and clears their marks, until there is none or end_us
 * (clock_mono_us). Where the mirror holds something that it cannot have, it is compared as any
 * other. False when a store failed. Empties c's pool. */
NODISCARD bool unmirrored_repair(const struct compare *c, int64_t end_us);

#endif
