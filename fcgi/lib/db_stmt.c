/* db_stmt.c - prepared statements: one per db_stmt and connection, fixed bindings. */
#include "compat.h"

#include "clock.h"
#include "db_priv.h"

/* beside the numbers of server and library */
#define SIGNATURE_DIFFERS 1
#define NUMBER_DIFFERS    2

/* Where the library reads an argument from, or writes a column to. */
struct cell {
	union {
		uint64_t u;
		int64_t i;
		MYSQL_TIME t;
	};
	unsigned long len;
	my_bool null, error;
};

struct db_prep {
	const struct db_stmt *stmt;
	MYSQL_STMT *my;
	unsigned n_in, n_out;
	bool moving; /* has text or bytes among its parameters: their addresses change */
	MYSQL_BIND *in_bind, *out_bind;
	struct cell *in, *out;
	struct db_val *row;
};

static struct db_prep **slot_of(struct db *db, const struct db_stmt *stmt)
{
	size_t i = (uintptr_t)stmt / sizeof(*stmt);

	for (;; i++) {
		struct db_prep **slot = &db->slots[i % DB_STMT_SLOTS];

		if (!*slot || (*slot)->stmt == stmt)
			return slot;
	}
}

static void bind_init(MYSQL_BIND *b, char type, struct cell *cell)
{
	b->is_null = &cell->null;
	b->length = &cell->len;
	b->error = &cell->error;
	switch (type) {
	case 'u':
	case 'i':
		b->buffer_type = MYSQL_TYPE_LONGLONG;
		b->buffer = &cell->u;
		b->is_unsigned = type == 'u' ? 1 : 0;
		return;
	case 's':
		b->buffer_type = MYSQL_TYPE_STRING;
		return;
	case 'b':
	case 'x':
		b->buffer_type = MYSQL_TYPE_BLOB;
		return;
	case 't':
		b->buffer_type = MYSQL_TYPE_DATETIME;
		b->buffer = &cell->t;
		return;
	default:
		BUG_ON(true);
	}
}

static void prep_bind(struct db_prep *p)
{
	p->in_bind = xcalloc(p->n_in + 1, sizeof(*p->in_bind));
	p->in = xcalloc(p->n_in + 1, sizeof(*p->in));
	p->out_bind = xcalloc(p->n_out + 1, sizeof(*p->out_bind));
	p->out = xcalloc(p->n_out + 1, sizeof(*p->out));
	p->row = xcalloc(p->n_out + 1, sizeof(*p->row));
	for (unsigned i = 0; i < p->n_in; i++) {
		bind_init(&p->in_bind[i], p->stmt->in[i], &p->in[i]);
		p->moving |= strchr("sb", p->stmt->in[i]) != NULL;
	}
	for (unsigned i = 0; i < p->n_out; i++) {
		bind_init(&p->out_bind[i], p->stmt->out[i], &p->out[i]);
		p->row[i].type = p->stmt->out[i];
	}
}

static void prep_free(struct db_prep *p)
{
	mysql_stmt_close(p->my);
	free(p->in_bind);
	free(p->in);
	free(p->out_bind);
	free(p->out);
	free(p->row);
	free(p);
}

void db_prep_free_all(struct db *db)
{
	for (unsigned i = 0; i < DB_STMT_SLOTS; i++) {
		if (db->slots[i])
			prep_free(db->slots[i]);
		db->slots[i] = NULL;
	}
	db->prepared = 0;
}

static unsigned prepare(struct db *db, struct db_prep *p)
{
	const struct db_stmt *stmt = p->stmt;

	if (db_wait_prepare(db, p->my, stmt->sql))
		return mysql_stmt_errno(p->my);
	p->n_in = (unsigned)mysql_stmt_param_count(p->my);
	p->n_out = mysql_stmt_field_count(p->my);
	if (p->n_in != strlen(stmt->in) || p->n_out != strlen(stmt->out))
		return SIGNATURE_DIFFERS;
	prep_bind(p);
	/* both stay valid over executions: only the cells behind them change */
	if ((p->n_in && mysql_stmt_bind_param(p->my, p->in_bind)) ||
	    (p->n_out && mysql_stmt_bind_result(p->my, p->out_bind)))
		return mysql_stmt_errno(p->my);
	return 0;
}

