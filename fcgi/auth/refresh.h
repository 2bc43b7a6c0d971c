/*
 * refresh.h - refresh tokens: 256 random bits in base64url. Only their SHA-256 is stored,
 * so a copy of the database logs nobody in. Thread-safe.
 */
#ifndef HALLE_REFRESH_H
#define HALLE_REFRESH_H

#include "sbuf.h"

#define REFRESH_HASH 32

void refresh_hash(const char *token, size_t len, unsigned char hash[REFRESH_HASH]);
/* A new token is appended to text; hash is what to store. */
void refresh_make(struct sbuf *text, unsigned char hash[REFRESH_HASH]);

#endif
