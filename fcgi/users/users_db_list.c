/*
 * users_db_list.c - the statements of the list.
 *
 * How it stays fast with a million profiles (measured; see the keys of profile): a page
 * starts behind the last row of the page before, and takes one of three ways, each with
 * its index named, because the optimizer cannot know how soon a page is full.
 * - walk: along the key of the order, comparing words. Mostly a few milliseconds.
 * - admins: they are few; read and sorted.
 * - found: the beginnings of one word are looked up in the keys of the four columns, and
 *   sorted. For a word that few profiles have; and when a walk has not filled its page by
 *   WALK_ROWS, because words seldom meet or all stand at the other end of the order.
 * The worst is several frequent words that never meet: one to two seconds.
 */
#include "compat.h"

#include "users_db_list.h"

#define FREQUENT  5000	 /* beginnings: more are rather walked than sorted */
#define COUNT_MAX 50000	 /* beginnings in one column: more are not told apart */
#define WALK_ROWS 10000
#define INSTANT	  "(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? MICROSECOND)"

#define MATCH                                                                            \
	" AND (p.username LIKE ? OR p.email LIKE ? OR p.first_name LIKE ?"               \
	" OR p.last_name LIKE ?)"
#define PAGE(after, order)                                                               \
	" WHERE p.role BETWEEN ? AND ?" MATCH MATCH MATCH MATCH MATCH                    \
	" AND (? = 1 OR " after ") ORDER BY " order " LIMIT ? OFFSET ? ROWS EXAMINED ?"
#define PAGE_IN(after) "ss" "ssss" "ssss" "ssss" "ssss" "ssss" "u" after "uuu"

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
	     "p.username > ? OR (p.username = ? AND p.id > ?)",
	     "p.username, p.id", "ssu"),
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

#define BEGINS(column) "(SELECT id FROM profile WHERE " column " LIKE ? LIMIT ?)"

static const struct db_stmt word_count = {
	"user_word_count",
	"SELECT COUNT(*) FROM (" BEGINS("username") " UNION ALL " BEGINS("email")
	" UNION ALL " BEGINS("first_name") " UNION ALL " BEGINS("last_name") ") c",
	"susususu", "u"
};

/* -- searching -- */

struct search {
	const char *words[SEARCH_WORDS]; /* as patterns of LIKE */
	unsigned count;
	const char *rarest;
	uint64_t profiles; /* that have it, about */
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

/* The rarest word; those with more than most beginnings are not told apart. */
static enum db_status search_rarest(struct db *db, struct search *s, uint64_t most)
{
	struct db_val m = db_u(most);

	s->profiles = UINT64_MAX;
	for (unsigned i = 0; i < s->count; i++) {
		struct db_val w = db_s(s->words[i]);
		const struct db_val *row;
		enum db_status st = db_one(db, &word_count, &row, w, m, w, m, w, m, w, m);

		if (st != DB_OK)
			return st == DB_NONE ? DB_FAIL : st;
		if (row[0].u < s->profiles) {
			s->profiles = row[0].u;
			s->rarest = s->words[i];
		}
	}
	return DB_OK;
}

/* -- reading a page -- */

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

static enum db_status open_page(struct db *db, const struct user_query *q,
				const struct search *s, enum way way)
{
	static const struct profile start = { .username = "" };
	struct args a = { .n = 0 };

	if (way == WAY_FOUND)
		args_word(&a, s->rarest);
	arg_add(&a, db_s(q->role ? q->role : "admin"));
	arg_add(&a, db_s(q->role ? q->role : "customer"));
	for (unsigned i = 0; i < SEARCH_WORDS; i++)
		args_word(&a, i < s->count ? s->words[i] : "%");
	arg_add(&a, db_u(q->after ? 0 : 1));
	args_after(&a, q->sort, q->after ? q->after : &start);
	arg_add(&a, db_u(q->limit));
	arg_add(&a, db_u(q->offset));
	arg_add(&a, db_u(way == WAY_WALK && s->count ? WALK_ROWS : INT64_MAX));
	return db_open_vals(db, &pages[q->sort][way], a.v);
}

static enum db_status read_page(struct db *db, const struct user_query *q,
				const struct search *s, enum way way,
				struct profile *rows, uint64_t *count_r)
{
	const struct db_val *row;
	enum db_status st = open_page(db, q, s, way);

	*count_r = 0;
	while (st == DB_OK && (st = db_next(db, &row)) == DB_OK) {
		BUG_ON(*count_r == q->limit);
		users_db_take(row, &rows[(*count_r)++]);
	}
	return st == DB_NONE ? DB_OK : st;
}

static enum db_status search_page(struct db *db, const struct user_query *q,
				  struct search *s, struct profile *rows,
				  uint64_t *count_r)
{
	enum db_status st = search_rarest(db, s, FREQUENT);

	if (st != DB_OK)
		return st;
	if (s->profiles < FREQUENT)
		return read_page(db, q, s, WAY_FOUND, rows, count_r);
	st = read_page(db, q, s, WAY_WALK, rows, count_r);
	if (st != DB_OK || *count_r == q->limit)
		return st;
	if (s->count > 1)
		st = search_rarest(db, s, COUNT_MAX);
	return st == DB_OK ? read_page(db, q, s, WAY_FOUND, rows, count_r) : st;
}

enum db_status users_db_list(struct db *db, struct pool *pool, const struct user_query *q,
			     struct profile *rows, uint64_t *count_r)
{
	struct search s = { .count = 0 };

	if (q->text)
		search_split(pool, q->text, &s);
	if (q->role && strcmp(q->role, "admin") == 0)
		return read_page(db, q, &s, WAY_ADMINS, rows, count_r);
	if (s.count)
		return search_page(db, q, &s, rows, count_r);
	return read_page(db, q, &s, WAY_WALK, rows, count_r);
}
