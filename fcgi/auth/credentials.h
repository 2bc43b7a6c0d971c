/*
 * credentials.h - the forms of user names and e-mail addresses, and which passwords
 * anybody would guess. User names have no '@', so a login name is one or the other.
 */
#ifndef HALLE_CREDENTIALS_H
#define HALLE_CREDENTIALS_H

#include "compat.h"

#define USERNAME_MIN 3
#define USERNAME_MAX 64
#define EMAIL_MIN    6
#define EMAIL_MAX    254
#define PASSWORD_MIN 8
#define PASSWORD_MAX 128 /* code points */

/* [A-Za-z0-9._-] of the length above */
bool username_is(const char *s);
/* local@domain.tld in ASCII: RFC 5321 without quoted parts and address literals */
bool email_is(const char *s);
/* One of the passwords that everybody tries first, or the user name itself; case ignored.
 */
bool password_is_common(const char *password, const char *username);

#endif
