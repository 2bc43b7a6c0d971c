/*
 * journal.h - failed_cart_requests.log: one line for every cart write that could not be made
 * in both stores, for people and for the replay tool. Nothing depends on it: when a line
 * cannot be written, a metric and a log line say so and the answer is the same. What became
 * of a write whose outcome was unknown, and carts whose stores held different contents and were
 * repaired, are lines too.
 *
 * A line is one JSON object whose last member is "crc32c": eight hexadecimal digits, the
 * CRC-32C (Castagnoli) of all bytes of the line before ,"crc32c". One write(2) per line, then
 * fdatasync, because failures are rare. The file may be moved away at any time: the next line
 * goes to a new one; journal_reopen lets go of the old one. Thread-safe; any number of
 * processes may append to one file.
 */
#ifndef HALLE_CARTS_JOURNAL_H
#define HALLE_CARTS_JOURNAL_H

#include "compat.h"

#define JOURNAL_MAX_BYTES (64 << 20) /* a longer file is not written further */

enum journal_stage { STAGE_P_LOCK, STAGE_S_PREPARE, STAGE_P_COMMIT, STAGE_S_PROMOTE };
enum journal_outcome {
	OUTCOME_ROLLED_BACK,
	OUTCOME_UNKNOWN,
	OUTCOME_REPAIRED,
	OUTCOME_DEGRADED /* made in MariaDB alone, to be mirrored later */
};

struct journal_entry {
	const char *request_id;
	const unsigned char *op_id; /* 16 bytes */
	/* 32 bytes, or NULL: of a request with an Idempotency-Key, so that a replay is known as
	 * that request when the client repeats it */
	const unsigned char *fingerprint;
	const char *crud;           /* "PATCH EDIT" */
	const char *route;          /* "PATCH /cart/items/{product_id}" */
	uint64_t user_id;
	uint64_t product_id, quantity, version; /* arguments; 0: the route has none */
	uint64_t base_version, fence;           /* 0: not known yet */
	uint64_t new_version;                   /* 0: the next one */
	enum journal_stage stage;
	enum journal_outcome outcome;
	const char *err_code, *err_msg;
	unsigned attempt;
};

struct journal;

/* Never fails: the file is opened by the first line that needs it. */
struct journal *journal_new(const char *path);
void journal_free(struct journal **j);

/* Closes the file; the next line opens it again. */
void journal_reopen(struct journal *j);

void journal_write(struct journal *j, const struct journal_entry *e);

uint32_t crc32c(const void *bytes, size_t n);

#endif
