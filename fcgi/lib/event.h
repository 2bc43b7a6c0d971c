/*
 * event.h - an event as its receiver reads it: POST /internal/<service>/events with
 * {"event_id":"<uuid>","type":"user.created","data":{…}}, as outbox.h sends it.
 */
#ifndef HALLE_EVENT_H
#define HALLE_EVENT_H

#include "req.h"

#define EVENT_ID 16

struct event {
	unsigned char id[EVENT_ID];
	const char *type; /* "user.created" */
	const char *data; /* JSON text of an object */
};

/* Takes an event from the service sender and nobody else. All: 0, or -1 when an error was
 * answered. */
NODISCARD int event_read(struct req *req, const char *sender, struct event *event_r);
/* Its data by a table; members that the table does not name are a newer sender's. */
NODISCARD int event_data(struct req *req, const struct event *event, const struct field *table,
			 void *dst, size_t size);
/* Answers that this receiver does not know the type. Always -1. */
int event_unknown(struct req *req);

#endif
