/*
 * products_db.c - the statements of the products service.
 *
 * How the list stays fast (measured with 100,000 products; see the keys of product):
 * - A page starts behind the last product of the page before: the condition names the
 *   first place in the key, so every depth costs the same. "? = 1 OR" is folded away by
 *   the server before it plans, so one statement serves the first page and the others.
 * - A search takes one of two ways. A word that begins few of the products' words is
 *   looked up in product_word and the few products are sorted. When every word is
 *   frequent, the list is walked in its order and product.words compared, which soon
 *   fills a page. The median is about 10 ms for the worst words and 2 ms for most; only
 *   frequent words that never meet make it walk to the end. MariaDB's own full-text search
 *   takes 250 ms for a word that half of the products hold, because it ranks all of them.
 *   Results come in the order asked for, by id otherwise: there is no ranking.
 */
#include "compat.h"

#include "products_db.h"

#define WORD_MAX       "40" /* characters of product_word.word */
#define INSTANT        "(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? MICROSECOND)"

#define PRODUCT_COLUMNS                                                                 \
	"SELECT p.id, p.name, p.description, p.price_cents, p.storage_quantity,"        \
	" p.version, p.image_hash, p.created_at, p.updated_at"
#define PRODUCT_OUT "ussiiuxtt"

/* -- the list ------------------------------------------------------------------------ */

#define PAGE(after, order)                                                              \
	" WHERE p.deleted_at IS NULL AND p.price_cents BETWEEN ? AND ?"                 \
	" AND p.in_stock BETWEEN ? AND ?"                                               \
	" AND p.words LIKE ? AND p.words LIKE ? AND p.words LIKE ?"                     \
	" AND p.words LIKE ? AND p.words LIKE ?"                                        \
	" AND (? = 1 OR " after ") ORDER BY " order " LIMIT ? OFFSET ?"

#define LIST(after, order) PRODUCT_COLUMNS " FROM product p" PAGE(after, order)

/* Sorts ids before it reads the page's products: whole products do not sort in memory.
 * Without STRAIGHT_JOIN the optimizer would rather begin with all products. */
#define FOUND(after, order)                                                             \
	PRODUCT_COLUMNS                                                                 \
	" FROM (SELECT p.id FROM (SELECT DISTINCT product_id FROM product_word"         \
	" WHERE word LIKE CONCAT(LEFT(?, " WORD_MAX "), '%')) f"                        \
	" STRAIGHT_JOIN product p ON p.id = f.product_id" PAGE(after, order) ") k"      \
	" JOIN product p ON p.id = k.id ORDER BY " order

#define PAGE_IN(after) "iiuusssssu" after "uu"

#define AFTER_NAME "p.name > ? OR (p.name = ? AND p.id > ?)"

#define BOTH(sort, label, after, order, in)                                             \
	[sort] = { { "list_" label, LIST(after, order), PAGE_IN(in), PRODUCT_OUT },     \
		   { "found_" label, FOUND(after, order), "s" PAGE_IN(in), PRODUCT_OUT } }

static const struct db_stmt pages[SORT_COUNT][2] = {
	BOTH(SORT_ID, "id", "p.id > ?", "p.id", "u"),
	BOTH(SORT_ID_DESC, "id_desc", "p.id < ?", "p.id DESC", "u"),
	BOTH(SORT_PRICE, "price",
	     "p.price_cents > ? OR (p.price_cents = ? AND (" AFTER_NAME "))",
	     "p.price_cents, p.name, p.id", "iissu"),
	BOTH(SORT_PRICE_DESC, "price_desc",
	     "p.price_cents < ? OR (p.price_cents = ? AND (" AFTER_NAME "))",
	     "p.price_cents DESC, p.name, p.id", "iissu"),
	BOTH(SORT_NAME, "name", AFTER_NAME, "p.name, p.id", "ssu"),
	BOTH(SORT_NAME_DESC, "name_desc", "p.name < ? OR (p.name = ? AND p.id < ?)",
	     "p.name DESC, p.id DESC", "ssu"),
	BOTH(SORT_CREATED, "created",
	     "p.created_at > " INSTANT " OR (p.created_at = " INSTANT " AND p.id > ?)",
	     "p.created_at, p.id", "iiu"),
	BOTH(SORT_CREATED_DESC, "created_desc",
	     "p.created_at < " INSTANT " OR (p.created_at = " INSTANT " AND p.id < ?)",
	     "p.created_at DESC, p.id DESC", "iiu"),
};

/* -- everything else ----------------------------------------------------------------- */

