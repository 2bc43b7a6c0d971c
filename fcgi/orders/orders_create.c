/*
 * orders_create.c - POST /orders.
 *
 *	1. an answer stored under the key is given again
 *	2. from_cart: the cart is read
 *	3. an order that the same cart has made, or too many open ones: that is the answer
 *	4. products holds the stock, under a name that a retry finds again
 *	5. one transaction: key, order, lines, event, news for carts
 *
 * Whatever is cut off after 4 leaves a hold that expires, or that the retry takes over.
 */
#include "compat.h"

#include "crash.h"
#include "money.h"
#include "orders.h"
#include "rnd.h"
#include "stock.h"

#define ROUTE "/orders"

struct body {
	const char *items;
	bool from_cart;
	int64_t expected_total;
};

enum { ITEMS, FROM_CART, EXPECTED };

static const struct field fields[] = {
	[ITEMS] = FIELD_ARRAY(struct body, items),
	[FROM_CART] = FIELD_BOOL(struct body, from_cart),
	[EXPECTED] = FIELD_MONEY(struct body, expected_total, 0, MONEY_MAX),
	{ 0 }
};

struct creation {
	struct order order;
	struct items items;
	struct standing before; /* as it was without the lock */
	bool from_cart, guarded;
	bool held; /* products holds the stock; else the order must be there already */
	enum err missing; /* and this is answered when it is not */
	int64_t expected;
};

/* -- what is asked ------------------------------------------------------------------- */

static int refuse_both(struct req *req)
{
	struct faults faults = { .count = 0 };

	fault_add(&faults, "#/from_cart", "duplicate", 0, FIELD_TYPE_BOOL);
	return resp_faults(req, &faults);
}

static int read_body(struct req *req, struct creation *c)
{
	uint64_t present;
	struct body in;

	if (req_body(req, fields, &in, sizeof(in), &present) < 0)
		return -1;
	c->from_cart = in.from_cart;
	c->guarded = present >> EXPECTED & 1;
	c->expected = in.expected_total;
	if (in.items && in.from_cart)
		return refuse_both(req);
	if (in.items)
		return items_read(req, in.items, &c->items);
	return in.from_cart ? 0 : resp_error(req, ERR_MISSING_ITEMS);
}

/* Two tabs with one cart give it one name, and so make one order. */
static int read_cart(struct req *req, struct creation *c)
{
	if (cart_read(req, &c->items, &c->order.cart_version) < 0)
		return -1;
	uuid8_named("order-cart", pool_printf(req->pool, "%" PRIu64, req->who.user_id),
		    pool_printf(req->pool, "%" PRIu64, c->order.cart_version),
		    c->order.reservation);
	return 0;
}

static void name_items(struct req *req, struct creation *c)
{
	const char *key = req->idempotency_key;
	unsigned char random[UUID_BYTES];
	char text[UUID_TEXT];

	if (!key) {
		rnd_uuid7(random);
		key = uuid_text(random, text);
	}
	uuid8_named("order-items", pool_printf(req->pool, "%" PRIu64, req->who.user_id), key,
		    c->order.reservation);
}

/* -- answers ------------------------------------------------------------------------- */

static int answer_existing(struct req *req, uint64_t id)
{
	if (orders_answer(req, 200, id) < 0)
		return -1;
	resp_header(req, "Location", "/orders/%" PRIu64, id);
	return 0;
}

static int answer_new(struct req *req, const struct order *o)
{
	orders_answer_new(req, o);
	resp_header(req, "Location", "/orders/%" PRIu64, o->id);
	return 0;
}

/* The order is there already, or this is wrong. */
static int answer_made(struct req *req, const struct creation *c, enum err otherwise)
{
	uint64_t id;
	enum db_status st = orders_db_made(req->db, &c->order, &id);

	if (st == DB_NONE)
		return resp_error(req, otherwise);
	return st == DB_OK ? answer_existing(req, id) : resp_db(req, st);
}

static bool too_many(const struct req *req, uint64_t open)
{
	return open >= (uint64_t)cfg_int(req->worker->svc->cfg, CFG_ORDER_OPEN_MAX);
}

/* -- the transaction ----------------------------------------------------------------- */

static enum db_status tell_cart(struct req *req, const struct creation *c)
{
	enum db_status st;
	struct sbuf data;
	struct jw w;

