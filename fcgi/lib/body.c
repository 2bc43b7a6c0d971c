/*
 * body.c - JSON objects read by a table of fields. json_check refuses what json-c would let
 * through, so that json-c only has to build the tree.
 */
#include "compat.h"
#include "body.h"
#include "json.h"
#include "query.h"

#include <json-c/json.h>
#include <limits.h>

#define WHERE_MAX 128 /* bytes of a member's name repeated in a fault */

struct reading {
	const struct field *table;
	void *dst;
	bool strict; /* members that the table does not name are faults */
	uint64_t present;
	struct pool *pool;
	struct faults *faults;
};

/* -- text to tree ----------------------------------------------------------------------- */

/* NULL with reason and offset set. The caller puts the tree. */
static struct json_object *parse(const char *text, size_t len, const char **reason_r,
				 size_t *offset_r)
{
	struct json_tokener *tok;
	struct json_object *root;
	enum json_tokener_error error;
	size_t end;

	if (json_check(text, len, reason_r, offset_r) < 0)
		return NULL;
	if (len > INT_MAX) { /* json-c counts in int */
		*reason_r = "too long";
		return NULL;
	}
	/* json-c needs one level for the innermost scalar; json_check holds the limit */
	tok = json_tokener_new_ex(JSON_MAX_DEPTH + 1);
	if (!tok) {
		*reason_r = "no memory";
		return NULL;
	}
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tok, text, (int)len);
	error = json_tokener_get_error(tok);
	end = json_tokener_get_parse_end(tok);
	json_tokener_free(tok);
	if (error == json_tokener_success && end == len)
		return root;
	json_object_put(root);
	*reason_r = json_tokener_error_desc(error);
	*offset_r = end;
	return NULL;
}

static struct json_object *parse_object(const char *text, size_t len, const char **reason_r,
					size_t *offset_r)
{
	struct json_object *root = parse(text, len, reason_r, offset_r);

	if (json_object_is_type(root, json_type_object))
		return root;
	if (root || !*reason_r) { /* json-c shows the value null as no tree */
		*reason_r = "not an object";
		*offset_r = 0;
	}
	json_object_put(root);
	return NULL;
}

/* -- where a fault is ------------------------------------------------------------------- */

/* What a URI fragment may hold (RFC 3986 3.5) besides '/', which separates. */
static bool is_fragment_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
	       || (c && strchr("-._!$&'()*+,;=:@?", c));
}

/* "#/name" with the escapes of RFC 6901 3 and 6. */
static const char *pointer_to(const char *name, struct pool *pool)
{
	static const char digit[] = "0123456789ABCDEF";
	size_t len = strlen(name), n = 0, step;
	char *text, *out;

	while (n < len && (step = utf8_next(name + n, len - n)) && n + step <= WHERE_MAX)
		n += step;
	text = out = pool_alloc(pool, 2 + n * 3 + 1);
	*out++ = '#';
	*out++ = '/';
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)name[i];

		if (is_fragment_char(name[i])) {
			*out++ = name[i];
		} else if (c == '~' || c == '/') {
			*out++ = '~';
			*out++ = c == '~' ? '0' : '1';
		} else {
			*out++ = '%';
			*out++ = digit[c >> 4];
			*out++ = digit[c & 15];
		}
	}
	return text;
}

/* -- members; read_member tells where a fault is ---------------------------------------- */

static void set_bytes(struct reading *r, const struct field *fld, struct json_object *value)
{
	size_t text_len = (size_t)json_object_get_string_len(value);
	struct bytes b = { 0 };

	if (text_len / 4 > (size_t)fld->max / 3 + 1) { /* too long before decoding it */
		fault_add(r->faults, "", "max_length", fld->max, fld->type);
		return;
	}
	b.data = base64_decode(json_object_get_string(value), text_len, &b.len, r->pool);
	if (!b.data)
		fault_add(r->faults, "", "format", 0, fld->type);
	else if ((int64_t)b.len < fld->min)
		fault_add(r->faults, "", "min_length", fld->min, fld->type);
	else if ((int64_t)b.len > fld->max)
		fault_add(r->faults, "", "max_length", fld->max, fld->type);
	else
		memcpy((char *)r->dst + fld->offset, &b, sizeof(b));
}

