/*
 * refresh.h - refresh tokens: 256 random bits in base64url. Only their SHA-256 is stored, so
 * a copy of the database logs nobody in; a spent token's successor is kept sealed with a key
 * that only the spent token gives. Thread-safe.
 */
#ifndef HALLE_REFRESH_H
#define HALLE_REFRESH_H

#include "sbuf.h"

#define REFRESH_HASH   32
#define REFRESH_TEXT   44		      /* a token with its NUL */
#define REFRESH_SEALED (12 + REFRESH_TEXT - 1 + 16) /* nonce, ciphertext, tag */

void refresh_hash(const char *token, size_t len, unsigned char hash[REFRESH_HASH]);
/* A new token; hash is what to store. */
void refresh_make(char token[REFRESH_TEXT], unsigned char hash[REFRESH_HASH]);

/* Seals successor so that only who shows token can read it. */
void refresh_seal(const char *token, const char successor[REFRESH_TEXT],
		  unsigned char sealed[REFRESH_SEALED]);
/* -1: not sealed under this token, or changed since. */
NODISCARD int refresh_unseal(const char *token, const unsigned char sealed[REFRESH_SEALED],
			     char successor[REFRESH_TEXT]);

#endif
