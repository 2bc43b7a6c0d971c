/*
 * token_fixture.h - two keys of either kind, a frozen clock, and tokens signed with OpenSSL
 * alone.
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
extern EVP_PKEY *ec_a, *ec_b;              /* the same kids of ES256; ec_b is public */
extern struct token_keys *keys;            /* the two of the kind that the test is run for */
extern bool es256;
extern const char *good_header; /* a good one */
extern struct sbuf token;  /* the last token made */

int hs256_set_up(void **state);
int es256_set_up(void **state);
int token_tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, hs256_set_up, token_tear_down)
#define TEST_ES256(name)                                                                  \
	{ #name " (ES256)", name, es256_set_up, token_tear_down, NULL }
#define TEST_BOTH(name) TEST(name), TEST_ES256(name)

/* A new EC key; lives until the program ends. */
EVP_PKEY *ec_key(const char *curve);
/* "KID ES256 BASE64" of the public key, or of the private one; the last 64 results live. */
const char *public_line(const char *kid, EVP_PKEY *key);
const char *private_line(const char *kid, EVP_PKEY *key);

/* token becomes "header.payload"; a signature is appended. */
void unsigned_token(const char *header, const char *payload);
void append_signature(const void *bytes, size_t len);
void append_mac(const EVP_MD *md, const void *key, size_t key_len);
/* DER as OpenSSL makes it, of token; returns its length. */
size_t ecdsa_der(EVP_PKEY *key, const EVP_MD *md, unsigned char der[256]);
/* As JWS has it: r and s, each of size bytes. */
void append_ecdsa(EVP_PKEY *key, const EVP_MD *md, size_t size);

void forge(const char *header, const char *payload, const EVP_MD *md, const void *key,
	   size_t key_len);
/* Well signed with the first key of keys. */
void forge_a(const char *header, const char *payload);

/* As an access token for "halle"; what is not TOKEN_OK must leave no claims. */
enum token_verdict verify_n(const char *text, size_t len);
enum token_verdict verify(void);

#endif