static void set_string(struct reading *r, const struct field *fld, struct json_object *value)
{
	size_t len = (size_t)json_object_get_string_len(value);

	field_set_str(fld, r->dst, pool_dup(r->pool, json_object_get_string(value), len), len,
		      "", r->faults);
}

static void set_number(struct reading *r, const struct field *fld, struct json_object *value)
{
	/* json-c keeps the literal text of a number with point or exponent, and prints an
	 * integer exactly: json_check refused those that it would clamp */
	const char *literal = json_object_get_string(value);

	field_set_number(fld, r->dst, literal, strlen(literal), "", r->faults);
}

static void set_array(struct reading *r, const struct field *fld, struct json_object *value)
{
	const char *text = pool_strdup(r->pool, json_object_to_json_string_ext(
						  value, JSON_C_TO_STRING_PLAIN));

	memcpy((char *)r->dst + fld->offset, &text, sizeof(text));
}

static void set_bool(struct reading *r, const struct field *fld, struct json_object *value)
{
	bool v = json_object_get_boolean(value);

	memcpy((char *)r->dst + fld->offset, &v, sizeof(v));
}

static bool is_number(struct json_object *value)
{
	return json_object_is_type(value, json_type_int)
	       || json_object_is_type(value, json_type_double);
}

/* Types are compared before any getter runs: json-c's getters convert silently. */
static bool has_type(struct json_object *value, enum field_type type)
{
	switch (type) {
	case FIELD_TYPE_STR:
	case FIELD_TYPE_BYTES:
		return json_object_is_type(value, json_type_string);
	case FIELD_TYPE_U64:
	case FIELD_TYPE_I64:
	case FIELD_TYPE_MONEY:
		return is_number(value);
	case FIELD_TYPE_ARRAY:
		return json_object_is_type(value, json_type_array);
	case FIELD_TYPE_BOOL:
		return json_object_is_type(value, json_type_boolean);
	default:
		BUG_ON(true);
	}
}

static void set_field(struct reading *r, const struct field *fld, struct json_object *value)
{
	if (!value && fld->nullable)
		return; /* dst was zeroed */
	if (!has_type(value, fld->type))
		fault_add(r->faults, "", "type", 0, fld->type);
	else if (fld->type == FIELD_TYPE_STR)
		set_string(r, fld, value);
	else if (fld->type == FIELD_TYPE_BYTES)
		set_bytes(r, fld, value);
	else if (fld->type == FIELD_TYPE_ARRAY)
		set_array(r, fld, value);
	else if (fld->type == FIELD_TYPE_BOOL)
		set_bool(r, fld, value);
	else
		set_number(r, fld, value);
}

static void read_member(struct reading *r, const char *name, struct json_object *value)
{
	unsigned before = r->faults->count;
	int i = field_find(r->table, name, strlen(name));

	if (i < 0 && r->strict) {
		fault_add(r->faults, "", "unknown", 0, FIELD_TYPE_STR);
	} else if (i >= 0 && r->present & UINT64_C(1) << i) {
		fault_add(r->faults, "", "duplicate", 0, r->table[i].type);
	} else if (i >= 0) {
		r->present |= UINT64_C(1) << i;
		set_field(r, &r->table[i], value);
	}
	if (r->faults->count > before)
		r->faults->list[before].where = pointer_to(name, r->pool);
}

static void read_members(struct reading *r, struct json_object *object)
{
	json_object_object_foreach(object, name, value)
		read_member(r, name, value);
}

static void require(struct reading *r)
{
	for (unsigned i = 0; r->table[i].name; i++) {
		BUG_ON(i >= 64);
		if (r->table[i].required && !(r->present & UINT64_C(1) << i))
			fault_add(r->faults, pointer_to(r->table[i].name, r->pool), "required",
				  0, r->table[i].type);
	}
}

static void read_object(struct reading *r, struct json_object *object, size_t size)
{
	memset(r->dst, 0, size);
	r->present = 0;
	read_members(r, object);
	require(r);
}

static enum body_result parse_by_table(const char *text, size_t len, struct reading *r,
				       size_t size, struct body_report *report)
{
	struct json_object *root;

	*report = (struct body_report){ 0 };
	r->faults = &report->faults;
	root = parse_object(text, len, &report->reason, &report->offset);
	if (!root) {
		memset(r->dst, 0, size);
		return BODY_MALFORMED;
	}
	read_object(r, root, size);
	json_object_put(root);
	return report->faults.count ? BODY_FAULTY : BODY_OK;
}

