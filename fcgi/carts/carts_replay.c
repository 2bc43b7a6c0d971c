/* carts_replay.c - operations of users, done by hallectl: those of the journal, and rollback. */
#include "compat.h"

#include "carts_cart.h"
#include "carts_internal.h"
#include "rnd.h"

/* ---- the journal's operations */

#define FINGERPRINT_HEX ((int64_t)OP_FINGERPRINT * 2)

struct replay {
	const char *op_id, *crud, *route, *fingerprint;
	uint64_t user_id, fence, base_version, product_id, quantity, version, age_s;
	bool record, apply;
};

static const struct field replay_fields[] = {
	FIELD_STR(struct replay, op_id, 36, 36, .required = true),
	FIELD_STR(struct replay, crud, 1, 32, .required = true, .check = text_is_line),
	FIELD_STR(struct replay, route, 1, 64, .required = true, .check = text_is_line),
	FIELD_STR(struct replay, fingerprint, FINGERPRINT_HEX, FINGERPRINT_HEX),
	FIELD_U64(struct replay, user_id, 1, INT64_MAX, .required = true),
	FIELD_U64(struct replay, fence, 0, INT64_MAX, .required = true),
	FIELD_U64(struct replay, base_version, 0, INT64_MAX, .required = true),
	FIELD_U64(struct replay, product_id, 0, INT64_MAX),
	FIELD_U64(struct replay, quantity, 0, DOC_QUANTITY_MAX),
	FIELD_U64(struct replay, version, 0, INT64_MAX),
	FIELD_U64(struct replay, age_s, 0, INT64_MAX, .required = true),
	FIELD_BOOL(struct replay, record),
	FIELD_BOOL(struct replay, apply),
	{ 0 }
};

struct names {
	unsigned char op_id[OP_ID], fingerprint[OP_FINGERPRINT];
};

static int read_names(struct req *req, const struct replay *in, struct names *n)
{
	struct faults faults = { .count = 0 };

	if (uuid_parse(in->op_id, strlen(in->op_id), n->op_id) < 0)
		fault_add(&faults, "#/op_id", "format", 0, FIELD_TYPE_STR);
	if (in->fingerprint && hex_decode(in->fingerprint, strlen(in->fingerprint),
					  n->fingerprint, OP_FINGERPRINT) < 0)
		fault_add(&faults, "#/fingerprint", "format", 0, FIELD_TYPE_STR);
	return faults.count ? resp_faults(req, &faults) : 0;
}

/* "PATCH EDIT": what a user's request did. */
static int (*action_of(const char *crud))(struct req *req, struct change c)
{
	static const struct {
		const char *name;
		int (*act)(struct req *req, struct change c);
	} actions[] = {
		{ "ADD", cart_add },       { "EDIT", cart_edit },     { "REMOVE", cart_remove },
		{ "EMPTY", cart_empty },   { "CREATE", cart_create }, { "DELETE", cart_delete },
		{ "ROLLBACK", cart_rollback },
	};
	const char *space = strchr(crud, ' ');

	for (size_t i = 0; space && i < COUNT(actions); i++)
		if (strcmp(actions[i].name, space + 1) == 0)
			return actions[i].act;
	return NULL;
}

static int answer(struct req *req, const char *result, uint64_t version, const char *code)
{
	struct jw *w;

	req->etag = NULL;
	w = resp_data(req, 200);
	jw_obj(w);
	jw_kstr(w, "result", result);
	if (version)
		jw_ku64(w, "version", version);
	if (code)
		jw_kstr(w, "code", code);
	jw_end_obj(w);
	return resp_done(req);
}

/* Of so old ones the operation may be purged: that it is not there says nothing. */
static bool is_forgotten(const struct req *req, const struct replay *in)
{
	const uint64_t day_s = 86400;
	int64_t days = cfg_int(req->worker->svc->cfg, CFG_CART_HISTORY_DAYS);

	return in->age_s >= (uint64_t)days * day_s;
}

