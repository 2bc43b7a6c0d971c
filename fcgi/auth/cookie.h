/*
 * cookie.h - the refresh token of a browser session: a cookie that scripts cannot read and
 * other sites cannot send.
 */
#ifndef HALLE_COOKIE_H
#define HALLE_COOKIE_H

#include "req.h"

enum cookie_found { COOKIE_NONE, COOKIE_ONE, COOKIE_BAD };

/* Reads a Cookie header (RFC 6265 4.2.1; NULL: none was sent) for the refresh token, which is
 * copied to the pool. COOKIE_BAD: sent twice, empty, or of bytes that no cookie has. */
enum cookie_found cookie_read(const char *header, struct pool *pool, const char **token_r);

/* Whether the request comes from the pages of origin: its Origin says so, or it has none and
 * Sec-Fetch-Site says so. A cookie is believed only then. */
bool cookie_allowed(const struct req *req, const char *origin);

/* Headers of the answer that was begun. */
void cookie_set(struct req *req, const char *token, int64_t max_age_s);
void cookie_clear(struct req *req);

#endif
