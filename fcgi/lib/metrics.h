/*
 * metrics.h - counters and gauges in a small file that all processes of a service map (MAP_SHARED), so
 * one answer covers all workers and a restart keeps the counts. C11 atomics only, so kill -9
 * cannot wedge anything. Thread- and process-safe. Before metrics_open (and when the file
 * cannot be had) the counters live in private memory and everything still works.
 */
#ifndef HALLE_METRICS_H
#define HALLE_METRICS_H

#include "sbuf.h"

enum metric {
#define METRIC(symbol, name, labels, help) M_##symbol,
#include "metrics.def"
#undef METRIC
	METRIC_COUNT
};

/* Maps <dir>/<service>.metrics, made when missing or of another layout. -1 with a log line. */
int metrics_open(const char *dir, const char *service);
void metrics_add(enum metric m, uint64_t n);
/* For gauges; whichever process says it last. */
void metrics_set(enum metric m, uint64_t value);
uint64_t metrics_get(enum metric m);
/* Duration of one answered request, for the histogram halle_request_seconds. */
void metrics_observe_us(int64_t us);
/* All services' files in dir as Prometheus text (exposition format 0.0.4), label service. */
void metrics_render(const char *dir, struct sbuf *out);

#endif
