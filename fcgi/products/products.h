/*
 * products.h - the products service: its handlers, and what they share.
 */
#ifndef HALLE_PRODUCTS_H
#define HALLE_PRODUCTS_H

#include "image.h"
#include "products_db.h"
#include "resp.h"

#define STOCK_MAX INT64_C(1000000) /* that a request may set or move at once */

/* GET /products, /api/articles */
int products_list(struct req *req);

/* /products/{id} */
int products_read(struct req *req);
int products_create(struct req *req);
int products_replace(struct req *req);
int products_change(struct req *req);
int products_remove(struct req *req);

/* /products/{id}/image */
int products_image_read(struct req *req);
int products_image_put(struct req *req);
int products_image_remove(struct req *req);

/* /products/{id}/stock */
int products_stock_adjust(struct req *req);
int products_stock_read(struct req *req);

/* POST /internal/products/facts */
int products_facts(struct req *req);

/* -- shared -------------------------------------------------------------------------- */

/* The product as clients see it. */
void product_json(struct jw *w, const struct product *p, struct pool *pool);
/* Member "image": the address of the picture, or null. */
void product_json_image(struct jw *w, uint64_t id, const char *hash, struct pool *pool);

/* Member "name": the time in RFC 3339. */
void product_json_time(struct jw *w, const char *name, int64_t wall_us);

/* An anonymous read may be kept for a second, and for one more while it is renewed (RFC 5861);
 * who says who he is (an admin at work) sees what is now. After the resp_* of the answer. */
void products_cacheable(struct req *req);
/* For a write: locks the product of the path and checks If-Match. 0, or -1 when an error
 * was answered. */
NODISCARD int products_lock(struct req *req, struct product *p_r);
/* Answers with the product as it is now in the database. */
int products_answer(struct req *req, int status, uint64_t id);
/* A product's failed statement; DB_NONE: there is no such product. */
int products_db_error(struct req *req, enum db_status st);

#define PICTURE_VERSION 16 /* hexadecimal digits of the hash that the address shows */

#endif
