/*
 * bank.h - what the files of halle-bank share.
 */
#ifndef HALLE_BANK_H
#define HALLE_BANK_H

#include "svc.h"

#define UUID_BYTES 16

/* Handlers, one per route. */
int bank_charge(struct req *req);
int bank_charge_resolve(struct req *req);
int bank_refund(struct req *req);
int bank_behaviour_show(struct req *req);
int bank_behaviour_put(struct req *req);
int bank_audit(struct req *req);

/* What every call of a service goes through first: it comes from payments, and the bank
 * behaves as it was told to (waits, is down). Counts the call. *fail_r: the caller must be
 * answered 500, be it before or after the work. -1 when an error was answered. */
enum bank_fail { BANK_SOUND, BANK_FAIL_BEFORE, BANK_FAIL_AFTER };
NODISCARD int bank_enter(struct req *req, enum bank_fail *fail_r);
/* Waits, but keeps a thread of this process free for others: -1 when none would be (an error
 * was answered). Ends early when the process stops. */
NODISCARD int bank_wait(struct req *req, unsigned ms);

#endif
