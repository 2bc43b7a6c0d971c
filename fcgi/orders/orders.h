/*
 * orders.h - handlers of halle-orders, and what they share. Contract of each: route.h.
 */
#ifndef HALLE_ORDERS_H
#define HALLE_ORDERS_H

#include "orders_move.h"
#include "svc.h"

/* POST /orders {items} or {from_cart:true}, expected_total?: 201 with the order; 200 with the
 * one that the same cart made before. A retry with the same Idempotency-Key after any lost
 * answer gives the same order. */
int orders_create(struct req *req);

/* GET /orders: the caller's own, an admin's choice by user_id; by status. GET /orders/{id}. */
int orders_list(struct req *req);
int orders_show(struct req *req);

/* PUT /orders/{id} {status} for admins, {items} while pending without a payment. */
int orders_put(struct req *req);
/* DELETE /orders/{id}, POST /orders/{id}/cancel: the owner while pending, an admin before it
 * is shipped. Stock and money return. */
int orders_cancel(struct req *req);

/* POST /internal/orders/{id}/payment {payment_id, user_id} from payments: the order is his,
 * pending, its stock is held, and from now on it waits for the outcome. 200 {order_id,
 * amount_cents, currency}. */
int orders_payment(struct req *req);

/* POST /internal/orders/events from payments, products and users. 204 whenever the event is
 * settled, also the second time. */
int orders_event(struct req *req);

/* POST /internal/orders/audit {after?, limit?}: {wrong[], rows[], next}. */
int orders_audit(struct req *req);

/* Jobs: pending orders beyond their time expire; holds of orders being paid are prolonged. */
#define ORDERS_PERIOD_MS 1000
void orders_expire(struct worker *w);
void orders_prolong(struct worker *w);

/* -- shared -------------------------------------------------------------------------- */

/* One transaction with Idempotency-Key and delivery of its events, for handlers that act
 * between transactions. step answers; what it answers well is committed. 0 or -1. */
struct orders_tx {
	struct req *req;
	const char *route;      /* the path template: part of the key's fingerprint */
	int (*step)(struct req *req, void *arg);
	void *arg;
};
NODISCARD int orders_run_tx(struct orders_tx *tx);
/* Whether a stored answer or an error stands in req already. */
NODISCARD bool orders_answered(struct req *req, const char *route);

/* 0: whosever it is. */
uint64_t orders_owner(const struct req *req);
/* The order as clients see it, without its events. */
void orders_json(struct jw *w, const struct order *o);
/* Reads the order and its events, answers with them and the ETag. */
int orders_answer(struct req *req, int status, uint64_t id);
/* The same, 201, for an order that the transaction has just made: nothing is read. Always 0. */
int orders_answer_new(struct req *req, const struct order *o);
/* 404 for DB_NONE, else as resp_db. Always -1. */
int orders_db_error(struct req *req, enum db_status st);
/* Sets the ETag; 0, or -1 after 412 was answered. */
NODISCARD int orders_match(struct req *req, const struct order *o);
/* 0 when the order can be edited or paid, or -1 after 409. */
NODISCARD int orders_judge_pending(struct req *req, const struct order *o);
uint64_t orders_hold_s(const struct req *req);

#endif