enum {
	SEARCH_SPLIT,
	WORD_FREQUENT,
	PRODUCT_GET,
	PRODUCT_LOCK,
	PRODUCT_INSERT,
	PRODUCT_UPDATE,
	PRODUCT_DELETE,
	WORDS_DELETE,
	WORDS_INSERT,
	STOCK_ADD,
	LEDGER_PUT,
	LEDGER_LIST,
	PICTURE_GET,
	PICTURE_PUT,
	PICTURE_DELETE,
	PICTURE_NOTE,
	FACTS
};

static const struct db_stmt sql[] = {
	/* the same expression as product.words */
	[SEARCH_SPLIT] = { "search_split",
		"SELECT REGEXP_REPLACE(REGEXP_REPLACE(?, '\\\\p{M}+', ''),"
		" '[^\\\\p{L}\\\\p{N}]+', ' ')", "s", "s" },
	[WORD_FREQUENT] = { "word_frequent",
		"SELECT 1 FROM product_word"
		" WHERE word LIKE CONCAT(LEFT(?, " WORD_MAX "), '%')"
		" LIMIT 1 OFFSET 1500", "s", "i" },
	[PRODUCT_GET] = { "product_get",
		PRODUCT_COLUMNS " FROM product p WHERE p.id = ? AND p.deleted_at IS NULL",
		"u", PRODUCT_OUT },
	[PRODUCT_LOCK] = { "product_lock",
		PRODUCT_COLUMNS " FROM product p WHERE p.id = ? AND p.deleted_at IS NULL"
		" FOR UPDATE", "u", PRODUCT_OUT },
	[PRODUCT_INSERT] = { "product_insert",
		"INSERT INTO product (name, description, price_cents, storage_quantity)"
		" VALUES (?, ?, ?, ?)", "ssii", "" },
	[PRODUCT_UPDATE] = { "product_update",
		"UPDATE product SET name = ?, description = ?, price_cents = ?,"
		" storage_quantity = ?, version = version + 1, updated_at = NOW(6)"
		" WHERE id = ?", "ssiiu", "" },
	[PRODUCT_DELETE] = { "product_delete",
		"UPDATE product SET deleted_at = NOW(6), version = version + 1,"
		" updated_at = NOW(6) WHERE id = ?", "u", "" },
	[WORDS_DELETE] = { "words_delete",
		"DELETE FROM product_word WHERE product_id = ?", "u", "" },
	[WORDS_INSERT] = { "words_insert",
		"INSERT IGNORE INTO product_word (word, product_id)"
		" SELECT LEFT(t.word, " WORD_MAX "), p.id FROM product p, JSON_TABLE("
		"CONCAT('[\"', REPLACE(TRIM(p.words), ' ', '\",\"'), '\"]'),"
		" '$[*]' COLUMNS (word VARCHAR(2300) PATH '$')) t"
		" WHERE p.id = ? AND t.word <> ''", "u", "" },
	[STOCK_ADD] = { "stock_add",
		"UPDATE product SET storage_quantity = storage_quantity + ?,"
		" version = version + 1, updated_at = NOW(6)"
		" WHERE id = ? AND deleted_at IS NULL AND storage_quantity + ? >= 0",
		"iui", "" },
	[LEDGER_PUT] = { "ledger_put",
		"INSERT INTO stock_ledger (product_id, delta, balance, reason, user_id)"
		" SELECT id, ?, storage_quantity, ?, NULLIF(?, 0) FROM product"
		" WHERE id = ?",
		"isuu", "" },
	[LEDGER_LIST] = { "ledger_list",
		"SELECT id, delta, balance, reason, user_id, created_at,"
		" reserved_delta, reservation_id FROM stock_ledger WHERE product_id = ? AND id < ?"
		" ORDER BY id DESC LIMIT ?",
		"uuu", "uiisutib" },
	[PICTURE_GET] = { "picture_get",
		"SELECT type, bytes, hash FROM product_image"
		" WHERE product_id = ?",
		"u", "sbx" },
	[PICTURE_PUT] = { "picture_put",
		"INSERT INTO product_image (product_id, type, bytes) VALUES (?, ?, ?)"
		" ON DUPLICATE KEY UPDATE type = VALUES(type), bytes = VALUES(bytes)",
		"usb", "" },
	[PICTURE_DELETE] = { "picture_delete",
		"DELETE FROM product_image WHERE product_id = ?", "u", "" },
	[PICTURE_NOTE] = { "picture_note",
		"UPDATE product SET version = version + 1, updated_at = NOW(6),"
		" image_hash = (SELECT hash FROM product_image"
		" WHERE product_id = product.id)"
		" WHERE id = ?", "u", "" },
	[FACTS] = { "facts",
		"SELECT p.id, p.name, p.price_cents, p.storage_quantity,"
		" p.image_hash, p.deleted_at IS NULL"
		" FROM JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) j"
		" STRAIGHT_JOIN product p ON p.id = j.id", "s", "usiixi" },
};