enum body_result body_parse(const char *text, size_t len, const struct field *table, void *dst,
			    size_t size, uint64_t *present_r, struct pool *pool,
			    struct body_report *report)
{
	struct reading r = { .table = table, .dst = dst, .strict = true, .pool = pool };
	enum body_result result = parse_by_table(text, len, &r, size, report);

	*present_r = r.present;
	return result;
}

enum body_result body_parse_known(const char *text, size_t len, const struct field *table,
				  void *dst, size_t size, struct pool *pool,
				  struct body_report *report)
{
	struct reading r = { .table = table, .dst = dst, .pool = pool };

	return parse_by_table(text, len, &r, size, report);
}

/* -- arrays ----------------------------------------------------------------------------- */

static int read_element(struct reading *r, struct json_object *element, size_t size)
{
	r->faults->count = 0;
	if (json_object_is_type(element, json_type_object)) {
		read_object(r, element, size);
	} else if (json_object_is_type(element, json_type_int)) {
		memset(r->dst, 0, size);
		set_field(r, r->table, element);
	} else {
		return -1;
	}
	return r->faults->count ? -1 : 0;
}

static int read_array(struct reading *r, struct json_object *array, size_t size,
		      int (*fn)(void *dst, void *arg), void *arg)
{
	size_t count;

	if (!json_object_is_type(array, json_type_array))
		return -1;
	count = json_object_array_length(array);
	for (size_t i = 0; i < count; i++)
		if (read_element(r, json_object_array_get_idx(array, i), size) < 0
		    || fn(r->dst, arg) != 0)
			return -1;
	return 0;
}

int body_each(const char *text, size_t len, const char *name, const struct field *table,
	      void *dst, size_t size, int (*fn)(void *dst, void *arg), void *arg,
	      struct pool *pool)
{
	struct faults faults = { .count = 0 };
	struct reading r = { .table = table, .dst = dst, .pool = pool, .faults = &faults };
	struct json_object *root, *array;
	const char *reason;
	size_t offset;
	int rc;

	root = array = parse(text, len, &reason, &offset);
	if (name && !json_object_object_get_ex(root, name, &array))
		array = NULL;
	rc = read_array(&r, array, size, fn, arg);
	json_object_put(root);
	return rc;
}

static void judge_element(struct reading *r, struct json_object *element, size_t size)
{
	r->faults->count = 0;
	if (json_object_is_type(element, json_type_object)) {
		read_object(r, element, size);
		return;
	}
	memset(r->dst, 0, size);
	fault_add(r->faults, "#", "type", 0, FIELD_TYPE_STR);
}

int body_each_judged(const char *text, size_t len, const char *name,
		     const struct field *table, void *dst, size_t size,
		     int (*fn)(void *dst, const struct faults *faults, void *arg), void *arg,
		     struct pool *pool)
{
	struct faults faults = { .count = 0 };
	struct reading r = { .table = table, .dst = dst, .strict = true, .pool = pool,
			     .faults = &faults };
	struct json_object *root, *array = NULL;
	const char *reason;
	size_t offset, count;
	int rc = -1;

	root = parse_object(text, len, &reason, &offset);
	if (json_object_object_get_ex(root, name, &array) &&
	    json_object_is_type(array, json_type_array)) {
		count = json_object_array_length(array);
		rc = 0;
		for (size_t i = 0; rc == 0 && i < count; i++) {
			judge_element(&r, json_object_array_get_idx(array, i), size);
			rc = fn(dst, &faults, arg) == 0 ? 0 : -1;
		}
	}
	json_object_put(root);
	return rc;
}

const char *body_member(const char *text, size_t len, const char *name, struct pool *pool)
{
	struct json_object *root, *value;
	const char *member = NULL, *reason;
	size_t offset;

	root = parse_object(text, len, &reason, &offset);
	if (json_object_object_get_ex(root, name, &value))
		member = pool_strdup(pool, json_object_to_json_string_ext(
					     value, JSON_C_TO_STRING_PLAIN
							    | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
	return member;
}
