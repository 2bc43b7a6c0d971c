/*
 * query.h - percent-decoding and query strings (RFC 3986), read by a table of fields.
 */
#ifndef HALLE_QUERY_H
#define HALLE_QUERY_H

#include "field.h"
#include "sbuf.h"

/* "a=1&b=x+y": '+' is a space, both sides percent-decoded, decoded text must be valid UTF-8
 * without control characters. Unknown, repeated and malformed parameters are faults ("where"
 * is the parameter's name, cut after 128 bytes). Empty pieces ("a=1&&") are skipped; booleans
 * are true, false, 1 or 0. dst is zeroed first. 0 or -1 (faults->count > 0). */
NODISCARD int query_parse(const char *raw, const struct field *table, void *dst, size_t size,
			  uint64_t *present_r, struct pool *pool, struct faults *faults);

/* Percent-encodes everything but RFC 3986 unreserved characters. */
void query_encode(const char *s, size_t len, struct sbuf *out);

/* Base64url without padding (RFC 4648 5), for opaque cursors and tokens. */
void base64url_encode(const void *bytes, size_t len, struct sbuf *out);
/* Canonical form only; NULL when it is not. */
unsigned char *base64url_decode(const char *text, size_t len, size_t *len_r, struct pool *pool);
/* Base64 with padding (RFC 4648 4), as strict: no white space, no stray bits. */
unsigned char *base64_decode(const char *text, size_t len, size_t *len_r, struct pool *pool);

#endif