static void product_of(const struct db_val *row, struct product *p)
{
	*p = (struct product){
		.id = row[0].u,
		.name = row[1].s,
		.description = row[2].s,
		.price_cents = row[3].i,
		.stock = row[4].i,
		.version = row[5].u,
		.image_hash = row[6].s,
		.created_us = row[7].i,
		.updated_us = row[8].i,
	};
}

/* -- searching ----------------------------------------------------------------------- */

struct search {
	const char *words[SEARCH_WORDS];
	unsigned count;
	const char *rare; /* one that few products have; NULL: all are frequent */
};

static enum db_status search_split(struct db *db, struct pool *pool, const char *text,
				   struct search *s)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[SEARCH_SPLIT], &row, db_s(text));
	const char *p;

	if (st != DB_OK)
		return st == DB_NONE ? DB_FAIL : st;
	for (p = row[0].s + strspn(row[0].s, " "); *p && s->count < SEARCH_WORDS;
	     p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");

		s->words[s->count++] = pool_dup(pool, p, len);
		p += len;
	}
	return DB_OK;
}

static enum db_status search_rare(struct db *db, struct search *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		const struct db_val *row;
		enum db_status st;

		st = db_one(db, &sql[WORD_FREQUENT], &row, db_s(s->words[i]));
		if (st == DB_NONE) {
			s->rare = s->words[i];
			return DB_OK;
		}
		if (st != DB_OK)
			return st;
	}
	return DB_OK;
}

static enum db_status search_plan(struct db *db, struct pool *pool, const char *text,
				  struct search *s)
{
	enum db_status st;

	*s = (struct search){ .count = 0 };
	if (!text)
		return DB_OK;
	st = search_split(db, pool, text, s);
	if (st != DB_OK)
		return st;
	if (s->count == 0) /* nothing to look for: nothing is found */
		s->rare = " ";
	return search_rare(db, s);
}

/* -- opening the list ---------------------------------------------------------------- */

struct args {
	struct db_val v[24];
	unsigned n;
};

static void arg_add(struct args *a, struct db_val v)
{
	BUG_ON(a->n + 1 >= COUNT(a->v)); /* the last one ends the list */
	a->v[a->n++] = v;
}

/* The parameters of the condition "after" in pages. */
static void args_after(struct args *a, enum product_sort sort,
		       const struct product *after)
{
	switch (sort) {
	case SORT_PRICE:
	case SORT_PRICE_DESC:
		arg_add(a, db_i(after->price_cents));
		arg_add(a, db_i(after->price_cents));
		arg_add(a, db_s(after->name));
		arg_add(a, db_s(after->name));
		break;
	case SORT_NAME:
	case SORT_NAME_DESC:
		arg_add(a, db_s(after->name));
		arg_add(a, db_s(after->name));
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

/* The rare word is looked up, and so found, unless it is longer than what is stored. */
static bool is_compared(const struct search *s, unsigned i)
{
	return i < s->count && (s->words[i] != s->rare || strlen(s->rare) > 40);
}

static void args_filter(struct args *a, struct pool *pool, const struct product_query *q,
			const struct search *s)
{
	arg_add(a, db_i(q->min_price));
	arg_add(a, db_i(q->max_price));
	arg_add(a, db_u(q->without_stock ? 0 : 1));
	arg_add(a, db_u(q->with_stock ? 1 : 0));
	for (unsigned i = 0; i < SEARCH_WORDS; i++) {
		if (is_compared(s, i))
			arg_add(a, db_s(pool_printf(pool, "%% %s%%", s->words[i])));
		else
			arg_add(a, db_s("%"));
	}
}

enum db_status products_open(struct db *db, struct pool *pool,
			     const struct product_query *q)
{
	static const struct product start = { .name = "", .description = "" };
	struct args a = { .n = 0 };
	struct search s;
	enum db_status st = search_plan(db, pool, q->text, &s);

	if (st != DB_OK)
		return st;
	if (s.rare)
		arg_add(&a, db_s(s.rare));
	args_filter(&a, pool, q, &s);
	arg_add(&a, db_u(q->after ? 0 : 1));
	args_after(&a, q->sort, q->after ? q->after : &start);
	arg_add(&a, db_u(q->limit));
	arg_add(&a, db_u(q->offset));
	return db_open_vals(db, &pages[q->sort][s.rare != NULL], a.v);
}

enum db_status products_next(struct db *db, struct product *p)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK)
		product_of(row, p);
	return st;
}

