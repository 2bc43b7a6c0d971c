/*
 * page.h - lists in pages: by opaque cursor (the place behind the last row of the page
 * before), or by number. Texts live in the request's pool.
 */
#ifndef HALLE_PAGE_H
#define HALLE_PAGE_H

#include "resp.h"

#define PAGE_LIMIT	20
#define PAGE_LIMIT_MAX	100
/* Rows before a numbered page: the server must read and drop them. */
#define PAGE_OFFSET_MAX 2000

/* Answers the fault of one parameter. Always -1. */
int page_refuse(struct req *req, const char *parameter, const char *code, int64_t bound,
		enum field_type type);

/* Rows before the page of this number (0: none was given), of limit rows each; -1 when it
 * was refused: too deep, or given beside a cursor. */
NODISCARD int page_offset(struct req *req, uint64_t page, const char *cursor,
			  uint64_t limit, uint64_t *offset_r);

/* A text as a cursor, and back; NULL when it is none: foreign or not UTF-8. */
const char *page_cursor(struct pool *pool, const char *text);
const char *page_cursor_text(struct pool *pool, const char *cursor);
/* A number up to the next colon; moves *p behind it. */
NODISCARD int page_cursor_number(const char **p, uint64_t *v_r);

/* Ends the answer after its array: members count and next_cursor, header Link with the
 * request's own filters. next NULL: this is the last page. Always 0. */
int page_done(struct req *req, uint64_t count, const char *next);

/* The body of an internal audit route, {after?, limit?}: rows behind this number, so many of
 * them. 0, or -1 when it was refused. */
#define PAGE_AUDIT	100
#define PAGE_AUDIT_MAX	500
struct audit_page {
	uint64_t after, limit;
};
NODISCARD int page_audit(struct req *req, struct audit_page *page_r);

#endif
