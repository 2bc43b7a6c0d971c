/*
 * orders_jobs.c - orders whose time is up expire; holds of orders being paid are prolonged.
 * Every process does it: the guard and the lock decide who.
 */
#include "compat.h"

#include "log.h"
#include "orders.h"
#include "orders_db_job.h"
#include "stock.h"

#define EXTEND_MS 1000

static enum db_status expire(struct db *db, void *arg)
{
	const uint64_t *id = arg;
	struct order o;
	enum db_status st = orders_db_lock(db, *id, 0, &o);

	if (st != DB_OK)
		return st;
	if (!order_is(&o, "pending") || !order_payment_is(&o, "none") || !o.overdue)
		return DB_NONE;
	return order_end(db, NULL, &o, "expired", 0);
}

void orders_expire(struct worker *w)
{
	uint64_t ids[ORDERS_BATCH];
	unsigned count, expired = 0;

	if (orders_db_due(w->db, DUE_EXPIRY, 0, ids, &count) != DB_OK)
		return;
	for (unsigned i = 0; i < count && !svc_stopping(); i++) {
		if (db_tx(w->db, expire, &ids[i]) == DB_OK)
			expired++;
	}
	if (expired)
		log_info("orders.expired", LOG_INT("orders", expired));
}

void orders_prolong(struct worker *w)
{
	uint64_t hold_s = (uint64_t)cfg_int(w->svc->cfg, CFG_ORDER_HOLD);
	uint64_t ids[ORDERS_BATCH];
	struct order o;
	unsigned count;

	if (orders_db_due(w->db, DUE_HOLD, 0, ids, &count) != DB_OK)
		return;
	for (unsigned i = 0; i < count && !svc_stopping(); i++) {
		if (orders_db_get(w->db, ids[i], 0, &o) != DB_OK ||
		    stock_extend(w, o.reservation, hold_s, EXTEND_MS) < 0 ||
		    orders_db_held(w->db, ids[i], hold_s) != DB_OK)
			log_warn("order.hold", LOG_INT("order", ids[i]));
	}
}
