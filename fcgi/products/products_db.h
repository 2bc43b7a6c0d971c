/*
 * products_db.h - everything that the products service asks of its database; the only
 * place with its SQL. Text in results lives in the request's pool.
 *
 * Functions that change something belong inside a transaction (ROUTE_TX).
 */
#ifndef HALLE_PRODUCTS_DB_H
#define HALLE_PRODUCTS_DB_H

#include "db.h"

struct product {
	uint64_t id;
	const char *name, *description;
	int64_t price_cents;
	int64_t stock;
	uint64_t version;
	const char *image_hash; /* 64 hexadecimal digits; NULL: no image */
	int64_t created_us, updated_us; /* microseconds since 1970, UTC */
};

/* Each order is total: price is followed by name, and everything by id. */
enum product_sort {
	SORT_ID,
	SORT_ID_DESC,
	SORT_PRICE,
	SORT_PRICE_DESC,
	SORT_NAME,
	SORT_NAME_DESC,
	SORT_CREATED,
	SORT_CREATED_DESC,
	SORT_COUNT
};

#define SEARCH_WORDS 5 /* further words of a search do not count */

struct product_query {
	enum product_sort sort;
	int64_t min_price, max_price; /* cents, both inclusive */
	bool with_stock, without_stock; /* which of the two are wanted */
	const char *text; /* each of its words begins a word of the product; NULL: all */
	const struct product *after; /* what the order looks at; NULL: from the start */
	uint64_t offset, limit;
};

/* Opens the list, then products_next until DB_NONE. */
NODISCARD enum db_status products_open(struct db *db, struct pool *pool,
				       const struct product_query *query);
NODISCARD enum db_status products_next(struct db *db, struct product *p_r);

/* DB_NONE when there is no such product or it is deleted. */
NODISCARD enum db_status product_get(struct db *db, uint64_t id, struct product *p_r);
/* The same, and nobody else changes it before the transaction ends. */
NODISCARD enum db_status product_lock(struct db *db, uint64_t id, struct product *p_r);

/* Reads name, description, price_cents and stock of p; id_r tells the new id. Neither
 * this nor product_update writes the ledger. */
NODISCARD enum db_status product_insert(struct db *db, const struct product *p,
					uint64_t *id_r);
/* The same members, of the product p->id, which is locked. */
NODISCARD enum db_status product_update(struct db *db, const struct product *p);
NODISCARD enum db_status product_delete(struct db *db, uint64_t id);

/* DB_NONE also when the stock would become negative: nothing was changed then. */
NODISCARD enum db_status stock_add(struct db *db, uint64_t id, int64_t delta);

struct ledger_row {
	uint64_t id;
	int64_t delta, balance;
	const char *reason;
	uint64_t user_id; /* 0: nobody's */
	int64_t created_us;
	int64_t reserved_delta; /* of what held reservations keep */
	const unsigned char *reservation_id; /* 16 bytes; NULL: no reservation's doing */
};

/* The product's stock is the new balance. user_id 0: nobody. */
NODISCARD enum db_status ledger_put(struct db *db, uint64_t product_id, int64_t delta,
				    const char *reason, uint64_t user_id);
/* Newest first, with ids below before. */
NODISCARD enum db_status ledger_open(struct db *db, uint64_t product_id, uint64_t before,
				     uint64_t limit);
NODISCARD enum db_status ledger_next(struct db *db, struct ledger_row *row_r);

struct picture {
	const char *type; /* media type */
	const char *bytes;
	size_t len;
	const char *hash; /* as in struct product */
};

NODISCARD enum db_status picture_get(struct db *db, uint64_t product_id,
				     struct picture *pic_r);
/* Both change the product's version. */
NODISCARD enum db_status picture_put(struct db *db, uint64_t product_id, const char *type,
				     const void *bytes, size_t len);
NODISCARD enum db_status picture_delete(struct db *db, uint64_t product_id);

struct fact {
	uint64_t id;
	const char *name;
	int64_t price_cents, stock;
	const char *image_hash;
	bool available; /* not deleted */
};

/* ids is a JSON array of integers. Products that never were are left out. */
NODISCARD enum db_status facts_open(struct db *db, const char *ids);
NODISCARD enum db_status facts_next(struct db *db, struct fact *fact_r);

#endif
