/* stock.c - calls to products and carts. */
#include "compat.h"

#include "log.h"
#include "money.h"
#include "resp.h"
#include "rnd.h"
#include "stock.h"

#define CALL_MS 3000
#define CART_MS 2000

/* -- what is asked ------------------------------------------------------------------- */

static void write_items(struct jw *w, const struct items *items)
{
	jw_key(w, "items");
	jw_arr(w);
	for (unsigned i = 0; i < items->count; i++) {
		jw_obj(w);
		jw_ku64(w, "product_id", items->item[i].product_id);
		jw_ku64(w, "quantity", items->item[i].quantity);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void write_wish(const struct wish *wish, struct sbuf *body)
{
	char text[UUID_TEXT];
	struct jw w;

	jw_init(&w, body);
	jw_obj(&w);
	jw_kstr(&w, "reservation_id", uuid_text(wish->reservation, text));
	if (wish->instead_of)
		jw_kstr(&w, "instead_of", uuid_text(wish->instead_of, text));
	if (wish->guarded)
		jw_ki64(&w, "expected_total_cents", wish->expected_cents);
	jw_ku64(&w, "hold_s", wish->hold_s);
	write_items(&w, wish->items);
	jw_end_obj(&w);
}

/* 0 when there is an answer of products. */
static int ask(struct req *req, const char *path, const struct sbuf *body,
	       struct peer_call *call)
{
	*call = (struct peer_call){
		.service = "products", .method = "POST", .path = path,
		.body = sbuf_str(body), .body_len = body->len,
		.request_id = req->id, .trace = req->trace,
		.language = resp_lang(req, "en", "fr"),
		.timeout_ms = req_left_ms(req, CALL_MS),
	};
	return call->timeout_ms > 0 ? peer_send(req->worker->peer, call) : -1;
}

/* -- what is answered ---------------------------------------------------------------- */

static const char *member(const struct req *req, const struct peer_call *call, const char *name)
{
	return body_member(sbuf_str(&call->reply), call->reply.len, name, req->pool);
}

struct line_in {
	uint64_t product_id, quantity;
	const char *name;
	int64_t price_cents;
};

static const struct field line_fields[] = {
	FIELD_U64(struct line_in, product_id, 1, INT64_MAX, .required = true),
	FIELD_U64(struct line_in, quantity, 1, INT64_MAX, .required = true),
	FIELD_STR(struct line_in, name, 0, 1000, .required = true),
	FIELD_I64(struct line_in, price_cents, 0, MONEY_MAX, .required = true),
	{ 0 }
};

struct total_in {
	int64_t total_cents;
};

static const struct field total_fields[] = {
	FIELD_I64(struct total_in, total_cents, 0, MONEY_MAX, .required = true),
	{ 0 }
};

static int take_line(void *dst, void *arg)
{
	const struct line_in *in = dst;
	struct order *o = arg;
	int64_t cents;

	if (o->count == ORDER_LINES_MAX ||
	    money_times(in->price_cents, (int64_t)in->quantity, &cents) < 0 ||
	    money_add(o->total_cents, cents, &o->total_cents) < 0)
		return -1;
	o->line[o->count++] = (struct order_line){ in->product_id, in->name, in->price_cents,
						   (int64_t)in->quantity };
	return 0;
}

/* The total is added up here and there: they must be the same. */
static int take_held(struct req *req, const struct peer_call *call, struct order *o)
{
	const char *text = member(req, call, "data");
	struct body_report report;
	struct line_in scratch;
	struct total_in in;

	o->count = 0;
	o->total_cents = 0;
	if (!text || body_each(text, strlen(text), "lines", line_fields, &scratch,
			       sizeof(scratch), take_line, o, req->pool) < 0 ||
	    body_parse_known(text, strlen(text), total_fields, &in, sizeof(in), req->pool,
			     &report) != BODY_OK)
		return -1;
	return o->count && in.total_cents == o->total_cents ? 0 : -1;
}

struct code_in {
	const char *code;
};

static const struct field code_fields[] = {
	FIELD_STR(struct code_in, code, 1, 64, .required = true),
	{ 0 }
};

/* What products may refuse for good, with the members that belong to it. */
static const struct refusal {
	enum err err;
	const char *members[4];
} refusals[] = {
	{ ERR_ORDER_OUT_OF_STOCK, { "lines" } },
	{ ERR_BODY_PRODUCT_NOT_FOUND, { "product_id" } },
	{ ERR_PRICE_CHANGED, { "expected_total", "current_total", "lines" } },
	{ ERR_VALIDATION_FAILED, { "errors" } },
	{ ERR_IDEMPOTENCY_KEY_REUSED, { NULL } },
	{ ERR_STOCK_NOT_HELD, { NULL } },
};

static const struct refusal *refusal_of(const struct req *req, const struct peer_call *call)
{
	const char *error = member(req, call, "error");
	struct body_report report;
	struct code_in in;

	if (!error || body_parse_known(error, strlen(error), code_fields, &in, sizeof(in),
				       req->pool, &report) != BODY_OK)
		return NULL;
	for (size_t i = 0; i < COUNT(refusals); i++) {
		if (strcmp(err_code(refusals[i].err), in.code) == 0)
			return &refusals[i];
	}
	return NULL;
}

static enum stock_result unknown(struct req *req, const struct peer_call *call)
{
	if (call->status)
		log_warn("products.answer", LOG_INT("status", call->status));
	resp_error(req, ERR_SERVICE_UNAVAILABLE);
	return STOCK_UNKNOWN;
}

static enum stock_result refused(struct req *req, const struct peer_call *call)
{
	const struct refusal *r = refusal_of(req, call);
	struct jw *w;

	if (!r)
		return unknown(req, call);
	w = resp_problem(req, r->err);
	for (size_t i = 0; i < COUNT(r->members) && r->members[i]; i++) {
		const char *value = member(req, call, r->members[i]);

		jw_key(w, r->members[i]);
		if (value)
			jw_raw(w, value, strlen(value));
		else
			jw_null(w);
	}
	resp_problem_done(req);
	return STOCK_REFUSED;
}

enum stock_result stock_reserve(struct req *req, const struct wish *wish, struct order *o)
{
	struct peer_call call;
	struct sbuf body;
	int rc;

	sbuf_init(&body, 65536);
	write_wish(wish, &body);
	rc = ask(req, "/internal/products/reserve", &body, &call);
	sbuf_free(&body);
	if (rc < 0)
		return unknown(req, &call);
	if (call.status != 200)
		return refused(req, &call);
	return take_held(req, &call, o) == 0 ? STOCK_HELD : unknown(req, &call);
}

/* hold_s 0: let it go. */
static void write_named(struct sbuf *body, const unsigned char *reservation, uint64_t hold_s)
{
	char text[UUID_TEXT];
	struct jw w;

	jw_init(&w, body);
	jw_obj(&w);
	jw_kstr(&w, "reservation_id", uuid_text(reservation, text));
	if (hold_s)
		jw_ku64(&w, "hold_s", hold_s);
	else
		jw_kbool(&w, "again", true);
	jw_end_obj(&w);
}

void stock_let_go(struct req *req, const unsigned char *reservation)
{
	struct peer_call call;
	struct sbuf body;

	sbuf_init(&body, 256);
	write_named(&body, reservation, 0);
	(void)!ask(req, "/internal/products/release", &body, &call);
	sbuf_free(&body);
}

int stock_extend(struct worker *w, const unsigned char *reservation, uint64_t hold_s,
		 int timeout_ms)
{
	struct peer_call call = { .service = "products", .method = "POST",
				  .path = "/internal/products/extend",
				  .timeout_ms = timeout_ms };
	struct sbuf body;
	int rc;

	sbuf_init(&body, 256);
	write_named(&body, reservation, hold_s);
	call.body = sbuf_str(&body);
	call.body_len = body.len;
	rc = peer_send(w->peer, &call);
	sbuf_free(&body);
	return rc == 0 && call.status == 200 ? 0 : -1;
}

/* -- carts --------------------------------------------------------------------------- */

struct cart_in {
	uint64_t version;
};

static const struct field cart_fields[] = {
	FIELD_U64(struct cart_in, version, 0, INT64_MAX, .required = true),
	{ 0 }
};

static const struct field cart_line_fields[] = {
	FIELD_U64(struct item, product_id, 1, INT64_MAX, .required = true),
	FIELD_U64(struct item, quantity, 1, INT64_MAX, .required = true),
	{ 0 }
};

static int take_cart_line(void *dst, void *arg)
{
	const struct item *item = dst;

	return items_add(arg, item->product_id, item->quantity);
}

static int take_cart(struct req *req, const struct peer_call *call, struct items *items,
		     uint64_t *version)
{
	const char *text = member(req, call, "data");
	struct body_report report;
	struct cart_in in;
	struct item scratch;

	items->count = 0;
	if (!text ||
	    body_parse_known(text, strlen(text), cart_fields, &in, sizeof(in), req->pool,
			     &report) != BODY_OK ||
	    body_each(text, strlen(text), "items", cart_line_fields, &scratch, sizeof(scratch),
		      take_cart_line, items, req->pool) < 0) {
		log_error("carts.answer", LOG_INT("status", call->status));
		return resp_error(req, ERR_INTERNAL);
	}
	*version = in.version;
	return 0;
}

int cart_read(struct req *req, struct items *items, uint64_t *version)
{
	struct peer_call call = {
		.service = "carts", .method = "GET",
		.path = pool_printf(req->pool, "/internal/carts/%" PRIu64, req->who.user_id),
		.request_id = req->id, .trace = req->trace,
		.timeout_ms = req_left_ms(req, CART_MS),
	};

	if (call.timeout_ms == 0 || peer_send(req->worker->peer, &call) < 0 ||
	    (call.status != 200 && call.status != 404))
		return resp_error(req, ERR_SERVICE_UNAVAILABLE);
	items->count = 0;
	*version = 0;
	return call.status == 404 ? 0 : take_cart(req, &call, items, version);
}
