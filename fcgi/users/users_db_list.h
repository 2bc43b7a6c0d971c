/*
 * users_db_list.h - the list of profiles: filter, search, order, pages. Status and
 * strings: db.h.
 */
#ifndef HALLE_USERS_DB_LIST_H
#define HALLE_USERS_DB_LIST_H

#include "users_db.h"

/* Each order is total: everything is followed by id. */
enum user_sort {
	SORT_ID,
	SORT_ID_DESC,
	SORT_USERNAME,
	SORT_USERNAME_DESC,
	SORT_CREATED,
	SORT_CREATED_DESC,
	SORT_COUNT
};

#define SEARCH_WORDS 5 /* further words of a search do not count */

struct user_query {
	enum user_sort sort;
	const char *role; /* NULL: all */
	const char *text; /* each word begins user name, address, first or last name */
	const struct profile *after; /* what the order looks at; NULL: from the start */
	uint64_t offset, limit;
};

/* Fills rows, which has room for limit of them. */
NODISCARD enum db_status users_db_list(struct db *db, struct pool *pool,
				       const struct user_query *query,
				       struct profile *rows, uint64_t *count_r);

#endif
