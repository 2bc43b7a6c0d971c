/* bank_behaviour.c - GET and PUT /bank/behaviour: how the bank treats calls, for tests and demonstrations. */
#include "compat.h"

#include "bank.h"
#include "bank_db.h"
#include "log.h"

#define LATENCY_MAX_MS 10000

static const struct field fields[] = {
	FIELD_U64(struct behaviour, failure_rate, 0, 100, .required = true),
	FIELD_U64(struct behaviour, latency_ms, 0, LATENCY_MAX_MS, .required = true),
	FIELD_BOOL(struct behaviour, down, .required = true),
	{ 0 }
};

static int answer(struct req *req, const struct behaviour *b)
{
	struct jw *w = resp_data(req, 200);

	jw_obj(w);
	jw_ku64(w, "failure_rate", b->failure_rate);
	jw_ku64(w, "latency_ms", b->latency_ms);
	jw_kbool(w, "down", b->down);
	jw_end_obj(w);
	return resp_done(req);
}

int bank_behaviour_show(struct req *req)
{
	struct behaviour b;
	enum db_status st = bank_db_behaviour(req->db, &b);

	if (st != DB_OK)
		return resp_db(req, st == DB_NONE ? DB_FAIL : st);
	return answer(req, &b);
}

int bank_behaviour_put(struct req *req)
{
	struct behaviour b;
	enum db_status st;

	if (req_body(req, fields, &b, sizeof(b), NULL) < 0)
		return -1;
	st = bank_db_behaviour_set(req->db, &b);
	if (st != DB_OK)
		return resp_db(req, st);
	log_info("bank.behaviour", LOG_INT("failure_rate", b.failure_rate),
		 LOG_INT("latency_ms", b.latency_ms), LOG_INT("down", b.down));
	return answer(req, &b);
}
