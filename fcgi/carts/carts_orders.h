/*
 * carts_orders.h - the events of orders. carts.h has the route GET /internal/carts/{user_id},
 * by which orders reads a cart: {user_id, version, items[{product_id, quantity}]}.
 */
#ifndef HALLE_CARTS_ORDERS_H
#define HALLE_CARTS_ORDERS_H

#include "carts_write.h"
#include "event.h"

/* order.created {user_id, order_id, cart_version, items[{product_id, quantity}]}: takes the
 * items, which are those of that version, off the cart as it is now: the lines that have
 * vanished are left out, the others never go below nothing. Answers req. */
int carts_ordered(struct req *req, const struct event *event);

#endif
