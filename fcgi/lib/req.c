/* req.c - reading a request's body and query by table. */
#include "compat.h"

#include "clock.h"
#include "resp.h"

int req_body(struct req *req, const struct field *table, void *dst, size_t size,
	     uint64_t *present_r)
{
	struct body_report report;
	uint64_t present;

	switch (body_parse(req->body, req->body_len, table, dst, size,
			   present_r ? present_r : &present, req->pool, &report)) {
	case BODY_OK:
		return 0;
	case BODY_MALFORMED:
		return resp_error_detail(req, ERR_MALFORMED_JSON, "%s (byte %zu)",
					 report.reason, report.offset);
	case BODY_FAULTY:
		return resp_faults(req, &report.faults);
	}
	BUG_ON(true);
}

int req_query(struct req *req, const struct field *table, void *dst, size_t size,
	      uint64_t *present_r)
{
	struct faults faults = { .count = 0 };
	uint64_t present;

	if (query_parse(req->query, table, dst, size, present_r ? present_r : &present,
			req->pool, &faults) < 0)
		return resp_faults(req, &faults);
	return 0;
}

int req_left_ms(const struct req *req, int cap)
{
	int64_t left = (req->deadline_us - clock_mono_us()) / 1000;

	if (left < 0)
		return 0;
	return left < cap ? (int)left : cap;
}
