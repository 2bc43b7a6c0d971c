/*
 * err.h - the registry of errors (err.def): symbol, HTTP status, code, and text by language.
 * A code never changes once released; texts may. Immutable, so thread-safe.
 */
#ifndef HALLE_ERR_H
#define HALLE_ERR_H

#include "compat.h"

enum err {
#define ERR(code, status, en, fr) ERR_##code,
#include "err.def"
#undef ERR
	ERR_COUNT
};

enum lang { LANG_EN, LANG_FR };

int err_status(enum err e);
/* "OUT_OF_STOCK". BODY_PRODUCT_NOT_FOUND answers "PRODUCT_NOT_FOUND" with another status. */
const char *err_code(enum err e);
const char *err_text(enum err e, enum lang lang);
/* Reason phrase of RFC 9110 (a problem's "title"); "Error" for a status we never send. */
const char *err_title(int status);

/* The language that an Accept-Language value (RFC 9110 12.5.4, q-values) prefers of ours;
 * English when NULL, unreadable or neither. */
enum lang err_lang(const char *accept_language);

#endif
