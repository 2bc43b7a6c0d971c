/*
 * products_item.c - one product: read, create, replace, change, delete; how it looks.
 */
#include "compat.h"

#include "clock.h"
#include "money.h"
#include "products.h"

/* -- how a product looks ------------------------------------------------------------- */

void product_json_image(struct jw *w, uint64_t id, const char *hash, struct pool *pool)
{
	jw_kstr(w, "image",
		hash ? pool_printf(pool, "/products/%" PRIu64 "/image?v=%.*s", id,
				   PICTURE_VERSION, hash) :
		       NULL);
}

void product_json_time(struct jw *w, const char *name, int64_t wall_us)
{
	char text[CLOCK_TEXT];

	jw_kstr(w, name, clock_rfc3339(wall_us, false, text));
}

void product_json(struct jw *w, const struct product *p, struct pool *pool)
{
	jw_obj(w);
	jw_ku64(w, "id", p->id);
	jw_kstr(w, "name", p->name);
	jw_kstr(w, "description", p->description);
	jw_kmoney(w, "price", p->price_cents);
	jw_kstr(w, "currency", "EUR");
	jw_ki64(w, "storage_quantity", p->stock);
	product_json_image(w, p->id, p->image_hash, pool);
	product_json_time(w, "date_creation", p->created_us);
	product_json_time(w, "date_update", p->updated_us);
	jw_end_obj(w);
}

int products_db_error(struct req *req, enum db_status st)
{
	return st == DB_NONE ? resp_error(req, ERR_PRODUCT_NOT_FOUND) : resp_db(req, st);
}

int products_answer(struct req *req, int status, uint64_t id)
{
	struct product p;
	enum db_status st = product_get(req->db, id, &p);

	if (st != DB_OK)
		return products_db_error(req, st);
	resp_etag_version(req, p.version);
	product_json(resp_data(req, status), &p, req->pool);
	if (status == 201)
		resp_header(req, "Location", "/products/%" PRIu64, id);
	return resp_done(req);
}

void products_cacheable(struct req *req)
{
	if (!req->authorization)
		resp_header(req, "Cache-Control", "public, max-age=1, stale-while-revalidate=1");
}

int products_read(struct req *req)
{
	struct product p;
	enum db_status st = product_get(req->db, req->arg[0], &p);

	if (st != DB_OK)
		return products_db_error(req, st);
	resp_etag_version(req, p.version);
	if (resp_not_modified(req))
		return 0;
	product_json(resp_data(req, 200), &p, req->pool);
	products_cacheable(req);
	return resp_done(req);
}

/* -- writes -------------------------------------------------------------------------- */

static int stale(struct req *req, const struct product *p)
{
	struct jw *w = resp_problem(req, ERR_PRECONDITION_FAILED);

	jw_key(w, "current");
	product_json(w, p, req->pool);
	return resp_problem_done(req);
}

int products_lock(struct req *req, struct product *p)
{
	enum db_status st = product_lock(req->db, req->arg[0], p);

	if (st != DB_OK)
		return products_db_error(req, st);
	resp_etag_version(req, p->version);
	return resp_if_match(req) ? 0 : stale(req, p);
}

/* What a body may give. */
struct input {
	const char *name, *description;
	int64_t price;
	int64_t storage_quantity;
	struct bytes image;
};

enum { IN_NAME, IN_DESCRIPTION, IN_PRICE, IN_STOCK, IN_IMAGE };

/* One line of text, not only spaces. */
static bool is_name(const char *s)
{
	return text_is_line(s) && s[strspn(s, " ")] != '\0';
}

#define INPUT_FIELDS(need)                                                              \
	[IN_NAME] = FIELD_STR(struct input, name, 1, 200, .required = (need),           \
			      .check = is_name),                                        \
	[IN_DESCRIPTION] = FIELD_STR(struct input, description, 0, 2000),               \
	[IN_PRICE] = FIELD_MONEY(struct input, price, 0, MONEY_MAX, .required = (need)), \
	[IN_STOCK] = FIELD_I64(struct input, storage_quantity, 0, STOCK_MAX),           \
	[IN_IMAGE] = FIELD_BYTES(struct input, image, 1, IMAGE_MAX_BYTES,               \
				 .nullable = true),                                     \
	{ 0 }