enum db_status db_prep_get(struct db *db, const struct db_stmt *stmt,
			   struct db_prep **prep_r)
{
	struct db_prep **slot = slot_of(db, stmt), *p = *slot;
	enum db_status st;
	unsigned code;

	*prep_r = p;
	if (p)
		return DB_OK;
	BUG_ON(db->prepared > DB_STMT_SLOTS / 2);
	p = xcalloc(1, sizeof(*p));
	p->stmt = stmt;
	p->my = mysql_stmt_init(db->my);
	BUG_ON(!p->my);
	code = prepare(db, p);
	if (code) {
		st = db_failed(db, stmt->name, code, code == SIGNATURE_DIFFERS ?
			       "parameters or columns differ" : mysql_stmt_error(p->my));
		prep_free(p);
		return st;
	}
	*slot = *prep_r = p;
	db->prepared++;
	return DB_OK;
}

static enum db_status failed(struct db *db, const struct db_prep *p)
{
	unsigned code = mysql_stmt_errno(p->my);

	/* what goes wrong while rows arrive is told at the connection only */
	if (code == 0)
		return db_failed(db, p->stmt->name, mysql_errno(db->my),
				 mysql_error(db->my));
	return db_failed(db, p->stmt->name, code, mysql_stmt_error(p->my));
}

static void put_arg(struct db_prep *p, unsigned i, const struct db_val *v)
{
	struct cell *cell = &p->in[i];

	BUG_ON(v->type != p->stmt->in[i]);
	cell->null = v->null ? 1 : 0;
	if (v->type == 'u') {
		cell->u = v->u;
	} else if (v->type == 'i') {
		cell->i = v->i;
	} else {
		cell->len = v->len;
		/* the library only reads it, but has one type for both ways */
		p->in_bind[i].buffer = (union { const void *from; void *to; }){ v->s ? v->s : "" }.to;
		p->in_bind[i].buffer_length = v->len;
	}
}

/* The arguments of all rows as the library's array binding wants them: of every parameter the
 * values, lengths and signs of NULL lie one behind the other. */
struct columns {
	MYSQL_BIND *bind;
	union {
		uint64_t u;
		const char *s;
	} *value;
	unsigned long *len;
	char *null;
};

static void columns_init(struct columns *c, const struct db_prep *p, unsigned rows)
{
	size_t n = (size_t)p->n_in * rows;

	c->bind = xcalloc(p->n_in, sizeof(*c->bind));
	c->value = xcalloc(n, sizeof(*c->value));
	c->len = xcalloc(n, sizeof(*c->len));
	c->null = xcalloc(n, sizeof(*c->null));
	for (unsigned i = 0; i < p->n_in; i++) {
		c->bind[i].buffer_type = p->in_bind[i].buffer_type;
		c->bind[i].is_unsigned = p->in_bind[i].is_unsigned;
		c->bind[i].buffer = &c->value[(size_t)i * rows];
		c->bind[i].length = &c->len[(size_t)i * rows];
		c->bind[i].u.indicator = &c->null[(size_t)i * rows];
	}
}

static void columns_put(struct columns *c, size_t at, const struct db_val *v)
{
	if (v->type == 'u' || v->type == 'i')
		c->value[at].u = v->u;
	else
		c->value[at].s = v->s;
	c->len[at] = v->len;
	c->null[at] = v->null ? STMT_INDICATOR_NULL : STMT_INDICATOR_NONE;
}

static void columns_free(struct columns *c)
{
	free(c->bind);
	free(c->value);
	free(c->len);
	free(c->null);
}

/* 0: no array */
static void set_rows(struct db_prep *p, unsigned rows)
{
	BUG_ON(mysql_stmt_attr_set(p->my, STMT_ATTR_ARRAY_SIZE, &rows));
}