/* The row lock waits until a transaction whose end is not known is over. */
static enum db_status look_up(struct req *req, uint64_t user, const unsigned char *id,
			      struct cart_op *op)
{
	struct cart_row row;
	enum db_status st = db_begin(req->db);

	if (st != DB_OK)
		return st;
	st = carts_db_hold(req->db, user, &row);
	if (st == DB_OK || st == DB_NONE)
		st = carts_db_op(req->db, id, op);
	db_rollback(req->db);
	return st;
}

static void record(struct req *req, const struct replay *in, const struct names *n, bool done)
{
	journal_write(carts_of(req->worker)->journal, &(struct journal_entry){
		.request_id = req->id, .op_id = n->op_id,
		.fingerprint = in->fingerprint ? n->fingerprint : NULL, .crud = in->crud,
		.route = in->route, .user_id = in->user_id, .product_id = in->product_id,
		.quantity = in->quantity, .version = in->version,
		.base_version = in->base_version, .fence = in->fence,
		.stage = done ? STAGE_S_PROMOTE : STAGE_P_COMMIT,
		.outcome = done ? OUTCOME_REPAIRED : OUTCOME_ROLLED_BACK,
		.err_code = "VERDICT", .err_msg = "" });
}

/* In the user's place, as long as the cart is what it was when the operation failed. */
static int apply(struct req *req, const struct replay *in, const struct names *n)
{
	int (*act)(struct req *req, struct change c) = action_of(in->crud);
	const struct change_again again = {
		.op_id = n->op_id, .fingerprint = in->fingerprint ? n->fingerprint : NULL,
		.route = in->route, .crud = in->crud };
	const struct change c = {
		.path = in->route, .location = "/cart", .pointer = "#/quantity",
		.user = in->user_id, .product = in->product_id, .quantity = in->quantity,
		.version = in->version, .again = &again };

	if (!act)
		return answer(req, "own", 0, NULL);
	if (in->fence == 0)
		return answer(req, "baseless", 0, NULL);
	req->who.user_id = in->user_id;
	req->if_match = pool_printf(req->pool, "\"%" PRIu64 "\"", in->base_version);
	if (act(req, c) == 0)
		return answer(req, "applied", in->base_version + 1, NULL);
	if (req->error == ERR_PRECONDITION_FAILED)
		return answer(req, "moved", 0, NULL);
	return req->status >= 500 ? -1 : answer(req, "refused", 0, err_code(req->error));
}

int carts_replay(struct req *req)
{
	struct replay in;
	struct names n;
	struct cart_op op;
	enum db_status st;

	if (carts_operator(req) < 0 || req_body(req, replay_fields, &in, sizeof(in), NULL) < 0 ||
	    read_names(req, &in, &n) < 0)
		return -1;
	st = look_up(req, in.user_id, n.op_id, &op);
	if (st != DB_OK && st != DB_NONE)
		return resp_db(req, st);
	if (st == DB_OK && op.user != in.user_id)
		return answer(req, "refused", 0, "OP_ID");
	if (st == DB_NONE && is_forgotten(req, &in))
		return answer(req, "forgotten", 0, NULL);
	if (in.record)
		record(req, &in, &n, st == DB_OK);
	if (st == DB_OK)
		return answer(req, "done", op.version, NULL);
	return in.apply ? apply(req, &in, &n) : answer(req, "not_done", 0, NULL);
}

/* ---- back to a past state */

struct back {
	uint64_t user_id, version;
};

static const struct field back_fields[] = {
	FIELD_U64(struct back, user_id, 1, INT64_MAX, .required = true),
	FIELD_U64(struct back, version, 1, INT64_MAX, .required = true),
	{ 0 }
};

int carts_operator_rollback(struct req *req)
{
	struct change c = { .path = "/internal/carts/rollback", .location = "/cart",
			    .pointer = "#/version" };
	struct back in;

	if (carts_operator(req) < 0 || req_body(req, back_fields, &in, sizeof(in), NULL) < 0)
		return -1;
	c.user = in.user_id;
	c.version = in.version;
	req->who.user_id = in.user_id;
	return cart_rollback(req, c);
}
