/*
 * orders_report.h - POST /internal/orders/audit-report {wrong, checked}, from hallectl alone: how
 * many rows an audit has looked at and how many findings it had. Sets halle_audit_wrong and
 * halle_audit_timestamp_seconds; findings are an error in the log.
 */
#ifndef HALLE_ORDERS_REPORT_H
#define HALLE_ORDERS_REPORT_H

#include "svc.h"

int orders_audit_report(struct req *req);

#endif
