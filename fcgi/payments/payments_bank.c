/* payments_bank.c - calls to the bank, through the circuit breaker. */
#include "compat.h"

#include "log.h"
#include "metrics.h"
#include "payments_bank.h"
#include "rnd.h"

#define BODY_MAX 1024
#define REFUNDS	 "/internal/bank/refunds"

struct reply {
	const char *status, *reference, *decline_code;
};

static const struct field data_fields[] = {
	FIELD_STR(struct reply, status, 1, 32, .required = true),
	FIELD_STR(struct reply, reference, 1, 32, .nullable = true),
	FIELD_STR(struct reply, decline_code, 1, 32, .nullable = true),
	{ 0 }
};

static const struct field decline_fields[] = {
	FIELD_STR(struct reply, decline_code, 1, 32, .required = true),
	{ 0 }
};

static bool is_word(const char *text)
{
	return !text || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(text);
}

static int read_reply(struct req *req, const struct peer_call *call, struct reply *out)
{
	const char *text = sbuf_str(&call->reply);
	const struct field *table = call->status == 402 ? decline_fields : data_fields;
	struct body_report report;

	if (call->status == 200)
		text = body_member(text, call->reply.len, "data", req->pool);
	if (!text || body_parse_known(text, strlen(text), table, out, sizeof(*out), req->pool,
				      &report) != BODY_OK)
		return -1;
	return is_word(out->reference) && is_word(out->decline_code) ? 0 : -1;
}

static enum bank_outcome outcome_of(const char *status)
{
	static const struct {
		const char *status;
		enum bank_outcome outcome;
	} table[] = {
		{ "approved", BANK_DONE },     { "refunded", BANK_DONE },
		{ "declined", BANK_DECLINED }, { "refused", BANK_DECLINED },
		{ "void", BANK_VOID },
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		if (strcmp(table[i].status, status) == 0)
			return table[i].outcome;
	}
	return BANK_UNKNOWN;
}

/* 402 is an answer of charges, 409 one of refunds; any other but 200 tells nothing. */
static void judge(struct req *req, const struct peer_call *call, struct bank_answer *answer)
{
	struct reply reply;

	answer->outcome = BANK_UNKNOWN;
	if (call->status == 409 && strcmp(call->path, REFUNDS) == 0) {
		answer->outcome = BANK_DECLINED;
		return;
	}
	if ((call->status != 200 && call->status != 402) || read_reply(req, call, &reply) < 0)
		return;
	answer->reference = reply.reference;
	answer->decline_code = reply.decline_code;
	answer->outcome = call->status == 402 ? BANK_DECLINED : outcome_of(reply.status);
}

static void ask(struct req *req, const char *path, const struct sbuf *body,
		struct bank_answer *answer)
{
	struct breaker *breaker = ((struct payments *)req->worker->svc->data)->breaker;
	int most = (int)cfg_int(req->worker->svc->cfg, CFG_BANK_MS);
	struct breaker_permit permit;
	struct peer_call call = {
		.service = "bank", .method = "POST", .path = path, .body = sbuf_str(body),
		.body_len = body->len, .request_id = req->id, .trace = req->trace,
		.timeout_ms = req_left_ms(req, most) + 1,
	};

	*answer = (struct bank_answer){ .outcome = BANK_CLOSED };
	if (!breaker_enter(breaker, &permit)) {
		metrics_add(M_BREAKER_REFUSED, 1);
		return;
	}
	if (peer_send(req->worker->peer, &call) < 0)
		call.status = 0;
	judge(req, &call, answer);
	breaker_leave(breaker, &permit, answer->outcome != BANK_UNKNOWN);
	if (answer->outcome != BANK_UNKNOWN)
		return;
	metrics_add(M_PAYMENT_UNKNOWN, 1);
	log_warn("bank.unknown", LOG_STR("path", path), LOG_INT("status", call.status));
}

static void key_member(struct jw *w, const char *name, const unsigned char id[PAYMENT_ID])
{
	char text[UUID_TEXT];

	jw_kstr(w, name, uuid_text(id, text));
}

static void card_member(struct jw *w, const struct card *card)
{
	jw_key(w, "card");
	jw_obj(w);
	jw_kstr(w, "number", card->number);
	jw_kstr(w, "brand", card_brand(card->number));
	jw_ku64(w, "exp_month", card->exp_month);
	jw_ku64(w, "exp_year", card->exp_year);
	jw_kstr(w, "cvc", card->cvc);
	jw_end_obj(w);
}

void bank_call_charge(struct req *req, const struct payment *p, const struct card *card,
		      struct bank_answer *answer)
{
	struct sbuf body;
	struct jw w;

	sbuf_init(&body, BODY_MAX);
	sbuf_reserve(&body, BODY_MAX - 1); /* moved, it would leave a copy behind */
	jw_init(&w, &body);
	jw_obj(&w);
	key_member(&w, "key", p->id);
	jw_ku64(&w, "amount_cents", p->amount_cents);
	jw_kstr(&w, "currency", p->currency);
	card_member(&w, card);
	jw_end_obj(&w);
	ask(req, "/internal/bank/charges", &body, answer);
	xwipe(body.data, body.cap);
	sbuf_free(&body);
}

void bank_call_refund(struct req *req, const struct refund *r, struct bank_answer *answer)
{
	struct sbuf body;
	struct jw w;

	sbuf_init(&body, BODY_MAX);
	jw_init(&w, &body);
	jw_obj(&w);
	key_member(&w, "key", r->id);
	key_member(&w, "charge_key", r->payment_id);
	jw_ku64(&w, "amount_cents", r->amount_cents);
	jw_end_obj(&w);
	ask(req, REFUNDS, &body, answer);
	sbuf_free(&body);
}

void bank_call_charge_resolve(struct req *req, const unsigned char key[PAYMENT_ID],
			      struct bank_answer *answer)
{
	struct sbuf body;
	struct jw w;

	sbuf_init(&body, BODY_MAX);
	jw_init(&w, &body);
	jw_obj(&w);
	key_member(&w, "key", key);
	jw_end_obj(&w);
	ask(req, "/internal/bank/charges/resolve", &body, answer);
	sbuf_free(&body);
}
