/*
 * carts_cart.h - what a user can do to a cart, by whichever path he asks. The caller has
 * decided that he may, and sets of the change: path, location, pointer, user, and the
 * arguments product, quantity and version. All answer req.
 */
#ifndef HALLE_CARTS_CART_H
#define HALLE_CARTS_CART_H

#include "carts_write.h"

int cart_show(struct req *req, uint64_t user);
int cart_create(struct req *req, struct change c);
int cart_add(struct req *req, struct change c);
int cart_edit(struct req *req, struct change c); /* quantity 0 removes */
int cart_remove(struct req *req, struct change c);
int cart_empty(struct req *req, struct change c);
int cart_delete(struct req *req, struct change c);

int cart_history(struct req *req, uint64_t user);
int cart_rollback(struct req *req, struct change c);
int cart_rollback_asked(struct req *req, struct change c); /* takes the version from the body */

/* The row of a cart that exists for the caller; one that its owner deleted, too. His own that
 * is not made yet has version 0. 0, or -1 when an error was answered. */
NODISCARD int cart_find(struct req *req, uint64_t user, struct cart_row *row_r);

#endif
