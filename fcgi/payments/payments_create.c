/*
 * payments_create.c - POST /payments.
 *
 *	1 the attempt is written    payment_add      nobody else knows of it
 *	2 orders begins it          payment_begin    the order waits for its outcome
 *	3 the amount is written     payment_amount
 *	4 the bank is asked         payment_charge   money may have moved
 *	5 the outcome is written    payment_settle   with the event to orders
 *
 * A crash behind any of them leaves a row that the completer ends. The card's number and CVC
 * stand in the body, in struct card and in the body of step 4; all three are wiped.
 */
#include "compat.h"

#include <openssl/sha.h>

#include "clock.h"
#include "crash.h"
#include "log.h"
#include "payments_settle.h"
#include "rnd.h"

#define YEAR_MIN      2000
#define YEAR_MAX      2099
#define BEGIN_MS      2000
#define BEGIN_TRIES   3
#define PAUSE_NS      50000000L
#define UNKNOWN_MS    500

struct attempt {
	struct req *req;
	struct payment payment;
	struct card card;
};

/* -- the body: field.h knows no objects in objects, so the card is read by its own table -- */

struct payment_in {
	uint64_t order_id;
};

static const struct field fields[] = {
	FIELD_U64(struct payment_in, order_id, 1, INT64_MAX, .required = true),
	{ 0 }
};

static const struct field card_fields[] = {
	FIELD_STR(struct card, number, 1, 64, .required = true, .check = card_is_number),
	FIELD_U64(struct card, exp_month, 1, 12, .required = true),
	FIELD_U64(struct card, exp_year, YEAR_MIN, YEAR_MAX, .required = true),
	FIELD_STR(struct card, cvc, 1, 64, .required = true, .check = card_is_cvc),
	{ 0 }
};

/* A member's name that holds digits is not repeated: it may be a card's number. */
static const char *safe_place(const struct fault *f)
{
	if (strcmp(f->code, "unknown") == 0 && strpbrk(f->where, "0123456789"))
		return "#";
	return f->where;
}

static void add_faults(struct req *req, struct faults *to, const struct faults *from,
		       const char *below)
{
	for (unsigned i = 0; i < from->count; i++) {
		const struct fault *f = &from->list[i];

		if (!*below && strcmp(f->where, "#/card") == 0)
			continue;
		fault_add(to, pool_printf(req->pool, "#%s%s", below, safe_place(f) + 1), f->code,
			  f->bound, f->type);
	}
}

static void check_age(const struct card *card, struct faults *faults)
{
	int64_t least;

	switch (card_age(card, clock_wall_us(), &least)) {
	case CARD_PAST_YEAR:
		fault_add(faults, "#/card/exp_year", "min", least, FIELD_TYPE_U64);
		break;
	case CARD_PAST_MONTH:
		fault_add(faults, "#/card/exp_month", "min", least, FIELD_TYPE_U64);
		break;
	case CARD_GOOD:
		break;
	}
}

static void read_card(struct req *req, struct card *card, struct faults *faults)
{
	const char *text = body_member(req->body, req->body_len, "card", req->pool);
	struct body_report report;
	uint64_t present;

	if (!text) {
		fault_add(faults, "#/card", "required", 0, FIELD_TYPE_STR);
		return;
	}
	switch (body_parse(text, strlen(text), card_fields, card, sizeof(*card), &present,
			   req->pool, &report)) {
	case BODY_OK:
		check_age(card, faults);
		break;
	case BODY_FAULTY:
		add_faults(req, faults, &report.faults, "/card");
		break;
	case BODY_MALFORMED:
		fault_add(faults, "#/card", "format", 0, FIELD_TYPE_STR);
		break;
	}
	xwipe(text, strlen(text));
}

static int read_body(struct attempt *a)
{
	struct req *req = a->req;
	struct faults faults = { .count = 0 };
	struct body_report report;
	struct payment_in in;
	uint64_t present;

	if (body_parse(req->body, req->body_len, fields, &in, sizeof(in), &present, req->pool,
		       &report) == BODY_MALFORMED)
		return resp_error_detail(req, ERR_MALFORMED_JSON, "%s (byte %zu)",
					 report.reason, report.offset);
	add_faults(req, &faults, &report.faults, "");
	read_card(req, &a->card, &faults);
	xwipe(req->body, req->body_len);
	if (faults.count)
		return resp_faults(req, &faults);
	a->payment.order_id = in.order_id;
	return 0;
}

