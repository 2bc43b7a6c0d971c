/* page.c - paging of lists. */
#include "compat.h"

#include "page.h"

int page_refuse(struct req *req, const char *parameter, const char *code, int64_t bound,
		enum field_type type)
{
	struct faults faults = { .count = 0 };

	fault_add(&faults, parameter, code, bound, type);
	return resp_faults(req, &faults);
}

int page_offset(struct req *req, uint64_t page, const char *cursor, uint64_t limit,
		uint64_t *offset_r)
{
	*offset_r = 0;
	if (!page)
		return 0;
	if (cursor)
		return page_refuse(req, "page", "unknown", 0, FIELD_TYPE_U64);
	if ((page - 1) * limit > PAGE_OFFSET_MAX)
		return page_refuse(req, "page", "max",
				   PAGE_OFFSET_MAX / (int64_t)limit + 1, FIELD_TYPE_U64);
	*offset_r = (page - 1) * limit;
	return 0;
}

/* -- cursors -- */

const char *page_cursor(struct pool *pool, const char *text)
{
	const char *cursor;
	struct sbuf out;

	sbuf_init(&out, 8192);
	base64url_encode(text, strlen(text), &out);
	cursor = pool_strdup(pool, sbuf_str(&out));
	sbuf_free(&out);
	return cursor;
}

const char *page_cursor_text(struct pool *pool, const char *cursor)
{
	size_t len;
	unsigned char *bytes = base64url_decode(cursor, strlen(cursor), &len, pool);

	if (!bytes || memchr(bytes, '\0', len) || utf8_length((char *)bytes, len) < 0)
		return NULL;
	return pool_dup(pool, bytes, len);
}

int page_cursor_number(const char **p, uint64_t *v_r)
{
	size_t n = strspn(*p, "0123456789");

	if (n == 0 || n > 18 || (*p)[n] != ':')
		return -1;
	*v_r = strtoull(*p, NULL, 10);
	*p += n + 1;
	return 0;
}

/* -- answering -- */

/* The request's own address with its filters, without page and cursor. */
static const char *first_page(struct req *req)
{
	struct sbuf url;
	const char *text, *p = req->query;
	char join = '?';

	sbuf_init(&url, 8192);
	sbuf_addstr(&url, req->path);
	while (*p) {
		size_t len = strcspn(p, "&");

		if (len && strncmp(p, "page=", 5) != 0 && strncmp(p, "cursor=", 7) != 0) {
			sbuf_addch(&url, join);
			sbuf_add(&url, p, len);
			join = '&';
		}
		p += len + (p[len] == '&');
	}
	text = pool_strdup(req->pool, sbuf_str(&url));
	sbuf_free(&url);
	return text;
}

int page_done(struct req *req, uint64_t count, const char *next)
{
	const char *first = first_page(req);

	jw_end_arr(&req->jw);
	jw_ku64(&req->jw, "count", count);
	if (next) {
		jw_kstr(&req->jw, "next_cursor", next);
		next = pool_printf(req->pool, "%s%ccursor=%s", first,
				   strchr(first, '?') ? '&' : '?', next);
	}
	resp_links(req, first, next);
	return resp_done(req);
}

int page_audit(struct req *req, struct audit_page *page)
{
	static const struct field fields[] = {
		FIELD_U64(struct audit_page, after, 0, INT64_MAX),
		FIELD_U64(struct audit_page, limit, 1, PAGE_AUDIT_MAX),
		{ 0 }
	};

	if (req_body(req, fields, page, sizeof(*page), NULL) < 0)
		return -1;
	if (page->limit == 0)
		page->limit = PAGE_AUDIT;
	return 0;
}
