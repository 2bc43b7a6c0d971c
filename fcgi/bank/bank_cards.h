/*
 * bank_cards.h - what becomes of a charge, decided by the card's number alone, so that every
 * outcome can be produced at will. The same table stands in README and openapi.yaml.
 */
#ifndef HALLE_BANK_CARDS_H
#define HALLE_BANK_CARDS_H

#include "compat.h"

enum card_trouble {
	CARD_SOUND,
	CARD_SLOW,	    /* answers after 300 ms */
	CARD_LATE,	    /* recorded, but answers too late */
	CARD_LOST,	    /* answers too late, and nothing was recorded */
	CARD_FAILS_BEFORE,  /* 500, nothing recorded */
	CARD_FAILS_AFTER,   /* 500, recorded */
	CARD_TWICE	    /* the outcome comes again as an event */
};

struct card_rule {
	const char *number;
	const char *decline_code; /* NULL: approved */
	enum card_trouble trouble;
};

/* Never NULL: a number that is not in the table is approved. Thread-safe. */
const struct card_rule *bank_card(const char *number);

#endif