static void describe(struct attempt *a)
{
	struct payment *p = &a->payment;
	struct sbuf text;

	p->user_id = a->req->who.user_id;
	p->card_brand = card_brand(a->card.number);
	p->card_last4 = pool_strdup(a->req->pool, card_last4(a->card.number));
	payments_id(a->req, "payment", p->id);
	sbuf_init(&text, 256);
	sbuf_printf(&text, "%" PRIu64 " %s %s %" PRIu64 "/%" PRIu64, p->order_id, p->card_brand,
		    p->card_last4, a->card.exp_month, a->card.exp_year);
	SHA256((const unsigned char *)sbuf_str(&text), text.len, p->fingerprint);
	sbuf_free(&text);
}

/* -- answering from the row -- */

static int answer_row(struct attempt *a, bool replay)
{
	struct payment p;
	enum db_status st = payments_db_find(a->req->db, a->payment.id, &p);

	if (st != DB_OK)
		return resp_db(a->req, st == DB_NONE ? DB_FAIL : st);
	if (memcmp(p.fingerprint, a->payment.fingerprint, PAYMENT_HASH) != 0)
		return resp_error(a->req, ERR_IDEMPOTENCY_KEY_REUSED);
	return payment_answer(a->req, &p, replay);
}

/* Money may have moved: "nothing was changed" would be a lie. */
static int answer_after_charge(struct attempt *a, enum db_status st)
{
	if (st != DB_OK)
		return resp_error(a->req, ERR_OUTCOME_UNKNOWN);
	svc_deliver(a->req);
	return answer_row(a, false);
}

/* 1 when the key was used before: that attempt is answered. */
static int look_for_key(struct attempt *a)
{
	struct payment p;
	enum db_status st;

	if (!a->req->idempotency_key)
		return 0;
	st = payments_db_find(a->req->db, a->payment.id, &p);
	if (st == DB_NONE)
		return 0;
	if (st != DB_OK)
		resp_db(a->req, st);
	else
		answer_row(a, true);
	return 1;
}

/* -- 1: the attempt is written -- */

static int add(struct attempt *a)
{
	enum db_status st;

	if (CRASH_POINT("payment_add"))
		return resp_db(a->req, DB_DOWN);
	st = payments_db_add(a->req->db, &a->payment, DUE_MS);
	if (st == DB_CONFLICT)
		return answer_row(a, true) < 0 ? -1 : 1;
	if (st != DB_OK)
		return resp_db(a->req, st);
	return CRASH_POINT("payment_added") ? resp_error(a->req, ERR_OUTCOME_UNKNOWN) : 0;
}

/* -- 2: orders begins it -- */

struct begun {
	uint64_t amount_cents;
	const char *currency, *code;
};

static const struct field begun_fields[] = {
	FIELD_U64(struct begun, amount_cents, 1, INT64_MAX, .required = true),
	FIELD_STR(struct begun, currency, 3, 3, .required = true),
	{ 0 }
};

static const struct field code_fields[] = {
	FIELD_STR(struct begun, code, 1, 32, .required = true),
	{ 0 }
};

static int read_member(struct req *req, const struct peer_call *call, const char *name,
		       const struct field *table, struct begun *out)
{
	const char *text = body_member(sbuf_str(&call->reply), call->reply.len, name, req->pool);
	struct body_report report;

	return text && body_parse_known(text, strlen(text), table, out, sizeof(*out), req->pool,
					&report) == BODY_OK ? 0 : -1;
}

/* Asked again, orders gives the same answer. */
static void ask_orders(struct attempt *a, struct peer_call *call)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct req *req = a->req;
	int spare = (int)cfg_int(req->worker->svc->cfg, CFG_BANK_MS) + UNKNOWN_MS;
	char uuid[UUID_TEXT];
	const char *body = pool_printf(req->pool,
				       "{\"payment_id\":\"%s\",\"user_id\":%" PRIu64 "}",
				       uuid_text(a->payment.id, uuid), a->payment.user_id);

	*call = (struct peer_call){
		.service = "orders", .method = "POST", .body = body, .body_len = strlen(body),
		.path = pool_printf(req->pool, "/internal/orders/%" PRIu64 "/payment",
				    a->payment.order_id),
		.request_id = req->id, .trace = req->trace,
		.language = resp_lang(req, "en", "fr"),
	};
	for (int i = 0; i < BEGIN_TRIES; i++) {
		int left = req_left_ms(req, BEGIN_MS + spare) - spare;

		if (i > 0)
			nanosleep(&pause, NULL);
		call->timeout_ms = left > 1 ? left : 1;
		if (peer_send(req->worker->peer, call) == 0 && call->status < 500)
			return;
	}
}

