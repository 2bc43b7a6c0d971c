/*
 * clock.h - the only source of time. Thread-safe. Tests freeze it with clock_set_test.
 */
#ifndef HALLE_CLOCK_H
#define HALLE_CLOCK_H

#include "compat.h"

int64_t clock_mono_us(void); /* never jumps; for deadlines and durations */
int64_t clock_wall_us(void); /* microseconds since 1970, UTC */

/* Midnight UTC of a day of the Gregorian calendar. */
int64_t clock_us(int year, int month, int day);

#define CLOCK_TEXT 32
/* "2026-11-20T10:00:00Z", or with ".123456" before the Z. Returns buf. */
const char *clock_rfc3339(int64_t wall_us, bool micros, char buf[CLOCK_TEXT]);

/* Freezes clock_wall_us at this instant; 0 thaws it. Tests only, before threads start. */
void clock_set_test(int64_t wall_us);

#endif
