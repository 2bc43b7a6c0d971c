/*
 * users_db_list.c - the statements of the list.
 *
 * How it stays fast with a million profiles: a page starts behind the last row of the page
 * before, and takes one of three ways, each with its index named, because the optimizer
 * cannot know how soon a page is full.
 * - walk: along the key of the order, comparing words. Soon done when most rows fit.
 * - admins: they are few; read and sorted.
 * - found: a word that few profiles have is looked up in the keys of the four columns.
 */
#include "compat.h"

#include "users_db_list.h"

#define FREQUENT  "5000" /* so many beginnings in one column are better walked than sorted */
#define INSTANT	  "(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? MICROSECOND)"

#define MATCH                                                                            \
	" AND (p.username LIKE ? OR p.email LIKE ? OR p.first_name LIKE ?"               \
	" OR p.last_name LIKE ?)"
#define PAGE(after, order)                                                               \
	" WHERE p.role BETWEEN ? AND ?" MATCH MATCH MATCH MATCH MATCH                    \
	" AND (? = 1 OR " after ") ORDER BY " order " LIMIT ? OFFSET ?"
#define PAGE_IN(after) "ss" "ssss" "ssss" "ssss" "ssss" "ssss" "u" after "uu"

#define WALK(key, after, order)                                                          \
	"SELECT " PROFILE_COLUMNS " FROM profile p FORCE INDEX (" key ")"                \
	PAGE(after, order)

/* Sorts ids before it reads the page's profiles. */
#define FOUND(after, order)                                                              \
	"SELECT " PROFILE_COLUMNS " FROM (SELECT p.id FROM"                              \
	" (SELECT id FROM profile WHERE username LIKE ?"                                 \
	" UNION SELECT id FROM profile WHERE email LIKE ?"                               \
	" UNION SELECT id FROM profile WHERE first_name LIKE ?"                          \
	" UNION SELECT id FROM profile WHERE last_name LIKE ?) f"                        \
	" STRAIGHT_JOIN profile p ON p.id = f.id" PAGE(after, order) ") k"               \
	" STRAIGHT_JOIN profile p ON p.id = k.id ORDER BY " order

enum way { WAY_WALK, WAY_ADMINS, WAY_FOUND, WAY_COUNT };

#define WAYS(sort, label, key, after, order, in)                                         \
	[sort] = {                                                                       \
		[WAY_WALK] = { "users_" label, WALK(key, after, order), PAGE_IN(in),     \
			       PROFILE_OUT },                                            \
		[WAY_ADMINS] = { "admins_" label, WALK("role", after, order),            \
				 PAGE_IN(in), PROFILE_OUT },                             \
		[WAY_FOUND] = { "users_found_" label, FOUND(after, order),               \
				"ssss" PAGE_IN(in), PROFILE_OUT },                       \
	}

static const struct db_stmt pages[SORT_COUNT][WAY_COUNT] = {
	WAYS(SORT_ID, "id", "PRIMARY", "p.id > ?", "p.id", "u"),
	WAYS(SORT_ID_DESC, "id_desc", "PRIMARY", "p.id < ?", "p.id DESC", "u"),
	WAYS(SORT_USERNAME, "name", "username",
	     "p.username > ? OR (p.username = ? AND p.id > ?)", "p.username, p.id", "ssu"),
	WAYS(SORT_USERNAME_DESC, "name_desc", "username",
	     "p.username < ? OR (p.username = ? AND p.id < ?)",
	     "p.username DESC, p.id DESC", "ssu"),
	WAYS(SORT_CREATED, "created", "created_at",
	     "p.created_at > " INSTANT " OR (p.created_at = " INSTANT " AND p.id > ?)",
	     "p.created_at, p.id", "iiu"),
	WAYS(SORT_CREATED_DESC, "created_desc", "created_at",
	     "p.created_at < " INSTANT " OR (p.created_at = " INSTANT " AND p.id < ?)",
	     "p.created_at DESC, p.id DESC", "iiu"),
};

static const struct db_stmt word_count = {
	"user_word_count",
	"SELECT COUNT(*) FROM ((SELECT id FROM profile WHERE username LIKE ? LIMIT " FREQUENT
	") UNION ALL (SELECT id FROM profile WHERE email LIKE ? LIMIT " FREQUENT
	") UNION ALL (SELECT id FROM profile WHERE first_name LIKE ? LIMIT " FREQUENT
	") UNION ALL (SELECT id FROM profile WHERE last_name LIKE ? LIMIT " FREQUENT ")) c",
	"ssss", "u"
};

