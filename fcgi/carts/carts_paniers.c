/* carts_paniers.c - carts under /paniers: the path names whose, the body speaks of articles. */
#include "compat.h"

#include "carts_cart.h"

/* To others than its owner and admins a cart does not exist. 0, or -1 when that was
 * answered. */
static int allow(struct req *req)
{
	if (req->arg[0] == req->who.user_id || req->who.role == ROLE_ADMIN)
		return 0;
	return resp_error(req, ERR_CART_NOT_FOUND);
}

static struct change named(const struct req *req, const char *path)
{
	return (struct change){
		.path = path, .pointer = "#/quantite", .user = req->arg[0],
		.location = pool_printf(req->pool, "/paniers/%" PRIu64, req->arg[0]),
	};
}

int paniers_show(struct req *req)
{
	return allow(req) < 0 ? -1 : cart_show(req, req->arg[0]);
}

int paniers_create(struct req *req)
{
	static const struct field none[] = { { 0 } };
	char nothing;

	if (allow(req) < 0)
		return -1;
	if (req->body_len && req_body(req, none, &nothing, sizeof(nothing), NULL) < 0)
		return -1;
	return cart_create(req, named(req, "/paniers/create_cart/{user_id}"));
}

/* ---- one article */

struct article {
	uint64_t article_id, quantite;
};

enum { ARTICLE_ID, ARTICLE_QUANTITE };

#define ARTICLE_FIELDS(least)                                                            \
	{                                                                                \
		[ARTICLE_ID] = FIELD_U64(struct article, article_id, 1, INT64_MAX,       \
					 .required = true, .alias = "product_id"),       \
		[ARTICLE_QUANTITE] = FIELD_U64(struct article, quantite, (least),        \
					       DOC_QUANTITY_MAX, .alias = "quantity"),   \
		{ 0 }                                                                    \
	}

static const struct field some[] = ARTICLE_FIELDS(1);
static const struct field some_or_none[] = ARTICLE_FIELDS(0);

static int with_article(struct req *req, const char *path, const struct field *fields,
			int (*act)(struct req *req, struct change c))
{
	struct change c = named(req, path);
	struct article in;
	uint64_t present;

	if (allow(req) < 0 || req_body(req, fields, &in, sizeof(in), &present) < 0)
		return -1;
	c.product = in.article_id;
	c.quantity = present >> ARTICLE_QUANTITE & 1 ? in.quantite : 1;
	return act(req, c);
}

int paniers_add(struct req *req)
{
	return with_article(req, "/paniers/add_to_cart/{user_id}", some, cart_add);
}

int paniers_edit(struct req *req)
{
	return with_article(req, "/paniers/edit_cart/{user_id}", some_or_none, cart_edit);
}

/* The whole line goes, whatever quantity its users send along. */
int paniers_remove(struct req *req)
{
	return with_article(req, "/paniers/remove_from_cart/{user_id}", some, cart_remove);
}

/* ---- the whole cart */

static int with_cart(struct req *req, const char *path,
		     int (*act)(struct req *req, struct change c))
{
	return allow(req) < 0 ? -1 : act(req, named(req, path));
}

int paniers_empty(struct req *req)
{
	return with_cart(req, "/paniers/vider_panier/{user_id}", cart_empty);
}

int paniers_delete(struct req *req)
{
	return with_cart(req, "/paniers/delete_cart/{user_id}", cart_delete);
}

int paniers_rollback(struct req *req)
{
	return with_cart(req, "/paniers/{user_id}/rollback", cart_rollback_asked);
}

int paniers_history(struct req *req)
{
	return allow(req) < 0 ? -1 : cart_history(req, req->arg[0]);
}