static int execute_rows(struct db *db, struct db_prep *p, const struct db_val *args,
			unsigned rows)
{
	struct columns c;
	int rc;

	columns_init(&c, p, rows);
	for (unsigned i = 0; i < p->n_in; i++) {
		for (unsigned row = 0; row < rows; row++) {
			const struct db_val *v = &args[row * p->n_in + i];

			BUG_ON(v->type != p->stmt->in[i]);
			columns_put(&c, (size_t)i * rows + row, v);
		}
	}
	set_rows(p, rows);
	rc = mysql_stmt_bind_param(p->my, c.bind) || db_wait_execute(db, p->my);
	set_rows(p, 0);
	p->moving = true; /* what is bound now is freed */
	columns_free(&c);
	return rc;
}

static int execute(struct db *db, struct db_prep *p, const struct db_val *args)
{
	for (unsigned i = 0; i < p->n_in; i++)
		put_arg(p, i, &args[i]);
	BUG_ON(args[p->n_in].type != '\0');
	return (p->moving && mysql_stmt_bind_param(p->my, p->in_bind)) ||
	       db_wait_execute(db, p->my);
}

enum db_status db_prep_execute(struct db *db, struct db_prep *p,
			       const struct db_val *args, unsigned rows)
{
	if (rows ? execute_rows(db, p, args, rows) : execute(db, p, args))
		return failed(db, p);
	db->affected = mysql_stmt_affected_rows(p->my);
	db->insert_id = mysql_stmt_insert_id(p->my);
	if (p->n_out)
		db->open = p;
	return DB_OK;
}

/* The length is known once the row is here, so text goes straight into the pool. */
static enum db_status take_text(struct db *db, struct db_prep *p, unsigned i)
{
	struct db_val *v = &p->row[i];
	MYSQL_BIND into = p->out_bind[i];
	char *text;

	v->len = p->out[i].len;
	v->s = text = pool_alloc(db->pool, v->len + 1);
	if (v->len == 0)
		return DB_OK;
	into.buffer = text;
	into.buffer_length = v->len;
	if (mysql_stmt_fetch_column(p->my, &into, i, 0))
		return failed(db, p);
	return DB_OK;
}

static void to_hex(struct db *db, struct db_val *v)
{
	static const char digits[] = "0123456789abcdef";
	char *text = pool_alloc(db->pool, v->len * 2 + 1);

	for (size_t i = 0; i < v->len; i++) {
		text[2 * i] = digits[(unsigned char)v->s[i] >> 4];
		text[2 * i + 1] = digits[(unsigned char)v->s[i] & 15];
	}
	v->s = text;
	v->len *= 2;
}

static int64_t instant(const MYSQL_TIME *t)
{
	return clock_us((int)t->year, (int)t->month, (int)t->day) +
	       (((int64_t)t->hour * 60 + t->minute) * 60 + t->second) * 1000000 +
	       (int64_t)t->second_part;
}

static enum db_status take_value(struct db *db, struct db_prep *p, unsigned i)
{
	struct db_val *v = &p->row[i];
	struct cell *cell = &p->out[i];

	*v = (struct db_val){ .type = v->type, .null = cell->null };
	if (v->null)
		return DB_OK;
	if (strchr("sbx", v->type)) {
		enum db_status st = take_text(db, p, i);

		if (st == DB_OK && v->type == 'x')
			to_hex(db, v);
		return st;
	}
	if (cell->error)
		return db_failed(db, p->stmt->name, NUMBER_DIFFERS,
				 "a number does not fit");
	if (v->type == 't')
		v->i = instant(&cell->t);
	else
		v->u = cell->u;
	return DB_OK;
}

static enum db_status take_row(struct db *db, struct db_prep *p)
{
	for (unsigned i = 0; i < p->n_out; i++) {
		enum db_status st = take_value(db, p, i);

		if (st != DB_OK)
			return st;
	}
	return DB_OK;
}

enum db_status db_prep_fetch(struct db *db, struct db_prep *p,
			     const struct db_val **row_r)
{
	switch (db_wait_fetch(db, p->my)) {
	case 0:
	case MYSQL_DATA_TRUNCATED: /* of every text: it was offered no room */
		*row_r = p->row;
		return take_row(db, p);
	case MYSQL_NO_DATA:
		return DB_NONE;
	default:
		return failed(db, p);
	}
}

void db_prep_drop_rows(struct db *db, struct db_prep *p)
{
	db_wait_free_result(db, p->my);
}