/* -- searching -- */

struct search {
	const char *words[SEARCH_WORDS]; /* as patterns of LIKE */
	unsigned count;
	const char *rare; /* one that few profiles have; NULL: all are frequent */
};

static const char *pattern(struct pool *pool, const char *word, size_t len)
{
	char *text = pool_alloc(pool, 2 * len + 2), *p = text;

	for (size_t i = 0; i < len; i++) {
		if (strchr("%_\\", word[i]))
			*p++ = '\\';
		*p++ = word[i];
	}
	*p++ = '%';
	*p = '\0';
	return text;
}

static void search_split(struct pool *pool, const char *text, struct search *s)
{
	const char *p = text + strspn(text, " ");

	for (; *p && s->count < SEARCH_WORDS; p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");

		s->words[s->count++] = pattern(pool, p, len);
		p += len;
	}
}

/* The rarest word, when it is rare enough. */
static enum db_status search_rare(struct db *db, struct search *s)
{
	uint64_t least = strtoull(FREQUENT, NULL, 10);

	for (unsigned i = 0; i < s->count; i++) {
		struct db_val w = db_s(s->words[i]);
		const struct db_val *row;
		enum db_status st = db_one(db, &word_count, &row, w, w, w, w);

		if (st != DB_OK)
			return st == DB_NONE ? DB_FAIL : st;
		if (row[0].u < least) {
			least = row[0].u;
			s->rare = s->words[i];
		}
	}
	return DB_OK;
}

/* -- opening the list -- */

struct args {
	struct db_val v[36];
	unsigned n;
};

static void arg_add(struct args *a, struct db_val v)
{
	BUG_ON(a->n + 1 >= COUNT(a->v)); /* the last one ends the list */
	a->v[a->n++] = v;
}

static void args_word(struct args *a, const char *word)
{
	for (unsigned i = 0; i < 4; i++)
		arg_add(a, db_s(word));
}

/* The parameters of the condition "after" in pages. */
static void args_after(struct args *a, enum user_sort sort, const struct profile *after)
{
	switch (sort) {
	case SORT_USERNAME:
	case SORT_USERNAME_DESC:
		arg_add(a, db_s(after->username));
		arg_add(a, db_s(after->username));
		break;
	case SORT_CREATED:
	case SORT_CREATED_DESC:
		arg_add(a, db_i(after->created_us));
		arg_add(a, db_i(after->created_us));
		break;
	case SORT_ID:
	case SORT_ID_DESC:
		break;
	case SORT_COUNT:
		BUG_ON(true);
	}
	arg_add(a, db_u(after->id));
}

static enum way way_of(const struct user_query *q, const struct search *s)
{
	if (q->role && strcmp(q->role, "admin") == 0)
		return WAY_ADMINS;
	return s->rare ? WAY_FOUND : WAY_WALK;
}

enum db_status users_db_list(struct db *db, struct pool *pool, const struct user_query *q)
{
	static const struct profile start = { .username = "" };
	struct search s = { .count = 0 };
	struct args a = { .n = 0 };
	enum db_status st;

	if (q->text)
		search_split(pool, q->text, &s);
	st = search_rare(db, &s);
	if (st != DB_OK)
		return st;
	if (way_of(q, &s) == WAY_FOUND)
		args_word(&a, s.rare);
	arg_add(&a, db_s(q->role ? q->role : "admin"));
	arg_add(&a, db_s(q->role ? q->role : "customer"));
	for (unsigned i = 0; i < SEARCH_WORDS; i++)
		args_word(&a, i < s.count ? s.words[i] : "%");
	arg_add(&a, db_u(q->after ? 0 : 1));
	args_after(&a, q->sort, q->after ? q->after : &start);
	arg_add(&a, db_u(q->limit));
	arg_add(&a, db_u(q->offset));
	return db_open_vals(db, &pages[q->sort][way_of(q, &s)], a.v);
}

enum db_status users_db_next(struct db *db, struct profile *p)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK)
		users_db_take(row, p);
	return st;
}
