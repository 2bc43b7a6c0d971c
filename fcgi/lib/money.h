/*
 * money.h - amounts in integer cents; no floating point anywhere.
 */
#ifndef HALLE_MONEY_H
#define HALLE_MONEY_H

#include "compat.h"

#define MONEY_MAX INT64_C(99999999999) /* 999,999,999.99: fits a double exactly for clients */

/* Reads a decimal number: digits, optionally '.' and one or two digits; no sign, exponent,
 * leading zeros or spaces. 0, or -1 when it is not one or exceeds MONEY_MAX. */
NODISCARD int money_parse(const char *text, size_t len, int64_t *cents_r);

#define MONEY_TEXT 24
/* Writes "1299" or "79.99" or "0.5" (no trailing zeros, as JSON numbers) and returns buf. */
const char *money_format(int64_t cents, char buf[MONEY_TEXT]);

/* unit × quantity; -1 when the product exceeds MONEY_MAX. */
NODISCARD int money_times(int64_t unit, int64_t quantity, int64_t *cents_r);
NODISCARD int money_add(int64_t a, int64_t b, int64_t *cents_r);

#endif
