/*
 * card.h - payment cards: number, brand, expiry. Numbers and CVC are secrets: whoever holds a
 * struct card ends with card_wipe. Thread-safe.
 */
#ifndef HALLE_CARD_H
#define HALLE_CARD_H

#include "compat.h"

struct card {
	const char *number, *cvc; /* writable memory; NULL until they were read */
	uint64_t exp_month, exp_year;
};

#define CARD_DIGITS_MIN 12
#define CARD_DIGITS_MAX 19

/* 12..19 digits, of which the last checks the others (ISO/IEC 7812-1, Luhn). */
bool card_is_number(const char *text);
bool card_is_cvc(const char *text); /* 3 or 4 digits */
/* "visa", "mastercard", "amex", "discover" or "card"; of a good number. */
const char *card_brand(const char *number);
/* Into the number itself; of a good number. */
const char *card_last4(const char *number);

/* A card is good to the end of its month, UTC. */
enum card_age { CARD_GOOD, CARD_PAST_YEAR, CARD_PAST_MONTH };
/* The year, or the month of this year, that would just do is put into least_r. */
enum card_age card_age(const struct card *card, int64_t wall_us, int64_t *least_r);

void card_wipe(struct card *card);

#endif
