/*
 * clock.c - the only source of time.
 */
#include "compat.h"
#include "clock.h"

#include <stdatomic.h>

#define US_PER_S INT64_C(1000000)

static _Atomic int64_t frozen_us;

static int64_t read_us(clockid_t id)
{
	struct timespec ts;

	/* cannot fail for these clocks and a valid address */
	BUG_ON(clock_gettime(id, &ts) != 0);
	return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
	int64_t frozen = atomic_load_explicit(&frozen_us, memory_order_relaxed);

	return frozen ? frozen : read_us(CLOCK_REALTIME);
}

void clock_set_test(int64_t wall_us)
{
	atomic_store_explicit(&frozen_us, wall_us, memory_order_relaxed);
}

/* The calendar in years that begin with March, so that the leap day comes last, and in eras
 * of 400 such years, which all have the same length. */
#define DAYS_PER_ERA INT64_C(146097)
#define DAY_OF_1970  INT64_C(719468)
#define S_PER_DAY    INT64_C(86400)

int64_t clock_us(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
	int64_t days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;

	return (era * DAYS_PER_ERA + days - DAY_OF_1970) * S_PER_DAY * US_PER_S;
}

static void date_of(int64_t days, int64_t *year_r, unsigned *month_r, unsigned *day_r)
{
	int64_t era, of_era, years, of_year, month;

	days += DAY_OF_1970;
	era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
	of_era = days - era * DAYS_PER_ERA;
	years = (of_era - of_era / 1460 + of_era / 36524 - of_era / (DAYS_PER_ERA - 1)) / 365;
	of_year = of_era - (365 * years + years / 4 - years / 100);
	month = (5 * of_year + 2) / 153;
	*day_r = (unsigned)(of_year - (153 * month + 2) / 5 + 1);
	*month_r = (unsigned)(month < 10 ? month + 3 : month - 9);
	*year_r = era * 400 + years + (*month_r <= 2);
}

static char *put2(char *to, unsigned v, char after)
{
	to[0] = (char)('0' + v / 10);
	to[1] = (char)('0' + v % 10);
	to[2] = after;
	return to + 3;
}

static char *put_micros(char *to, unsigned us)
{
	for (unsigned i = 6; i-- > 0; us /= 10)
		to[i] = (char)('0' + us % 10);
	return to + 6;
}

static char *put_date(char *to, int64_t days)
{
	unsigned month, day;
	int64_t year;

	date_of(days, &year, &month, &day);
	if (year >= 0 && year <= 9999)
		to = put2(put2(to, (unsigned)year / 100, ' ') - 1, (unsigned)year % 100, '-');
	else
		to += snprintf(to, CLOCK_TEXT, "%" PRId64 "-", year);
	return put2(put2(to, month, '-'), day, 'T');
}

/* Without gmtime and strftime: a time zone lock and a format for every row of a list. */
const char *clock_rfc3339(int64_t wall_us, bool micros, char buf[CLOCK_TEXT])
{
	int64_t us = wall_us % US_PER_S, s = wall_us / US_PER_S, days;
	unsigned of_day;
	char *p;

	if (us < 0) {
		us += US_PER_S;
		s--;
	}
	days = (s >= 0 ? s : s - (S_PER_DAY - 1)) / S_PER_DAY;
	of_day = (unsigned)(s - days * S_PER_DAY);
	p = put_date(buf, days);
	p = put2(p, of_day / 3600, ':');
	p = put2(p, of_day / 60 % 60, ':');
	p = put2(p, of_day % 60, '.');
	p = micros ? put_micros(p, (unsigned)us) : p - 1;
	memcpy(p, "Z", 2);
	return buf;
}
