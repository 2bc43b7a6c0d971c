/* cookie.c - the cookie of browser sessions. */
#include "compat.h"

#include "cookie.h"
#include "resp.h"

/* The prefix makes browsers insist on Secure, Path=/ and no Domain. */
#define NAME "__Host-halle_refresh"
#define ATTRIBUTES "Secure; HttpOnly; SameSite=Strict"

/* cookie-octet of RFC 6265 4.1.1 */
static bool is_value(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] <= ' ' || s[i] > '~' || strchr("\",;\\", s[i]))
			return false;
	}
	return len > 0;
}

enum cookie_found cookie_read(const char *header, struct pool *pool, const char **token_r)
{
	const size_t name_len = sizeof(NAME "=") - 1;
	enum cookie_found found = COOKIE_NONE;

	for (const char *p = header; p && *p;) {
		size_t len = strcspn(p, ";");

		if (len >= name_len && memcmp(p, NAME "=", name_len) == 0) {
			if (found != COOKIE_NONE || !is_value(p + name_len, len - name_len))
				return COOKIE_BAD;
			*token_r = pool_dup(pool, p + name_len, len - name_len);
			found = COOKIE_ONE;
		}
		p += len;
		if (*p == ';')
			p++;
		if (*p == ' ')
			p++;
	}
	return found;
}

bool cookie_allowed(const struct req *req, const char *origin)
{
	if (req->origin[0])
		return strcmp(req->origin, origin) == 0;
	return req->fetch_site && strcmp(req->fetch_site, "same-origin") == 0;
}

void cookie_set(struct req *req, const char *token, int64_t max_age_s)
{
	resp_header(req, "Set-Cookie", NAME "=%s; Path=/; Max-Age=%" PRId64 "; " ATTRIBUTES, token,
		    max_age_s);
}

void cookie_clear(struct req *req)
{
	resp_header(req, "Set-Cookie", NAME "=; Path=/; Max-Age=0; " ATTRIBUTES);
}