/* What orders refuses it has not begun; what it did not answer it may have, and is told. */
static int fail(struct attempt *a, const char *reason, const char *lines, bool silent)
{
	struct settlement s = { .id = a->payment.id, .state = PAYMENT_FAILED, .reason = reason,
				.refusal_lines = lines };
	enum db_status st = payments_settle(a->req, &s, silent);

	if (st != DB_OK)
		return resp_db(a->req, st);
	svc_deliver(a->req);
	return answer_row(a, false);
}

static int refused(struct attempt *a, const struct peer_call *call)
{
	const char *lines;
	struct begun in;

	if (call->status < 400 || call->status >= 500 ||
	    read_member(a->req, call, "error", code_fields, &in) < 0) {
		log_error("orders.answer", LOG_INT("status", call->status));
		return fail(a, err_code(ERR_SERVICE_UNAVAILABLE), NULL, false);
	}
	lines = body_member(sbuf_str(&call->reply), call->reply.len, "lines", a->req->pool);
	return fail(a, in.code, lines, true);
}

static int begin(struct attempt *a)
{
	struct peer_call call;
	struct begun in;

	ask_orders(a, &call);
	if (CRASH_POINT("payment_begun"))
		return fail(a, err_code(ERR_SERVICE_UNAVAILABLE), NULL, false);
	if (call.status != 200 ||
	    read_member(a->req, &call, "data", begun_fields, &in) < 0)
		return refused(a, &call);
	a->payment.amount_cents = in.amount_cents;
	a->payment.currency = in.currency;
	return 0;
}

/* -- 3 to 5: the bank -- */

/* The completer looks only when the call must have ended. */
static int write_amount(struct attempt *a)
{
	const struct payment *p = &a->payment;
	int64_t bank_ms = cfg_int(a->req->worker->svc->cfg, CFG_BANK_MS);
	enum db_status st = payments_db_begin(a->req->db, p->id, p->amount_cents, p->currency,
					      DUE_MS + bank_ms);

	if (st == DB_NONE) { /* this took so long that the completer has ended it */
		answer_row(a, false);
		return -1;
	}
	if (st != DB_OK)
		return resp_error(a->req, ERR_OUTCOME_UNKNOWN);
	return CRASH_POINT("payment_amount") ? resp_error(a->req, ERR_OUTCOME_UNKNOWN) : 0;
}

static int charge(struct attempt *a)
{
	struct bank_answer answer;

	bank_call_charge(a->req, &a->payment, &a->card, &answer);
	card_wipe(&a->card);
	if (answer.outcome == BANK_CLOSED)
		return fail(a, err_code(ERR_PROVIDER_UNAVAILABLE), NULL, false);
	if (CRASH_POINT("payment_charged"))
		return resp_error(a->req, ERR_OUTCOME_UNKNOWN);
	if (answer.outcome == BANK_UNKNOWN)
		return answer_after_charge(a, payments_db_unknown(a->req->db, a->payment.id,
								  UNKNOWN_MS));
	return answer_after_charge(a, payments_settle_by(a->req, a->payment.id, &answer));
}

static int pay(struct attempt *a)
{
	int rc = add(a);

	if (rc != 0)
		return rc;
	if (begin(a) < 0)
		return -1;
	if (write_amount(a) < 0)
		return -1;
	return charge(a);
}

static int create(struct attempt *a)
{
	int rc;

	if (read_body(a) < 0)
		return -1;
	describe(a);
	if (look_for_key(a))
		return a->req->failed ? -1 : 0;
	if (payments_enter(a->req) < 0)
		return -1;
	rc = pay(a);
	payments_leave(a->req);
	return rc < 0 ? -1 : 0;
}

int payments_create(struct req *req)
{
	struct attempt a = { .req = req };
	int rc = create(&a);

	card_wipe(&a.card);
	xwipe(req->body, req->body_len);
	return rc;
}
