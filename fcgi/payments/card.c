/* card.c - payment cards. */
#include "compat.h"

#include "card.h"

static const char digits[] = "0123456789";

static unsigned luhn_sum(const char *number, size_t len)
{
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned d = (unsigned)(number[len - 1 - i] - '0');

		if (i % 2)
			d = d > 4 ? 2 * d - 9 : 2 * d;
		sum += d;
	}
	return sum;
}

bool card_is_number(const char *text)
{
	size_t len = strlen(text);

	return len >= CARD_DIGITS_MIN && len <= CARD_DIGITS_MAX &&
	       strspn(text, digits) == len && strspn(text, "0") < len &&
	       luhn_sum(text, len) % 10 == 0;
}

bool card_is_cvc(const char *text)
{
	size_t len = strlen(text);

	return (len == 3 || len == 4) && strspn(text, digits) == len;
}

static unsigned prefix(const char *number, unsigned n)
{
	unsigned v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v * 10 + (unsigned)(number[i] - '0');
	return v;
}

const char *card_brand(const char *number)
{
	static const struct {
		unsigned digits, from, to;
		const char *brand;
	} ranges[] = {
		{ 1, 4, 4, "visa" },	       { 2, 51, 55, "mastercard" },
		{ 4, 2221, 2720, "mastercard" }, { 2, 34, 34, "amex" },
		{ 2, 37, 37, "amex" },	       { 4, 6011, 6011, "discover" },
		{ 2, 65, 65, "discover" },
	};

	for (size_t i = 0; i < COUNT(ranges); i++) {
		unsigned v = prefix(number, ranges[i].digits);

		if (v >= ranges[i].from && v <= ranges[i].to)
			return ranges[i].brand;
	}
	return "card";
}

const char *card_last4(const char *number)
{
	return number + strlen(number) - 4;
}

enum card_age card_age(const struct card *card, int64_t wall_us, int64_t *least_r)
{
	time_t now = (time_t)(wall_us / 1000000);
	struct tm tm;
	uint64_t year, month;

	BUG_ON(!gmtime_r(&now, &tm));
	year = (uint64_t)tm.tm_year + 1900;
	month = (uint64_t)tm.tm_mon + 1;
	*least_r = (int64_t)year;
	if (card->exp_year != year)
		return card->exp_year < year ? CARD_PAST_YEAR : CARD_GOOD;
	*least_r = (int64_t)month;
	return card->exp_month < month ? CARD_PAST_MONTH : CARD_GOOD;
}

void card_wipe(struct card *card)
{
	if (card->number)
		xwipe(card->number, strlen(card->number));
	if (card->cvc)
		xwipe(card->cvc, strlen(card->cvc));
	*card = (struct card){ .number = NULL };
}