static const struct field whole_fields[] = { INPUT_FIELDS(true) };
static const struct field change_fields[] = { INPUT_FIELDS(false) };

static bool given(uint64_t present, int field)
{
	return present >> field & 1;
}

static int input_parse(struct req *req, const struct field *fields, struct input *in,
		       uint64_t *present_r)
{
	if (req_body(req, fields, in, sizeof(*in), present_r) < 0)
		return -1;
	if (in->image.data && image_check(in->image.data, in->image.len) == IMAGE_NONE)
		return resp_error(req, ERR_INVALID_IMAGE);
	return 0;
}

/* The picture of a body: null removes it, none leaves it. */
static enum db_status put_image(struct req *req, uint64_t id, const struct input *in,
				uint64_t present)
{
	if (!given(present, IN_IMAGE))
		return DB_OK;
	if (!in->image.data)
		return picture_delete(req->db, id);
	return picture_put(req->db, id,
			   image_media_type(image_check(in->image.data, in->image.len)),
			   in->image.data, in->image.len);
}

static enum db_status put_ledger(struct req *req, uint64_t id, int64_t delta,
				 const char *reason)
{
	return delta ? ledger_put(req->db, id, delta, reason, req->who.user_id) : DB_OK;
}

int products_create(struct req *req)
{
	struct input in;
	struct product p;
	uint64_t present;
	enum db_status st;

	if (input_parse(req, whole_fields, &in, &present) < 0)
		return -1;
	p = (struct product){
		.name = in.name,
		.description = in.description ? in.description : "",
		.price_cents = in.price,
		.stock = in.storage_quantity,
	};
	st = product_insert(req->db, &p, &p.id);
	if (st == DB_OK)
		st = put_ledger(req, p.id, p.stock, "created");
	if (st == DB_OK && in.image.data)
		st = put_image(req, p.id, &in, present);
	if (st != DB_OK)
		return products_db_error(req, st);
	return products_answer(req, 201, p.id);
}

/* p: as it was; the members given by the body take their new values. */
static int update(struct req *req, struct product *p, const struct input *in,
		  uint64_t present)
{
	int64_t before = p->stock;
	enum db_status st;

	if (given(present, IN_NAME))
		p->name = in->name;
	if (given(present, IN_DESCRIPTION))
		p->description = in->description;
	if (given(present, IN_PRICE))
		p->price_cents = in->price;
	if (given(present, IN_STOCK))
		p->stock = in->storage_quantity;
	st = product_update(req->db, p);
	if (st == DB_OK)
		st = put_ledger(req, p->id, p->stock - before, "set");
	if (st == DB_OK)
		st = put_image(req, p->id, in, present);
	if (st != DB_OK)
		return products_db_error(req, st);
	return products_answer(req, 200, p->id);
}

/* Stock and picture stay when they are not given: they have addresses of their own, and a
 * forgotten member must not empty the shelf. */
int products_replace(struct req *req)
{
	struct input in;
	struct product p;
	uint64_t present;

	if (input_parse(req, whole_fields, &in, &present) < 0 ||
	    products_lock(req, &p) < 0)
		return -1;
	p.description = "";
	return update(req, &p, &in, present);
}

int products_change(struct req *req)
{
	struct input in;
	struct product p;
	uint64_t present;

	if (input_parse(req, change_fields, &in, &present) < 0 ||
	    products_lock(req, &p) < 0)
		return -1;
	return update(req, &p, &in, present);
}

int products_remove(struct req *req)
{
	struct product p;
	enum db_status st;

	if (products_lock(req, &p) < 0)
		return -1;
	st = product_delete(req->db, p.id);
	if (st != DB_OK)
		return products_db_error(req, st);
	req->etag = NULL;
	return resp_message(req, 200, "The product was deleted.",
			    "Le produit a été supprimé.");
}