	sbuf_init(&data, 65536);
	jw_init(&w, &data);
	jw_obj(&w);
	jw_ku64(&w, "user_id", c->order.user_id);
	jw_ku64(&w, "order_id", c->order.id);
	jw_ku64(&w, "cart_version", c->order.cart_version);
	jw_key(&w, "items");
	jw_arr(&w);
	for (unsigned i = 0; i < c->items.count; i++) {
		jw_obj(&w);
		jw_ku64(&w, "product_id", c->items.item[i].product_id);
		jw_ku64(&w, "quantity", c->items.item[i].quantity);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
	st = order_tell(req->db, req, "carts", "order.created", sbuf_str(&data), data.len);
	sbuf_free(&data);
	/* a conflict would be taken for an order that is there already */
	return st == DB_CONFLICT ? DB_FAIL : st;
}

static enum db_status write_order(struct req *req, struct creation *c, int64_t now_us)
{
	enum db_status st = orders_db_insert(req->db, &c->order, now_us, orders_hold_s(req));

	if (st == DB_OK && c->from_cart)
		st = tell_cart(req, c);
	if (st == DB_OK && CRASH_POINT("order_inserted"))
		st = DB_DOWN;
	return st;
}

/* With the buyer's row locked the count stays true until the commit. What was read before is
 * true still when nobody else has locked it since: orders that end only make room. */
static int make(struct req *req, void *arg)
{
	struct creation *c = arg;
	struct standing now = c->before;
	uint64_t changes;
	enum db_status st = orders_db_lock_user(req->db, req->who.user_id, &changes);

	if (st == DB_OK && changes != now.changes + 1)
		st = orders_db_standing(req->db, req->who.user_id, &now);
	if (st != DB_OK)
		return resp_db(req, st);
	if (now.deleted)
		return resp_error(req, ERR_TOKEN_REVOKED);
	if (!c->held)
		return answer_made(req, c, c->missing);
	if (too_many(req, now.open))
		return answer_made(req, c, ERR_TOO_MANY_OPEN_ORDERS);
	st = write_order(req, c, now.now_us);
	if (st == DB_CONFLICT) /* a reservation of another user is not answered */
		return answer_made(req, c, ERR_INTERNAL);
	return st == DB_OK ? answer_new(req, &c->order) : resp_db(req, st);
}

/* -- the steps ----------------------------------------------------------------------- */

static int run_make(struct req *req, struct creation *c)
{
	struct orders_tx tx = { .req = req, .route = ROUTE, .step = make, .arg = c };

	return orders_run_tx(&tx);
}

/* Of an order that is there the answer is kept under the key. */
static int find_made(struct req *req, struct creation *c, enum err otherwise)
{
	c->missing = otherwise;
	return run_make(req, c);
}

/* What is known before anything is held. 1: go on; else as a handler returns. */
static int look_before(struct req *req, struct creation *c)
{
	enum db_status st = DB_NONE;
	uint64_t id;

	if (c->from_cart)
		st = orders_db_made(req->db, &c->order, &id);
	if (st == DB_OK || (c->from_cart && st == DB_NONE && c->items.count == 0))
		return find_made(req, c, ERR_MISSING_ITEMS);
	if (st == DB_NONE)
		st = orders_db_standing(req->db, req->who.user_id, &c->before);
	if (st != DB_OK)
		return resp_db(req, st);
	return too_many(req, c->before.open) ? find_made(req, c, ERR_TOO_MANY_OPEN_ORDERS) : 1;
}

static int hold_and_make(struct req *req, struct creation *c)
{
	struct wish wish = { .reservation = c->order.reservation, .items = &c->items,
			     .guarded = c->guarded, .expected_cents = c->expected,
			     .hold_s = orders_hold_s(req) };
	int rc;

	c->held = stock_reserve(req, &wish, &c->order) == STOCK_HELD;
	if (!c->held && req->error != ERR_STOCK_NOT_HELD)
		return -1;
	if (CRASH_POINT("order_reserved"))
		return resp_error(req, ERR_SERVICE_UNAVAILABLE);
	/* a repetition so late that the order is closed finds it */
	rc = c->held ? run_make(req, c) : find_made(req, c, ERR_IDEMPOTENCY_KEY_REUSED);
	/* nobody else made an order of it either: that was looked for */
	if (rc < 0 && (req->error == ERR_TOO_MANY_OPEN_ORDERS || req->error == ERR_TOKEN_REVOKED))
		stock_let_go(req, c->order.reservation);
	return rc;
}

int orders_create(struct req *req)
{
	struct creation *c = pool_alloc(req->pool, sizeof(*c));
	int rc;

	c->order.user_id = req->who.user_id;
	c->order.user_name = req->who.username;
	if (read_body(req, c) < 0)
		return -1;
	if (orders_answered(req, ROUTE))
		return req->failed ? -1 : 0;
	if (!c->from_cart)
		name_items(req, c);
	else if (read_cart(req, c) < 0)
		return -1;
	if (CRASH_POINT("order_begun"))
		return resp_error(req, ERR_SERVICE_UNAVAILABLE);
	rc = look_before(req, c);
	return rc == 1 ? hold_and_make(req, c) : rc;
}
