/*
 * resp.h - answers. Success: {"success":true,"data":…}; failure: problem+json (RFC 9457) from
 * the error registry. Answers are built in memory and sent by svc after the handler returned;
 * answering again replaces what was built before.
 *
 *	struct jw *w = resp_data(req, 200);
 *	jw_obj(w); jw_ku64(w, "id", id); jw_end_obj(w);     one value for "data"
 *	jw_ku64(w, "count", n);                            further members of the envelope
 *	return resp_done(req);
 */
#ifndef HALLE_RESP_H
#define HALLE_RESP_H

#include "req.h"

struct jw *resp_data(struct req *req, int status);
int resp_done(struct req *req); /* always 0 */
/* {"success":true,"message":…} without data */
int resp_message(struct req *req, int status, const char *en, const char *fr);
/* Bytes as they are; type is the Content-Type. */
int resp_bytes(struct req *req, int status, const char *type, const void *bytes, size_t len);
int resp_empty(struct req *req, int status); /* 204, 304 */

/* All return -1. detail is for people, formatted, in the request's language. */
int resp_error(struct req *req, enum err e);
PRINTF(3, 4) int resp_error_detail(struct req *req, enum err e, const char *fmt, ...);
int resp_faults(struct req *req, const struct faults *faults);
/* The member "errors" alone, into an object of the answer that is being written. */
void resp_write_faults(struct req *req, struct jw *w, const struct faults *faults);
/* An error with further members: write them to the writer, then return resp_problem_done. */
struct jw *resp_problem(struct req *req, enum err e);
int resp_problem_done(struct req *req);

/* The usual answer for a status that the handler does not treat itself: DB_UNCERTAIN 504,
 * DB_RETRY and DB_DOWN 503, others 500. For DB_OK and DB_NONE: BUG. */
int resp_db(struct req *req, enum db_status st);

/* A header; name and value are ours or checked; CR and LF in the value are dropped. Call
 * after the resp_* that began the answer. */
PRINTF(3, 4) void resp_header(struct req *req, const char *name, const char *fmt, ...);
/* Says so of an answer that was given before; it leaves when what it tells is on disk. */
void resp_replayed(struct req *req);
/* Strong validator without quotes: "42" or "3-9f1c…". Call before resp_fresh. */
void resp_etag(struct req *req, const char *tag);
void resp_etag_version(struct req *req, uint64_t version);
/* RFC 9110 13.1.2: true when If-None-Match holds the ETag; then 304 is answered. */
bool resp_not_modified(struct req *req);
/* RFC 9110 13.1.1: true when there is no If-Match or it holds the ETag. */
bool resp_if_match(const struct req *req);
/* "Link" with next and first pages; next NULL when there is none. */
void resp_links(struct req *req, const char *first, const char *next);

/* "fr" text when the request wants French */
const char *resp_lang(const struct req *req, const char *en, const char *fr);

#endif
