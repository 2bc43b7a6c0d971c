/*
 * field.h - declared input: a table of fields says what a JSON body or a query string may
 * hold; body.c and query.c fill a struct from it and collect faults. Both share this file so
 * that a rule is written once and OpenAPI can be compared with it.
 *
 *	struct add { uint64_t product_id; uint64_t quantity; };
 *	static const struct field add_fields[] = {
 *		FIELD_U64(struct add, product_id, 1, INT64_MAX, .required = true, .alias = "id_product"),
 *		FIELD_U64(struct add, quantity, 1, 999, .required = true),
 *		{ 0 }
 *	};
 */
#ifndef HALLE_FIELD_H
#define HALLE_FIELD_H

#include "pool.h"

enum field_type {
	FIELD_TYPE_STR,   /* const char *: valid UTF-8 without NUL; min..max code points */
	FIELD_TYPE_BYTES, /* struct bytes: Base64 (RFC 4648 4) decoded; min..max bytes; body only */
	FIELD_TYPE_U64,   /* uint64_t in min..max */
	FIELD_TYPE_I64,   /* int64_t in min..max */
	FIELD_TYPE_MONEY, /* int64_t cents in min..max; at most two decimals in the text */
	FIELD_TYPE_ARRAY, /* const char *: JSON text of an array, for body_each; body only */
	FIELD_TYPE_BOOL   /* bool */
};

struct bytes {
	const unsigned char *data;
	size_t len;
};

struct field {
	const char *name; /* NULL ends the table */
	const char *alias; /* accepted instead of name, or NULL */
	enum field_type type;
	size_t offset;
	int64_t min, max;
	bool required;
	bool nullable; /* JSON null: the member counts as present, a pointer becomes NULL */
	const char *const *choices; /* STR: NULL-terminated list of the only values, or NULL */
	bool (*check)(const char *value); /* STR: further form test, or NULL; fault "format" */
};

#define FIELD_STR(type_, m, lo, hi, ...)                                                 \
	{ .name = #m, .type = FIELD_TYPE_STR, .offset = offsetof(type_, m), .min = (lo),  \
	  .max = (hi), __VA_ARGS__ }
#define FIELD_BYTES(type_, m, lo, hi, ...)                                               \
	{ .name = #m, .type = FIELD_TYPE_BYTES, .offset = offsetof(type_, m), .min = (lo), \
	  .max = (hi), __VA_ARGS__ }
#define FIELD_ARRAY(type_, m, ...)                                                       \
	{ .name = #m, .type = FIELD_TYPE_ARRAY, .offset = offsetof(type_, m), __VA_ARGS__ }
#define FIELD_U64(type_, m, lo, hi, ...)                                                 \
	{ .name = #m, .type = FIELD_TYPE_U64, .offset = offsetof(type_, m), .min = (lo),  \
	  .max = (hi), __VA_ARGS__ }
#define FIELD_I64(type_, m, lo, hi, ...)                                                 \
	{ .name = #m, .type = FIELD_TYPE_I64, .offset = offsetof(type_, m), .min = (lo),  \
	  .max = (hi), __VA_ARGS__ }
#define FIELD_MONEY(type_, m, lo, hi, ...)                                               \
	{ .name = #m, .type = FIELD_TYPE_MONEY, .offset = offsetof(type_, m), .min = (lo), \
	  .max = (hi), __VA_ARGS__ }
#define FIELD_BOOL(type_, m, ...)                                                        \
	{ .name = #m, .type = FIELD_TYPE_BOOL, .offset = offsetof(type_, m), __VA_ARGS__ }

/* What is wrong with one field. code is the contract ("errors"[].code). */
struct fault {
	const char *where; /* "#/items/0/quantity" (RFC 6901 fragment) or a query parameter */
	const char *code; /* required type min max min_length max_length decimals format choice
			     unknown duplicate; a handler's own: common wrong same taken hash */
	int64_t bound; /* for min, max, min_length, max_length: the limit; cents for money */
	enum field_type type; /* for type and bounds: what was expected */
};

#define FAULTS_MAX 16 /* further ones are not reported */
struct faults {
	struct fault list[FAULTS_MAX];
	unsigned count;
};

/* where is kept, not copied. */
void fault_add(struct faults *f, const char *where, const char *code, int64_t bound,
	       enum field_type type);

/* Stores a parsed value at its place in dst, or adds one fault. where names it in the fault.
 * text is the decoded string (text[len] is NUL; it is kept, not copied), or the number's
 * literal text. A field of another type gets the fault "type". Money below 0 is "min". */
void field_set_str(const struct field *fld, void *dst, const char *text, size_t len,
		   const char *where, struct faults *f);
void field_set_number(const struct field *fld, void *dst, const char *text, size_t len,
		      const char *where, struct faults *f);

/* Index in the table by name or alias; -1 when unknown. */
int field_find(const struct field *table, const char *name, size_t len);

/* Bytes of the valid UTF-8 sequence that s begins with (RFC 3629: no overlong forms,
 * surrogates, or above U+10FFFF); 0 when there is none. */
size_t utf8_next(const char *s, size_t len);
/* No control characters, so no line break either. */
bool text_is_line(const char *s);
/* Code points; -1 when the bytes are not valid UTF-8. */
int64_t utf8_length(const char *s, size_t len);

#endif
