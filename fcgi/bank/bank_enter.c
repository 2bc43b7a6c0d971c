/* bank_enter.c - what a call to the bank meets before its work: the door and the mood. */
#include "compat.h"

#include <stdatomic.h>

#include "bank.h"
#include "bank_db.h"
#include "clock.h"
#include "metrics.h"
#include "rnd.h"

#define SLICE_MS 50

static atomic_uint waiting; /* threads of this process that wait */

/* Admins must be able to end what they told the bank to do. */
static bool take_place(const struct req *req)
{
	unsigned threads = (unsigned)cfg_int(req->worker->svc->cfg, CFG_THREADS);
	unsigned most = threads > 1 ? threads - 1 : 1;

	if (atomic_fetch_add(&waiting, 1) < most)
		return true;
	atomic_fetch_sub(&waiting, 1);
	return false;
}

int bank_wait(struct req *req, unsigned ms)
{
	const struct timespec slice = { .tv_nsec = SLICE_MS * 1000000L };
	int64_t until = clock_mono_us() + (int64_t)ms * 1000;

	if (ms == 0)
		return 0;
	if (!take_place(req))
		return resp_error(req, ERR_SERVER_BUSY);
	while (clock_mono_us() < until && !svc_stopping())
		nanosleep(&slice, NULL);
	atomic_fetch_sub(&waiting, 1);
	return 0;
}

static enum bank_fail draw(uint64_t failure_rate)
{
	if (rnd_below(100) >= failure_rate)
		return BANK_SOUND;
	return rnd_below(2) ? BANK_FAIL_BEFORE : BANK_FAIL_AFTER;
}

int bank_enter(struct req *req, enum bank_fail *fail_r)
{
	struct behaviour b;
	enum db_status st;

	if (strcmp(req->who.username, "payments") != 0)
		return resp_error(req, ERR_FORBIDDEN);
	metrics_add(M_BANK_CALLS, 1);
	st = bank_db_behaviour(req->db, &b);
	if (st != DB_OK)
		return resp_db(req, st == DB_NONE ? DB_FAIL : st);
	if (bank_wait(req, (unsigned)b.latency_ms) < 0)
		return -1;
	if (b.down)
		return resp_error(req, ERR_SERVICE_UNAVAILABLE);
	*fail_r = draw(b.failure_rate);
	return *fail_r == BANK_FAIL_BEFORE ? resp_error(req, ERR_INTERNAL) : 0;
}
