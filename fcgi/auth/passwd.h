/*
 * passwd.h - passwords: hashed with argon2id (RFC 9106), verified against argon2id and
 * against the two forms of Werkzeug's generate_password_hash that imported accounts
 * carry. The only user of libargon2. Comparisons take constant time. Thread-safe; every
 * hash and every verification burns a core for some 50 ms, so callers run them
 * on a hasher (hasher.h).
 */
#ifndef HALLE_PASSWD_H
#define HALLE_PASSWD_H

#include "compat.h"

#define PASSWD_TEXT 128 /* a hash of ours as text, with its NUL */

/* "$argon2id$v=19$m=19456,t=2,p=1$…" with a fresh salt. */
void passwd_hash(const char *password, size_t len, char phc[PASSWD_TEXT]);

/* Whether password is what stored was made of. A stored text of unknown form or with
 * parameters out of bounds matches nothing. */
bool passwd_verify(const char *stored, const char *password, size_t len);

/* Whether a login can verify against this text: its form and its parameters are those that
 * passwd_verify takes. Costs no hashing. */
bool passwd_verifiable(const char *stored);

/* Gives back the 19 MiB that a thread keeps from one hash of today's form to its next. */
void passwd_rest(void);

/* True when stored was not made with today's parameters: hash again at the next chance.
 */
bool passwd_outdated(const char *stored);

/* A hash with today's parameters that nobody's password matches: verifying against it
 * takes the time of a real verification. */
extern const char passwd_decoy_hash[];

/* The Werkzeug forms, for passwd_verify: "scrypt:N:r:p$salt$hex", N a power of two up to
 * 2^17, r 8, p up to 16; "pbkdf2:sha256:iterations$salt$hex", 1,000 to 2,000,000. The
 * salt is used as it is written. */
bool werkzeug_is(const char *stored);
bool werkzeug_verifiable(const char *stored);
bool werkzeug_verify(const char *stored, const char *password, size_t len);

#endif
