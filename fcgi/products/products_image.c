/*
 * products_image.c - the picture of a product as bytes.
 */
#include "compat.h"

#include "products.h"

struct version {
	const char *v;
};

static const struct field version_fields[] = {
	FIELD_STR(struct version, v, 1, 64),
	{ 0 }
};

/* What the address with the right version answers never changes. */
static void cache_header(struct req *req, const char *v, const char *hash)
{
	bool exact = v && strlen(v) == PICTURE_VERSION &&
		     strncmp(v, hash, PICTURE_VERSION) == 0;

	if (exact)
		resp_header(req, "Cache-Control", "public, max-age=31536000, immutable");
	else
		products_cacheable(req);
}

static int answer_picture(struct req *req, const struct picture *pic, const char *v)
{
	resp_etag(req, pic->hash);
	resp_bytes(req, 200, pic->type, pic->bytes, pic->len);
	cache_header(req, v, pic->hash);
	return 0;
}

int products_image_read(struct req *req)
{
	struct version version;
	struct product p;
	struct picture pic;
	enum db_status st;

	if (req_query(req, version_fields, &version, sizeof(version), NULL) < 0)
		return -1;
	st = product_get(req->db, req->arg[0], &p);
	if (st != DB_OK)
		return products_db_error(req, st);
	if (!p.image_hash)
		return resp_error(req, ERR_IMAGE_NOT_FOUND);
	resp_etag(req, p.image_hash);
	if (resp_not_modified(req)) {
		cache_header(req, version.v, p.image_hash);
		return 0;
	}
	/* between the two statements it may have been removed or replaced */
	st = picture_get(req->db, req->arg[0], &pic);
	if (st == DB_NONE)
		return resp_error(req, ERR_IMAGE_NOT_FOUND);
	return st == DB_OK ? answer_picture(req, &pic, version.v) : resp_db(req, st);
}

int products_image_put(struct req *req)
{
	enum image_type claimed = image_of_media_type(req->content_type);
	struct product p;
	enum db_status st;

	if (claimed == IMAGE_NONE)
		return resp_error_detail(req, ERR_UNSUPPORTED_MEDIA_TYPE,
					 "image/png, image/jpeg, image/webp");
	if (image_check((const unsigned char *)req->body, req->body_len) != claimed)
		return resp_error(req, ERR_INVALID_IMAGE);
	if (products_lock(req, &p) < 0)
		return -1;
	st = picture_put(req->db, p.id, image_media_type(claimed), req->body,
			 req->body_len);
	if (st != DB_OK)
		return products_db_error(req, st);
	return products_answer(req, 200, p.id);
}

int products_image_remove(struct req *req)
{
	struct product p;
	enum db_status st;

	if (products_lock(req, &p) < 0)
		return -1;
	if (!p.image_hash)
		return resp_error(req, ERR_IMAGE_NOT_FOUND);
	st = picture_delete(req->db, p.id);
	if (st != DB_OK)
		return products_db_error(req, st);
	return products_answer(req, 200, p.id);
}