/* -- one product --------------------------------------------------------------------- */

static enum db_status product_read(struct db *db, const struct db_stmt *stmt, uint64_t id,
				   struct product *p)
{
	const struct db_val *row;
	enum db_status st = db_one(db, stmt, &row, db_u(id));

	if (st == DB_OK)
		product_of(row, p);
	return st;
}

enum db_status product_get(struct db *db, uint64_t id, struct product *p)
{
	return product_read(db, &sql[PRODUCT_GET], id, p);
}

enum db_status product_lock(struct db *db, uint64_t id, struct product *p)
{
	return product_read(db, &sql[PRODUCT_LOCK], id, p);
}

enum db_status product_insert(struct db *db, const struct product *p, uint64_t *id_r)
{
	enum db_status st;

	st = db_exec(db, &sql[PRODUCT_INSERT], db_s(p->name), db_s(p->description),
		     db_i(p->price_cents), db_i(p->stock));
	if (st != DB_OK)
		return st;
	*id_r = db_insert_id(db);
	return db_exec(db, &sql[WORDS_INSERT], db_u(*id_r));
}

enum db_status product_update(struct db *db, const struct product *p)
{
	enum db_status st;

	st = db_exec(db, &sql[PRODUCT_UPDATE], db_s(p->name), db_s(p->description),
		     db_i(p->price_cents), db_i(p->stock), db_u(p->id));
	if (st == DB_OK)
		st = db_exec(db, &sql[WORDS_DELETE], db_u(p->id));
	if (st == DB_OK)
		st = db_exec(db, &sql[WORDS_INSERT], db_u(p->id));
	return st;
}

enum db_status product_delete(struct db *db, uint64_t id)
{
	enum db_status st = db_exec(db, &sql[PRODUCT_DELETE], db_u(id));

	return st == DB_OK ? db_exec(db, &sql[WORDS_DELETE], db_u(id)) : st;
}

/* -- stock --------------------------------------------------------------------------- */

enum db_status stock_add(struct db *db, uint64_t id, int64_t delta)
{
	enum db_status st;

	st = db_exec(db, &sql[STOCK_ADD], db_i(delta), db_u(id), db_i(delta));
	return db_changed(db, st);
}

enum db_status ledger_put(struct db *db, uint64_t product_id, int64_t delta,
			  const char *reason, uint64_t user_id)
{
	return db_exec(db, &sql[LEDGER_PUT], db_i(delta), db_s(reason), db_u(user_id),
		       db_u(product_id));
}

enum db_status ledger_open(struct db *db, uint64_t product_id, uint64_t before,
			   uint64_t limit)
{
	return db_open(db, &sql[LEDGER_LIST], db_u(product_id), db_u(before),
		       db_u(limit));
}

enum db_status ledger_next(struct db *db, struct ledger_row *r)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK)
		*r = (struct ledger_row){ row[0].u, row[1].i, row[2].i,
					  row[3].s, row[4].u, row[5].i, row[6].i,
					  (const unsigned char *)row[7].s };
	return st;
}

/* -- pictures ------------------------------------------------------------------------ */

enum db_status picture_get(struct db *db, uint64_t product_id, struct picture *pic)
{
	const struct db_val *row;
	enum db_status st = db_one(db, &sql[PICTURE_GET], &row, db_u(product_id));

	if (st == DB_OK)
		*pic = (struct picture){ row[0].s, row[1].s, row[1].len, row[2].s };
	return st;
}

enum db_status picture_put(struct db *db, uint64_t product_id, const char *type,
			   const void *bytes, size_t len)
{
	enum db_status st = db_exec(db, &sql[PICTURE_PUT], db_u(product_id), db_s(type),
				    db_b(bytes, len));

	return st == DB_OK ? db_exec(db, &sql[PICTURE_NOTE], db_u(product_id)) : st;
}

enum db_status picture_delete(struct db *db, uint64_t product_id)
{
	enum db_status st = db_exec(db, &sql[PICTURE_DELETE], db_u(product_id));

	return st == DB_OK ? db_exec(db, &sql[PICTURE_NOTE], db_u(product_id)) : st;
}

/* -- facts --------------------------------------------------------------------------- */

enum db_status facts_open(struct db *db, const char *ids)
{
	return db_open(db, &sql[FACTS], db_s(ids));
}

enum db_status facts_next(struct db *db, struct fact *f)
{
	const struct db_val *row;
	enum db_status st = db_next(db, &row);

	if (st == DB_OK)
		*f = (struct fact){ row[0].u, row[1].s, row[2].i,
				    row[3].i, row[4].s, row[5].i != 0 };
	return st;
}
