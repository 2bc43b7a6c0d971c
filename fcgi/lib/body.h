/*
 * body.h - a JSON object read into a struct by a table of fields (field.h). The only user of
 * json-c. Strings and bytes are allocated from the pool.
 */
#ifndef HALLE_BODY_H
#define HALLE_BODY_H

#include "field.h"

enum body_result {
	BODY_OK,
	BODY_MALFORMED, /* not strict JSON or not an object: reason and offset are set */
	BODY_FAULTY     /* faults->count > 0 */
};

struct body_report {
	struct faults faults;
	const char *reason; /* static English text */
	size_t offset;
};

/* Bit i of *present_r is set when field i of the table was there. Members that the table
 * does not name are faults "unknown"; name and alias both given: "duplicate". dst is zeroed
 * first (size bytes). At most 64 fields. Names in faults are cut after 128 bytes. */
NODISCARD enum body_result body_parse(const char *text, size_t len, const struct field *table,
				      void *dst, size_t size, uint64_t *present_r,
				      struct pool *pool, struct body_report *report);

/* As body_parse, but members that the table does not name are ignored: for texts of our own
 * making, to which a newer program may have added something. */
NODISCARD enum body_result body_parse_known(const char *text, size_t len,
					    const struct field *table, void *dst, size_t size,
					    struct pool *pool, struct body_report *report);

/* For answers of our own services and stored documents: an array of objects, or an array of
 * integers, at the top or under one name (name may be NULL). Calls fn for every object with
 * dst filled by the table; unknown members are ignored; an integer fills the table's first
 * field. -1 when malformed or faulty, or as soon as fn returns anything but 0. */
NODISCARD int body_each(const char *text, size_t len, const char *name,
			const struct field *table, void *dst, size_t size,
			int (*fn)(void *dst, void *arg), void *arg, struct pool *pool);

/* For batches, where a bad element must not spoil the others: the array under name, whose
 * elements must be objects with members of the table only. fn gets every element, with the
 * faults it has ("#/name"; "#" when it is no object). -1 when the text is malformed or has no
 * such array, or as soon as fn returns anything but 0. */
NODISCARD int body_each_judged(const char *text, size_t len, const char *name,
			       const struct field *table, void *dst, size_t size,
			       int (*fn)(void *dst, const struct faults *faults, void *arg),
			       void *arg, struct pool *pool);

/* The text of a top-level object's member in canonical form, or NULL; for tests and events. */
const char *body_member(const char *text, size_t len, const char *name, struct pool *pool);

#endif
