/* users_list.c - GET /users: filter, search, order, pages. */
#include "compat.h"

#include "page.h"
#include "users.h"
#include "users_db_list.h"

static const char *const sorts[] = {
	[SORT_ID] = "id",
	[SORT_ID_DESC] = "-id",
	[SORT_USERNAME] = "username",
	[SORT_USERNAME_DESC] = "-username",
	[SORT_CREATED] = "date_creation",
	[SORT_CREATED_DESC] = "-date_creation",
	[SORT_COUNT] = NULL,
};

static const char *const roles[] = { "customer", "admin", NULL };

static enum user_sort sort_of(const char *name)
{
	for (enum user_sort s = SORT_ID; name && s < SORT_COUNT; s++) {
		if (strcmp(sorts[s], name) == 0)
			return s;
	}
	return SORT_ID;
}

static bool has_word(const char *s)
{
	return s[strspn(s, " ")] != '\0';
}

struct list {
	const char *q, *role, *sort, *cursor;
	uint64_t limit, page;
};

static const struct field fields[] = {
	FIELD_STR(struct list, q, 1, 200, .check = has_word),
	FIELD_STR(struct list, role, 1, 16, .choices = roles),
	FIELD_STR(struct list, sort, 1, 32, .choices = sorts),
	FIELD_STR(struct list, cursor, 1, 2000),
	FIELD_U64(struct list, limit, 1, PAGE_LIMIT_MAX),
	FIELD_U64(struct list, page, 1, PAGE_OFFSET_MAX),
	{ 0 },
};

/* Cursor: "<order>:<id>:<created>:<username>" of the last profile. */
static const char *cursor_of(struct pool *pool, const struct profile *last,
			     enum user_sort sort)
{
	return page_cursor(pool, pool_printf(pool, "%d:%" PRIu64 ":%" PRId64 ":%s",
					     (int)sort, last->id, last->created_us,
					     last->username));
}

static int cursor_decode(struct pool *pool, const char *cursor, enum user_sort sort,
			 struct profile *after)
{
	const char *p = page_cursor_text(pool, cursor);
	uint64_t order, created;

	if (!p || page_cursor_number(&p, &order) < 0 || order != sort ||
	    page_cursor_number(&p, &after->id) < 0 ||
	    page_cursor_number(&p, &created) < 0)
		return -1;
	after->created_us = (int64_t)created;
	after->username = p;
	return 0;
}

static int list_parse(struct req *req, struct user_query *q, struct profile *after)
{
	struct list l;

	if (req_query(req, fields, &l, sizeof(l), NULL) < 0)
		return -1;
	*q = (struct user_query){
		.sort = sort_of(l.sort),
		.role = l.role,
		.text = l.q,
		.limit = l.limit ? l.limit : PAGE_LIMIT,
	};
	if (page_offset(req, l.page, l.cursor, q->limit, &q->offset) < 0)
		return -1;
	if (!l.cursor)
		return 0;
	if (cursor_decode(req->pool, l.cursor, q->sort, after) < 0)
		return page_refuse(req, "cursor", "format", 0, FIELD_TYPE_STR);
	q->after = after;
	return 0;
}

int users_list(struct req *req)
{
	struct profile after = { .id = 0 }, rows[PAGE_LIMIT_MAX + 1];
	struct user_query q;
	enum db_status st;
	uint64_t limit, count;

	if (list_parse(req, &q, &after) < 0)
		return -1;
	/* one more than a page holds tells whether there is a next */
	limit = q.limit++;
	st = users_db_list(req->db, req->pool, &q, rows, &count);
	if (st != DB_OK)
		return resp_db(req, st);
	jw_arr(resp_data(req, 200));
	for (uint64_t i = 0; i < count && i < limit; i++)
		users_json(&req->jw, &rows[i]);
	if (count <= limit)
		return page_done(req, count, NULL);
	return page_done(req, limit, cursor_of(req->pool, &rows[limit - 1], q.sort));
}
