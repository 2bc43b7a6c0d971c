/* facts.c - product facts, remembered for a short time. */
#include "compat.h"

#include <pthread.h>

#include "clock.h"
#include "facts.h"
#include "log.h"
#include "money.h"
#include "svc.h"

#define SLOTS   4096 /* a product's slot is its id modulo this; a newcomer takes it over */
#define CALL_MS 1000

struct slot {
	struct fact fact;
	char *name, *image; /* owned; fact points to them */
	int64_t asked_us; /* 0: empty */
};

struct facts {
	pthread_mutex_t lock;
	int64_t fresh_us;
	struct slot slot[SLOTS];
};

struct facts *facts_new(int64_t fresh_us)
{
	struct facts *f = xcalloc(1, sizeof(*f));

	pthread_mutex_init(&f->lock, NULL);
	f->fresh_us = fresh_us;
	return f;
}

static void slot_clear(struct slot *s)
{
	free(s->name);
	free(s->image);
	*s = (struct slot){ .asked_us = 0 };
}

void facts_free(struct facts **facts)
{
	if (!*facts)
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		slot_clear(&(*facts)->slot[i]);
	pthread_mutex_destroy(&(*facts)->lock);
	free(*facts);
	*facts = NULL;
}

static void remember(struct facts *f, const struct fact *fact, int64_t now)
{
	struct slot *s = &f->slot[fact->id % SLOTS];

	pthread_mutex_lock(&f->lock);
	slot_clear(s);
	s->fact = *fact;
	s->name = fact->name ? xstrdup(fact->name) : NULL;
	s->image = fact->image ? xstrdup(fact->image) : NULL;
	s->fact.name = s->name;
	s->fact.image = s->image;
	s->asked_us = now;
	pthread_mutex_unlock(&f->lock);
}

static bool recall(struct facts *f, uint64_t id, int64_t since_us, struct pool *pool,
		   struct fact *out)
{
	const struct slot *s = &f->slot[id % SLOTS];
	bool known;

	pthread_mutex_lock(&f->lock);
	known = s->asked_us && s->fact.id == id && s->asked_us >= since_us;
	if (known) {
		*out = s->fact;
		out->name = out->name ? pool_strdup(pool, out->name) : NULL;
		out->image = out->image ? pool_strdup(pool, out->image) : NULL;
	}
	pthread_mutex_unlock(&f->lock);
	return known;
}

/* ---- asking products */

struct answer {
	uint64_t id;
	const char *name, *image;
	int64_t price_cents;
	uint64_t stock;
	bool available;
};

static const struct field answer_fields[] = {
	FIELD_U64(struct answer, id, 1, INT64_MAX, .required = true),
	FIELD_STR(struct answer, name, 0, 1000, .required = true),
	FIELD_I64(struct answer, price_cents, 0, MONEY_MAX, .required = true),
	FIELD_U64(struct answer, stock, 0, INT64_MAX, .required = true),
	FIELD_STR(struct answer, image, 0, 2000, .nullable = true),
	FIELD_BOOL(struct answer, available, .required = true),
	{ 0 }
};

struct question {
	unsigned count;
	unsigned at[FACTS_MAX]; /* places in out */
	struct fact *out;
};

static int take_answer(void *dst, void *arg)
{
	const struct answer *a = dst;
	struct question *q = arg;

	for (unsigned i = 0; i < q->count; i++) {
		struct fact *fact = &q->out[q->at[i]];

		if (fact->id == a->id)
			*fact = (struct fact){ .id = a->id, .name = a->name, .image = a->image,
					       .cents = a->price_cents, .stock = a->stock,
					       .available = a->available };
	}
	return 0;
}

static void write_question(const struct question *q, struct sbuf *body)
{
	struct jw w;

	jw_init(&w, body);
	jw_obj(&w);
	jw_key(&w, "ids");
	jw_arr(&w);
	for (unsigned i = 0; i < q->count; i++)
		jw_u64(&w, q->out[q->at[i]].id);
	jw_end_arr(&w);
	jw_end_obj(&w);
}

static int ask(struct req *req, struct question *q)
{
	struct peer_call call = {
		.service = "products", .method = "POST", .path = "/internal/products/facts",
		.request_id = req->id, .trace = req->trace, .timeout_ms = req_left_ms(req, CALL_MS),
	};
	struct answer scratch;
	struct sbuf body;
	int rc;

	if (call.timeout_ms == 0)
		return -1;
	sbuf_init(&body, 4096);
	write_question(q, &body);
	call.body = sbuf_str(&body);
	call.body_len = body.len;
	rc = peer_send(req->worker->peer, &call);
	sbuf_free(&body);
	if (rc < 0)
		return -1;
	if (call.status != 200 ||
	    body_each(sbuf_str(&call.reply), call.reply.len, "data", answer_fields, &scratch,
		      sizeof(scratch), take_answer, q, req->pool) < 0) {
		log_warn("facts.answer", LOG_INT("status", call.status));
		return -1;
	}
	return 0;
}

/* Those that products does not know are remembered too: as not available. */
static int ask_and_remember(struct facts *f, struct req *req, struct question *q)
{
	int64_t now = clock_mono_us();

	if (ask(req, q) < 0)
		return -1;
	for (unsigned i = 0; i < q->count; i++) {
		q->out[q->at[i]].known = true;
		remember(f, &q->out[q->at[i]], now);
	}
	return 0;
}

int facts_get(struct facts *f, struct req *req, enum facts_source source, const uint64_t *ids,
	      unsigned count, struct fact *out)
{
	int64_t now = clock_mono_us(), stale = now - FACTS_STALE_US;
	int64_t since = source == FACTS_MEMORY ? stale : now - f->fresh_us;
	struct question q = { .out = out };
	int rc = 0;

	BUG_ON(count > FACTS_MAX);
	for (unsigned i = 0; i < count; i++) {
		if (recall(f, ids[i], since, req->pool, &out[i]))
			continue;
		out[i] = (struct fact){ .id = ids[i] };
		q.at[q.count++] = i;
	}
	if (q.count == 0 || (source != FACTS_MEMORY && ask_and_remember(f, req, &q) == 0))
		return 0;
	for (unsigned i = 0; i < q.count; i++) {
		struct fact *fact = &out[q.at[i]];

		if (source != FACTS_STALE || !recall(f, fact->id, stale, req->pool, fact))
			rc = -1;
	}
	return rc;
}
