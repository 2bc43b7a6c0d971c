/* bank_cards.c - the table of card numbers. */
#include "compat.h"

#include "bank_cards.h"

static const struct card_rule rules[] = {
	{ "4242424242424242", NULL, CARD_SOUND },
	{ "4000000000009995", "insufficient_funds", CARD_SOUND },
	{ "4000000000000069", "card_expired", CARD_SOUND },
	{ "4000000000009979", "stolen_card", CARD_SOUND },
	{ "4000000000000077", NULL, CARD_SLOW },
	{ "4000000000000044", NULL, CARD_LATE },
	{ "4000000000000036", NULL, CARD_LOST },
	{ "4000000000000119", NULL, CARD_FAILS_BEFORE },
	{ "4000000000000127", NULL, CARD_FAILS_AFTER },
	{ "4000000000000101", NULL, CARD_TWICE },
};

const struct card_rule *bank_card(const char *number)
{
	for (size_t i = 0; i < COUNT(rules); i++) {
		if (strcmp(rules[i].number, number) == 0)
			return &rules[i];
	}
	return &rules[0];
}
