/* credentials.c - forms of names, guessable passwords. */
#include "compat.h"

#include "credentials.h"

#define DIGITS	"0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

bool username_is(const char *s)
{
	size_t len = strlen(s);

	return len >= USERNAME_MIN && len <= USERNAME_MAX &&
	       strspn(s, LETTERS DIGITS "._-") == len;
}

/* RFC 5321 4.1.2 Dot-string, at most 64 octets */
static bool local_part_is(const char *s, size_t len)
{
	if (len == 0 || len > 64 || s[0] == '.' || s[len - 1] == '.')
		return false;
	for (size_t i = 1; i < len; i++) {
		if (s[i] == '.' && s[i - 1] == '.')
			return false;
	}
	return strspn(s, LETTERS DIGITS ".!#$%&'*+/=?^_`{|}~-") == len;
}

/* Labels of RFC 1123 2.1, at least two. */
static bool domain_is(const char *s)
{
	for (unsigned labels = 1;; labels++) {
		size_t len = strspn(s, LETTERS DIGITS "-");

		if (len == 0 || len > 63 || s[0] == '-' || s[len - 1] == '-')
			return false;
		s += len;
		if (*s == '\0')
			return labels >= 2;
		if (*s++ != '.')
			return false;
	}
}

bool email_is(const char *s)
{
	const char *at = strchr(s, '@');

	return at && strlen(s) <= EMAIL_MAX && local_part_is(s, (size_t)(at - s)) &&
	       domain_is(at + 1);
}

bool password_is_common(const char *password, const char *username)
{
	static const char *const common[] = {
#define COMMON(text) text,
#include "common.def"
#undef COMMON
	};

	if (strcasecmp(password, username) == 0)
		return true;
	for (size_t i = 0; i < COUNT(common); i++) {
		if (strcasecmp(password, common[i]) == 0)
			return true;
	}
	return false;
}
