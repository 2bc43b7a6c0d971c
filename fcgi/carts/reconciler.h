/*
 * reconciler.h - brings the mirror into step with MariaDB after crashes, restarts and lost
 * messages. A job of every process; a lease in MariaDB lets one of them work at a time. That
 * two work at once would be harmless: every repair is made under the cart's row lock or only
 * installs newer committed states.
 *
 * A pass settles the writes that were not finished, fills a mirror that lost something, and
 * goes on with the comparison of all carts that began when this process took the lease over.
 */
#ifndef HALLE_CARTS_RECONCILER_H
#define HALLE_CARTS_RECONCILER_H

#include "svc.h"

/* Period and lease (3 s) leave time for a pass within 5 s after a process that held it died. */
#define RECONCILER_PERIOD_MS 1000

struct reconciler;

struct reconciler *reconciler_new(void);
void reconciler_free(struct reconciler **r);

/* One pass, at most about a second long. Called by one thread. */
void reconciler_run(struct worker *w);

#endif
