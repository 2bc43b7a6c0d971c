/*
 * image.c - walking PNG, JPEG and WebP files.
 */
#include "compat.h"

#include "image.h"

/* What is still unread. */
struct span {
	const unsigned char *p;
	size_t left;
};

/* The next n bytes, or NULL when there are fewer. */
static const unsigned char *take(struct span *s, size_t n)
{
	const unsigned char *p = s->p;

	if (n > s->left)
		return NULL;
	s->p += n;
	s->left -= n;
	return p;
}

static uint32_t be16(const unsigned char *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const unsigned char *p)
{
	return be16(p) << 16 | be16(p + 2);
}

static uint32_t le16(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le24(const unsigned char *p)
{
	return le16(p) | (uint32_t)p[2] << 16;
}

static uint32_t le32(const unsigned char *p)
{
	return le16(p) | le16(p + 2) << 16;
}

static bool sides_fit(uint32_t width, uint32_t height)
{
	return width >= 1 && width <= IMAGE_MAX_SIDE && height >= 1 &&
	       height <= IMAGE_MAX_SIDE;
}

/* -- PNG ----------------------------------------------------------------------------- */

/* CRC-32 of ISO 3309, four bits at a time. */
static uint32_t crc32_of(const unsigned char *p, size_t len)
{
	static const uint32_t nibble[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc = crc >> 4 ^ nibble[(crc ^ p[i]) & 15];
		crc = crc >> 4 ^ nibble[(crc ^ (uint32_t)p[i] >> 4) & 15];
	}
	return ~crc;
}

struct png {
	bool header, palette, data, data_over, end;
	unsigned char color;
};

/* Table 12.1 of the specification: bit depths that a colour type allows, as a set. */
static bool png_depth_fits(unsigned color, unsigned depth)
{
	static const uint32_t depths[7] = {
		[0] = 1u << 1 | 1u << 2 | 1u << 4 | 1u << 8 | 1u << 16,
		[2] = 1u << 8 | 1u << 16,
		[3] = 1u << 1 | 1u << 2 | 1u << 4 | 1u << 8,
		[4] = 1u << 8 | 1u << 16,
		[6] = 1u << 8 | 1u << 16,
	};

	return color < COUNT(depths) && depth <= 16 && (depths[color] >> depth & 1);
}

static bool png_header(struct png *png, const unsigned char *d, size_t len)
{
	if (png->header || len != 13 || !sides_fit(be32(d), be32(d + 4)) ||
	    !png_depth_fits(d[9], d[8]) || d[10] != 0 || d[11] != 0 || d[12] > 1)
		return false;
	png->header = true;
	png->color = d[9];
	return true;
}

static bool png_palette(struct png *png, size_t len)
{
	if (png->palette || png->data || len == 0 || len > 768 || len % 3 != 0)
		return false;
	png->palette = true;
	return true;
}

static bool png_data(struct png *png)
{
	if (png->data_over || (png->color == 3 && !png->palette))
		return false;
	png->data = true;
	return true;
}

static bool is_letter(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool png_other(struct png *png, const unsigned char *name)
{
	if (png->data)
		png->data_over = true;
	for (int i = 0; i < 4; i++) {
		if (!is_letter(name[i]))
			return false;
	}
	return name[0] >= 'a'; /* an unknown critical chunk cannot be ignored */
}

/* chunk: its name and its data. */
static bool png_chunk(struct png *png, const unsigned char *chunk, size_t len)
{
	if (memcmp(chunk, "IHDR", 4) == 0)
		return png_header(png, chunk + 4, len);
	if (!png->header)
		return false;
	if (memcmp(chunk, "PLTE", 4) == 0)
		return png_palette(png, len);
	if (memcmp(chunk, "IDAT", 4) == 0)
		return png_data(png);
	if (memcmp(chunk, "IEND", 4) == 0) {
		png->end = true;
		return len == 0 && png->data;
	}
	return png_other(png, chunk);
}

static bool is_png(struct span s)
{
	static const unsigned char signature[8] = { 0x89, 'P',  'N',  'G',
						    '\r', '\n', 0x1a, '\n' };
	const unsigned char *p = take(&s, sizeof(signature));
	struct png png = { .header = false };

	if (!p || memcmp(p, signature, sizeof(signature)) != 0)
		return false;
	while (!png.end) {
		const unsigned char *size = take(&s, 4), *chunk, *crc;
		size_t len;

		if (!size || be32(size) > INT32_MAX)
			return false;
		len = be32(size);
		chunk = take(&s, len + 4);
		crc = chunk ? take(&s, 4) : NULL;
		if (!crc || be32(crc) != crc32_of(chunk, len + 4) ||
		    !png_chunk(&png, chunk, len))
			return false;
	}
	return s.left == 0;
}

/* -- JPEG ---------------------------------------------------------------------------- */

enum { JPEG_RST0 = 0xd0, JPEG_RST7 = 0xd7, JPEG_SOI = 0xd8, JPEG_EOI = 0xd9,
       JPEG_SOS = 0xda, JPEG_DHT = 0xc4, JPEG_JPG = 0xc8, JPEG_DAC = 0xcc };

struct jpeg {
	bool frame, scan;
};

/* T.81 B.1.1.2: a marker may be preceded by any number of fill bytes 0xff. 0: none. */
static unsigned char jpeg_marker(struct span *s)
{
	const unsigned char *p = take(s, 1);

	if (!p || *p != 0xff)
		return 0;
	while (p && *p == 0xff)
		p = take(s, 1);
	return p ? *p : 0;
}

static bool jpeg_is_frame(unsigned char marker)
{
	return marker >= 0xc0 && marker <= 0xcf && marker != JPEG_DHT &&
	       marker != JPEG_JPG && marker != JPEG_DAC;
}

/* d: after the length. One frame only: hierarchical JPEG is not for the web. */
static bool jpeg_frame(struct jpeg *jpeg, const unsigned char *d, size_t len)
{
	if (jpeg->frame || len < 6 || !sides_fit(be16(d + 3), be16(d + 1)) || d[5] < 1 ||
	    d[5] > 4 || len != 6 + 3u * d[5])
		return false;
	jpeg->frame = true;
	return true;
}

static bool jpeg_scan(struct jpeg *jpeg, const unsigned char *d, size_t len)
{
	if (!jpeg->frame || len < 1 || d[0] < 1 || d[0] > 4 || len != 4 + 2u * d[0])
		return false;
	jpeg->scan = true;
	return true;
}

/* Goes on to the marker that ends the entropy-coded data, leaving it unread. */
static void jpeg_skip_coded(struct span *s)
{
	while (s->left >= 2) {
		const unsigned char *ff = memchr(s->p, 0xff, s->left - 1);
		size_t skipped;

		if (!ff) {
			take(s, s->left);
			return;
		}
		skipped = (size_t)(ff - s->p);
		take(s, skipped);
		if (ff[1] != 0 && !(ff[1] >= JPEG_RST0 && ff[1] <= JPEG_RST7))
			return;
		take(s, 2);
	}
}

static bool jpeg_segment(struct jpeg *jpeg, unsigned char marker, struct span *s)
{
	const unsigned char *size = take(s, 2), *d;
	size_t len;

	if (!size || be16(size) < 2)
		return false;
	len = be16(size) - 2;
	d = take(s, len);
	if (!d)
		return false;
	if (jpeg_is_frame(marker))
		return jpeg_frame(jpeg, d, len);
	if (marker == JPEG_SOS) {
		if (!jpeg_scan(jpeg, d, len))
			return false;
		jpeg_skip_coded(s);
	}
	return true;
}

static bool is_jpeg(struct span s)
{
	struct jpeg jpeg = { .frame = false };
	const unsigned char *p = take(&s, 2);

	if (!p || p[0] != 0xff || p[1] != JPEG_SOI)
		return false;
	for (;;) {
		unsigned char marker = jpeg_marker(&s);

		if (marker == JPEG_EOI)
			return jpeg.scan && s.left == 0;
		/* reserved, or one that stands alone and has no place here */
		if (marker < 0xc0 || (marker >= JPEG_RST0 && marker <= JPEG_SOI))
			return false;
		if (!jpeg_segment(&jpeg, marker, &s))
			return false;
	}
}

/* -- WebP ---------------------------------------------------------------------------- */

struct sides {
	uint32_t width, height;
};

struct webp_chunk {
	const unsigned char *name, *data;
	size_t len;
};

static bool webp_next(struct span *s, struct webp_chunk *c)
{
	const unsigned char *head = take(s, 8);

	if (!head)
		return false;
	c->name = head;
	c->len = le32(head + 4);
	c->data = take(s, c->len);
	return c->data && (c->len % 2 == 0 || take(s, 1));
}

static bool webp_is(const struct webp_chunk *c, const char *name)
{
	return memcmp(c->name, name, 4) == 0;
}

/* RFC 6386 9.1: a key frame. */
static bool webp_lossy(const struct webp_chunk *c, struct sides *sides)
{
	const unsigned char *d = c->data;

	if (c->len <= 10 || (d[0] & 1) || d[3] != 0x9d || d[4] != 0x01 || d[5] != 0x2a)
		return false;
	sides->width = le16(d + 6) & 0x3fff;
	sides->height = le16(d + 8) & 0x3fff;
	return sides_fit(sides->width, sides->height);
}

/* RFC 9649 3.4: signature, 14 bits of width - 1, 14 of height - 1, alpha, version 0. */
static bool webp_lossless(const struct webp_chunk *c, struct sides *sides)
{
	uint32_t bits;

	if (c->len <= 5 || c->data[0] != 0x2f)
		return false;
	bits = le32(c->data + 1);
	sides->width = (bits & 0x3fff) + 1;
	sides->height = (bits >> 14 & 0x3fff) + 1;
	return bits >> 29 == 0 && sides_fit(sides->width, sides->height);
}

static bool webp_picture(const struct webp_chunk *c, struct sides *sides)
{
	return webp_is(c, "VP8 ") ? webp_lossy(c, sides) : webp_lossless(c, sides);
}

static bool webp_is_picture(const struct webp_chunk *c)
{
	return webp_is(c, "VP8 ") || webp_is(c, "VP8L");
}

/* RFC 9649 2.7: flags, canvas size, then chunks, one of them the picture. */
static bool webp_extended(const struct webp_chunk *head, struct span *s)
{
	enum { ANIMATED = 0x02 };
	struct sides canvas, sides;
	bool picture = false;

	if (head->len != 10 || (head->data[0] & ANIMATED))
		return false;
	canvas.width = le24(head->data + 4) + 1;
	canvas.height = le24(head->data + 7) + 1;
	if (!sides_fit(canvas.width, canvas.height))
		return false;
	while (s->left) {
		struct webp_chunk c;

		if (!webp_next(s, &c) || webp_is(&c, "VP8X"))
			return false;
		if (!webp_is_picture(&c))
			continue;
		if (picture || !webp_picture(&c, &sides) || sides.width != canvas.width ||
		    sides.height != canvas.height)
			return false;
		picture = true;
	}
	return picture;
}

static bool is_webp(struct span s)
{
	const unsigned char *riff = take(&s, 12);
	struct webp_chunk first;
	struct sides sides;

	if (!riff || memcmp(riff, "RIFF", 4) != 0 || memcmp(riff + 8, "WEBP", 4) != 0 ||
	    le32(riff + 4) != s.left + 4 || !webp_next(&s, &first))
		return false;
	if (webp_is(&first, "VP8X"))
		return webp_extended(&first, &s);
	return webp_is_picture(&first) && webp_picture(&first, &sides) && s.left == 0;
}

/* -- all three ----------------------------------------------------------------------- */

enum image_type image_check(const unsigned char *bytes, size_t len)
{
	struct span s = { bytes, len };

	if (is_png(s))
		return IMAGE_PNG;
	if (is_jpeg(s))
		return IMAGE_JPEG;
	if (is_webp(s))
		return IMAGE_WEBP;
	return IMAGE_NONE;
}

static const char *const media_types[] = {
	[IMAGE_PNG] = "image/png",
	[IMAGE_JPEG] = "image/jpeg",
	[IMAGE_WEBP] = "image/webp",
};

const char *image_media_type(enum image_type type)
{
	BUG_ON(type == IMAGE_NONE);
	return media_types[type];
}

enum image_type image_of_media_type(const char *content_type)
{
	size_t len = strcspn(content_type, "; \t");

	for (enum image_type t = IMAGE_PNG; t <= IMAGE_WEBP; t++) {
		if (strlen(media_types[t]) == len &&
		    strncasecmp(media_types[t], content_type, len) == 0)
			return t;
	}
	return IMAGE_NONE;
}
