/* auth_jwks.c - the public keys of access tokens (RFC 7517), for whoever wants to verify one. */
#include "compat.h"

#include "auth.h"
#include "query.h"

static void add_coordinate(struct jw *w, const char *name, const unsigned char bytes[32])
{
	struct sbuf text;

	sbuf_init(&text, 44);
	base64url_encode(bytes, 32, &text);
	jw_kstr(w, name, sbuf_str(&text));
	sbuf_free(&text);
}

static void add_key(struct jw *w, const struct token_public *key)
{
	jw_obj(w);
	jw_kstr(w, "kty", "EC");
	jw_kstr(w, "crv", "P-256");
	add_coordinate(w, "x", key->x);
	add_coordinate(w, "y", key->y);
	jw_kstr(w, "use", "sig");
	jw_kstr(w, "alg", "ES256");
	jw_kstr(w, "kid", key->kid);
	jw_end_obj(w);
}

int auth_jwks(struct req *req)
{
	struct token_public keys[TOKEN_KEYS_MAX];
	unsigned count = token_keys_public(req->worker->svc->access_keys, keys);
	struct sbuf text;
	struct jw w;

	sbuf_init(&text, 4096);
	jw_init(&w, &text);
	jw_obj(&w);
	jw_key(&w, "keys");
	jw_arr(&w);
	for (unsigned i = 0; i < count; i++)
		add_key(&w, &keys[i]);
	jw_end_arr(&w);
	jw_end_obj(&w);
	resp_bytes(req, 200, "application/jwk-set+json", text.data, text.len);
	resp_header(req, "Cache-Control", "public, max-age=300");
	sbuf_free(&text);
	return 0;
}
