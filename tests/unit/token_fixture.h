/*
 * token_fixture.h - two keys, a frozen clock, and tokens signed with OpenSSL alone.
 */
#ifndef HALLE_TOKEN_FIXTURE_H
#define HALLE_TOKEN_FIXTURE_H

#include "compat.h"
#include "token.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <cmocka.h>

#define NOW INT64_C(1790000000)
#define HEX_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEX_B "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\"}"

/* A good payload in pieces, so that a test can change one. */
#define CLAIM(name, json) "\"" name "\":" json
#define PEOPLE                                                                            \
	CLAIM("iss", "\"halle\"") "," CLAIM("aud", "\"halle\"") ","                        \
	CLAIM("sub", "\"ann\"") "," CLAIM("role", "\"customer\"") "," CLAIM("sid", "\"s1\"")
#define REST                                                                              \
	"," CLAIM("jti", "\"j1\"") "," CLAIM("type", "\"access\"") "," CLAIM("user_id", "7")
#define TIMES                                                                             \
	"," CLAIM("iat", "1790000000") "," CLAIM("nbf", "1790000000") ","                  \
	CLAIM("exp", "1790003600")
#define PAYLOAD "{" PEOPLE REST TIMES "}"

extern unsigned char key_a[32], key_b[32]; /* HEX_A with kid "a", HEX_B with kid "old-1" */
extern struct token_keys *keys;
extern struct sbuf token; /* the last token made */

int token_set_up(void **state);
int token_tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, token_set_up, token_tear_down)

/* The MAC of token, appended to it. */
void append_mac(const EVP_MD *md, const void *key, size_t key_len);
void forge(const char *header, const char *payload, const EVP_MD *md, const void *key,
	   size_t key_len);
/* Well signed with key_a. */
void forge_a(const char *header, const char *payload);

/* As an access token for "halle"; what is not TOKEN_OK must leave no claims. */
enum token_verdict verify_n(const char *text, size_t len);
enum token_verdict verify(void);

#endif
