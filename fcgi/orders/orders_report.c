/* orders_report.c - what the last hallectl audit found, for /metrics. */
#include "compat.h"

#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "orders.h"
#include "orders_report.h"

struct report {
	uint64_t wrong, checked;
};

static const struct field fields[] = {
	FIELD_U64(struct report, wrong, 0, INT64_MAX, .required = true),
	FIELD_U64(struct report, checked, 0, INT64_MAX, .required = true),
	{ 0 }
};

int orders_audit_report(struct req *req)
{
	struct report in;

	if (strcmp(req->who.username, "hallectl") != 0)
		return resp_error(req, ERR_FORBIDDEN);
	if (req_body(req, fields, &in, sizeof(in), NULL) < 0)
		return -1;
	metrics_set(M_AUDIT_WRONG, in.wrong);
	metrics_set(M_AUDIT_PASSED, (uint64_t)clock_wall_us() / 1000000);
	if (in.wrong)
		log_error("audit.wrong", LOG_INT("wrong", in.wrong),
			  LOG_INT("checked", in.checked));
	jw_obj(resp_data(req, 200));
	jw_end_obj(&req->jw);
	return resp_done(req);
}
