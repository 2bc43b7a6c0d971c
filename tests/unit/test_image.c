/* image: which bytes are taken for a PNG, JPEG or WebP image. Each sample is made here,
 * piece by piece, so that every piece can also be made wrong. */
#include "compat.h"
#include "image.h"
#include "rnd.h"
#include "sbuf.h"

#include <setjmp.h>
#include <cmocka.h>

/* A copy that ends where its memory ends, so that the sanitizer sees any overrun. */
static enum image_type check(const struct sbuf *b, size_t len)
{
	unsigned char *copy = xmalloc(len ? len : 1);
	enum image_type type;

	if (len)
		memcpy(copy, b->data, len);
	type = image_check(copy, len);
	free(copy);
	return type;
}

static void add(struct sbuf *b, const char *bytes, size_t n)
{
	sbuf_add(b, bytes, n);
}

#define ADD(b, literal) add((b), (literal), sizeof(literal) - 1)

/* -- samples ------------------------------------------------------------------------- */

static void add_be32(struct sbuf *b, uint32_t v)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		sbuf_addch(b, (char)(v >> shift));
}

static void add_le32(struct sbuf *b, uint32_t v)
{
	for (int shift = 0; shift < 32; shift += 8)
		sbuf_addch(b, (char)(v >> shift));
}

/* Bit by bit, unlike the code under test. */
static uint32_t slow_crc(const char *p, size_t len)
{
	uint32_t crc = UINT32_MAX;

	while (len--) {
		crc ^= (unsigned char)*p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void add_chunk(struct sbuf *b, const char *name, const char *data, size_t len)
{
	size_t from;

	add_be32(b, (uint32_t)len);
	from = b->len;
	add(b, name, 4);
	add(b, data, len);
	add_be32(b, slow_crc(b->data + from, b->len - from));
}

#define PNG_SIGNATURE "\x89PNG\r\n\x1a\n"
/* width, height; depth, color type, compression, filter, interlace */
#define IHDR_3X2 "\0\0\0\3\0\0\0\2" "\10\2\0\0\0"

static void png_start(struct sbuf *b, const char ihdr[13])
{
	sbuf_init(b, 1 << 20);
	ADD(b, PNG_SIGNATURE);
	add_chunk(b, "IHDR", ihdr, 13);
}

static void png_finish(struct sbuf *b)
{
	add_chunk(b, "IDAT", "pixels", 6);
	add_chunk(b, "IEND", "", 0);
}

static void make_png(struct sbuf *b)
{
	png_start(b, IHDR_3X2);
	add_chunk(b, "tEXt", "Title\0x", 7);
	add_chunk(b, "IDAT", "first", 5);
	png_finish(b);
}

#define JPEG_SOF0 "\xff\xc0\0\x0b\x08\0\x02\0\x03\x01\x01\x11\0"
#define JPEG_SCAN "\xff\xda\0\x08\x01\x01\0\0\x3f\0" "coded\xff\0more\xff\xd0last"

static void make_jpeg(struct sbuf *b)
{
	sbuf_init(b, 1 << 20);
	ADD(b, "\xff\xd8");
	ADD(b, "\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
	ADD(b, "\xff\xff\xff\xdb\0\x05\0\x01\x02"); /* with fill bytes */
	ADD(b, JPEG_SOF0);
	ADD(b, "\xff\xc4\0\x04\0\x01");
	ADD(b, JPEG_SCAN);
	ADD(b, "\xff\xc4\0\x04\0\x01"); /* a second scan, as in progressive files */
	ADD(b, JPEG_SCAN);
	ADD(b, "\xff\xd9");
}

static void webp_start(struct sbuf *b)
{
	sbuf_init(b, 1 << 20);
	ADD(b, "RIFF....WEBP");
}

static void webp_chunk(struct sbuf *b, const char *name, const char *data, size_t len)
{
	add(b, name, 4);
	add_le32(b, (uint32_t)len);
	add(b, data, len);
	if (len % 2)
		sbuf_addch(b, '\0');
}

static void webp_finish(struct sbuf *b)
{
	uint32_t size = (uint32_t)b->len - 8;

	for (int i = 0; i < 4; i++)
		b->data[4 + i] = (char)(size >> 8 * i);
}

#define VP8_3X2  "\0\0\0\x9d\x01\x2a\x03\0\x02\0x"
#define VP8L_3X2 "\x2f\x02\x40\0\0xx"
#define VP8X_3X2 "\0\0\0\0\x02\0\0\x01\0\0"

#define WEBP_CHUNK(b, name, literal)                                                    \
	webp_chunk((b), (name), (literal), sizeof(literal) - 1)

static void make_webp_lossy(struct sbuf *b)
{
	webp_start(b);
	WEBP_CHUNK(b, "VP8 ", VP8_3X2);
	webp_finish(b);
}

static void make_webp_lossless(struct sbuf *b)
{
	webp_start(b);
	WEBP_CHUNK(b, "VP8L", VP8L_3X2);
	webp_finish(b);
}

static void make_webp_extended(struct sbuf *b)
{
	webp_start(b);
	WEBP_CHUNK(b, "VP8X", VP8X_3X2);
	WEBP_CHUNK(b, "ICCP", "odd");
	WEBP_CHUNK(b, "VP8 ", VP8_3X2);
	WEBP_CHUNK(b, "EXIF", "even");
	webp_finish(b);
}

static const struct {
	void (*make)(struct sbuf *b);
	enum image_type type;
} samples[] = {
	{ make_png, IMAGE_PNG },
	{ make_jpeg, IMAGE_JPEG },
	{ make_webp_lossy, IMAGE_WEBP },
	{ make_webp_lossless, IMAGE_WEBP },
	{ make_webp_extended, IMAGE_WEBP },
};

/* -- tests --------------------------------------------------------------------------- */

static void sound_images_are_taken_whole_and_only_whole(void **state)
{
	struct sbuf b;

	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		samples[i].make(&b);
		assert_int_equal(check(&b, b.len), samples[i].type);
		for (size_t len = 0; len < b.len; len++)
			assert_int_equal(check(&b, len), IMAGE_NONE);
		ADD(&b, "<script>");
		assert_int_equal(check(&b, b.len), IMAGE_NONE);
		sbuf_free(&b);
	}
}

static void every_changed_byte_of_a_png_is_noticed(void **state)
{
	struct sbuf b;

	(void)state;
	make_png(&b);
	for (size_t i = 0; i < b.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			b.data[i] ^= (char)(1 << bit);
			assert_int_equal(check(&b, b.len), IMAGE_NONE);
			b.data[i] ^= (char)(1 << bit);
		}
	}
	sbuf_free(&b);
}

/* Whatever it says, it stays inside the bytes; the sanitizer looks on. */
static void changed_bytes_do_no_harm(void **state)
{
	struct sbuf b;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		samples[round % COUNT(samples)].make(&b);
		for (uint32_t n = 1 + rnd_below(4); n; n--)
			b.data[rnd_below((uint32_t)b.len)] = (char)rnd_below(256);
		check(&b, b.len);
		check(&b, rnd_below((uint32_t)b.len + 1));
		sbuf_free(&b);
	}
}

static void a_png_header_must_make_sense(void **state)
{
	static const struct {
		const char *ihdr;
		enum image_type type;
	} cases[] = {
		{ "\0\0\0\1\0\0\0\1" "\1\0\0\0\0", IMAGE_PNG },
		{ "\0\0\20\0\0\0\20\0" "\20\6\0\0\1", IMAGE_PNG },
		{ "\0\0\0\0\0\0\0\1" "\10\2\0\0\0", IMAGE_NONE },
		{ "\0\0\0\1\0\0\0\0" "\10\2\0\0\0", IMAGE_NONE },
		{ "\0\0\20\1\0\0\0\1" "\10\2\0\0\0", IMAGE_NONE },
		{ "\0\0\0\1\0\0\20\1" "\10\2\0\0\0", IMAGE_NONE },
		{ "\377\377\377\377\377\377\377\377" "\10\2\0\0\0", IMAGE_NONE },
		{ "\0\0\0\1\0\0\0\1" "\3\0\0\0\0", IMAGE_NONE },
		{ "\0\0\0\1\0\0\0\1" "\4\2\0\0\0", IMAGE_NONE },
		{ "\0\0\0\1\0\0\0\1" "\377\2\0\0\0", IMAGE_NONE },
		{ "\0\0\0\1\0\0\0\1" "\10\1\0\0\0", IMAGE_NONE },
		{ "\0\0\0\1\0\0\0\1" "\10\7\0\0\0", IMAGE_NONE },
		{ "\0\0\0\1\0\0\0\1" "\10\3\0\0\0", IMAGE_NONE }, /* no palette */
		{ "\0\0\0\1\0\0\0\1" "\10\2\1\0\0", IMAGE_NONE },
		{ "\0\0\0\1\0\0\0\1" "\10\2\0\1\0", IMAGE_NONE },
		{ "\0\0\0\1\0\0\0\1" "\10\2\0\0\2", IMAGE_NONE },
	};
	struct sbuf b;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		png_start(&b, cases[i].ihdr);
		png_finish(&b);
		assert_int_equal(check(&b, b.len), cases[i].type);
		sbuf_free(&b);
	}
}

static void png_chunks_stand_in_their_order(void **state)
{
	static const struct {
		const char *names; /* after IHDR, four letters each */
		size_t len;        /* of each chunk's data */
		enum image_type type;
	} cases[] = {
		{ "PLTEIDATIEND", 0, IMAGE_NONE },
		{ "IEND", 0, IMAGE_NONE },
		{ "IDATIEND", 0, IMAGE_PNG },
		{ "IDATIDATIEND", 0, IMAGE_PNG },
		{ "IDATIEND", 3, IMAGE_NONE },
		{ "IDATtEXtIEND", 0, IMAGE_PNG },
		{ "IDATtEXtIDATIEND", 0, IMAGE_NONE },
		{ "IHDRIDATIEND", 0, IMAGE_NONE },
		{ "IDATFRMEIEND", 0, IMAGE_NONE },
		{ "fr4eIDATIEND", 0, IMAGE_NONE },
		{ "IDATIENDIEND", 0, IMAGE_NONE },
		{ "IDAT", 0, IMAGE_NONE },
	};
	struct sbuf b;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		png_start(&b, IHDR_3X2);
		for (const char *name = cases[i].names; *name; name += 4)
			add_chunk(&b, name, "abc", cases[i].len);
		assert_int_equal(check(&b, b.len), cases[i].type);
		sbuf_free(&b);
	}
}

static void an_indexed_png_needs_one_sound_palette(void **state)
{
	static const char indexed[] = "\0\0\0\1\0\0\0\1" "\10\3\0\0\0";
	static const char colors[771] = { 1 };
	static const struct {
		size_t len;
		unsigned count;
		enum image_type type;
	} cases[] = {
		{ 3, 1, IMAGE_PNG }, { 768, 1, IMAGE_PNG }, { 0, 1, IMAGE_NONE },
		{ 4, 1, IMAGE_NONE }, { 771, 1, IMAGE_NONE }, { 3, 2, IMAGE_NONE },
	};
	struct sbuf b;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		png_start(&b, indexed);
		for (unsigned n = 0; n < cases[i].count; n++)
			add_chunk(&b, "PLTE", colors, cases[i].len);
		png_finish(&b);
		assert_int_equal(check(&b, b.len), cases[i].type);
		sbuf_free(&b);
	}
}

static void a_png_begins_with_its_header(void **state)
{
	struct sbuf b;

	(void)state;
	sbuf_init(&b, 1024);
	ADD(&b, PNG_SIGNATURE);
	png_finish(&b);
	assert_int_equal(check(&b, b.len), IMAGE_NONE);
	sbuf_free(&b);
}

struct text {
	const char *bytes;
	size_t len;
	enum image_type type;
};

#define TEXT(literal, type_) { (literal), sizeof(literal) - 1, (type_) }

static void check_texts(const struct text *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct sbuf b;

		sbuf_init(&b, 4096);
		add(&b, texts[i].bytes, texts[i].len);
		assert_int_equal(check(&b, b.len), texts[i].type);
		sbuf_free(&b);
	}
}

/* From the frame on: start, this, a scan, end. */
#define JPEG(literal, type) TEXT("\xff\xd8" literal JPEG_SCAN "\xff\xd9", type)

static void jpeg_segments_must_make_sense(void **state)
{
	static const struct text texts[] = {
		JPEG(JPEG_SOF0, IMAGE_JPEG),
		TEXT("\xff\xd8\xff\xd9", IMAGE_NONE),
		TEXT("\xff\xd8" JPEG_SOF0 "\xff\xd9", IMAGE_NONE),
		TEXT("\xff\xd8" JPEG_SCAN "\xff\xd9", IMAGE_NONE),
		TEXT("\xff\xd8" JPEG_SOF0 JPEG_SOF0 JPEG_SCAN "\xff\xd9", IMAGE_NONE),
		JPEG("\xff\xe0\0\x01" JPEG_SOF0, IMAGE_NONE),
		JPEG("\xff\xe0\xff\xff" JPEG_SOF0, IMAGE_NONE),
		JPEG("\xff\xd8" JPEG_SOF0, IMAGE_NONE),
		JPEG("\xff\xd0" JPEG_SOF0, IMAGE_NONE),
		JPEG("\xff\x01" JPEG_SOF0, IMAGE_NONE),
		JPEG("junk" JPEG_SOF0, IMAGE_NONE),
		TEXT("\xff\xd8" JPEG_SOF0 JPEG_SCAN "\xff\xd9\xff\xd9", IMAGE_NONE),
		/* height and width: 0, 4096, 4097 */
		JPEG("\xff\xc2\0\x0b\x08\0\0\0\x03\x01\x01\x11\0", IMAGE_NONE),
		JPEG("\xff\xc2\0\x0b\x08\0\x01\0\0\x01\x01\x11\0", IMAGE_NONE),
		JPEG("\xff\xc2\0\x0b\x08\x10\0\x10\0\x01\x01\x11\0", IMAGE_JPEG),
		JPEG("\xff\xc2\0\x0b\x08\x10\x01\x10\0\x01\x01\x11\0", IMAGE_NONE),
		JPEG("\xff\xc2\0\x0b\x08\x10\0\x10\x01\x01\x01\x11\0", IMAGE_NONE),
		/* components that do not fill the segment */
		JPEG("\xff\xc0\0\x0b\x08\0\x02\0\x03\0\x01\x11\0", IMAGE_NONE),
		JPEG("\xff\xc0\0\x0b\x08\0\x02\0\x03\x03\x01\x11\0", IMAGE_NONE),
		JPEG(JPEG_SOF0 "\xff\xda\0\x08\x02\x01\0\0\x3f\0x", IMAGE_NONE),
		JPEG(JPEG_SOF0 "\xff\xda\0\x02x", IMAGE_NONE),
	};

	(void)state;
	check_texts(texts, COUNT(texts));
}

#define DATA(literal) { (literal), sizeof(literal) - 1, IMAGE_NONE }

struct webp_case {
	const char *name[3];
	struct text chunk[3];
	enum image_type type;
};

static void webp_chunks_must_make_sense(void **state)
{
	static const struct webp_case cases[] = {
		{ { "VP8 " }, { DATA(VP8_3X2) }, IMAGE_WEBP },
		{ { "VP8 " }, { DATA("\1\0\0\x9d\x01\x2a\x03\0\x02\0x") }, IMAGE_NONE },
		{ { "VP8 " }, { DATA("\0\0\0\x9d\x01\x2b\x03\0\x02\0x") }, IMAGE_NONE },
		{ { "VP8 " }, { DATA("\0\0\0\x9d\x01\x2a\0\0\x02\0x") }, IMAGE_NONE },
		{ { "VP8 " }, { DATA("\0\0\0\x9d\x01\x2a\x01\x10\x02\0x") }, IMAGE_NONE },
		{ { "VP8 " }, { DATA("\0\0\0\x9d\x01\x2a\x03\0\x02\0") }, IMAGE_NONE },
		{ { "VP8L" }, { DATA(VP8L_3X2) }, IMAGE_WEBP },
		{ { "VP8L" }, { DATA("\x2e\x02\x40\0\0xx") }, IMAGE_NONE },
		{ { "VP8L" }, { DATA("\x2f\x02\x40\0\x20xx") }, IMAGE_NONE },
		{ { "VP8L" }, { DATA("\x2f\xff\x7f\0\0xx") }, IMAGE_NONE },
		{ { "VP8L" }, { DATA("\x2f\x02\x40\0\0") }, IMAGE_NONE },
		{ { "VP8 ", "EXIF" }, { DATA(VP8_3X2), DATA("x") }, IMAGE_NONE },
		{ { "EXIF" }, { DATA("x") }, IMAGE_NONE },
		{ { "VP8X", "VP8L" }, { DATA(VP8X_3X2), DATA(VP8L_3X2) }, IMAGE_WEBP },
		{ { "VP8X" }, { DATA(VP8X_3X2) }, IMAGE_NONE },
		{ { "VP8X", "VP8X" }, { DATA(VP8X_3X2), DATA(VP8X_3X2) }, IMAGE_NONE },
		{ { "VP8X", "VP8 ", "VP8 " },
		  { DATA(VP8X_3X2), DATA(VP8_3X2), DATA(VP8_3X2) }, IMAGE_NONE },
		/* another canvas, too large a canvas, an animation, a short header */
		{ { "VP8X", "VP8 " },
		  { DATA("\0\0\0\0\x03\0\0\x01\0\0"), DATA(VP8_3X2) }, IMAGE_NONE },
		{ { "VP8X", "VP8 " },
		  { DATA("\0\0\0\0\xff\xff\xff\x01\0\0"), DATA(VP8_3X2) }, IMAGE_NONE },
		{ { "VP8X", "VP8 " },
		  { DATA("\x02\0\0\0\x02\0\0\x01\0\0"), DATA(VP8_3X2) }, IMAGE_NONE },
		{ { "VP8X", "VP8 " },
		  { DATA("\0\0\0\0\x02\0\0\x01\0"), DATA(VP8_3X2) }, IMAGE_NONE },
	};
	struct sbuf b;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		webp_start(&b);
		for (int n = 0; n < 3 && cases[i].name[n]; n++)
			webp_chunk(&b, cases[i].name[n], cases[i].chunk[n].bytes,
				   cases[i].chunk[n].len);
		webp_finish(&b);
		assert_int_equal(check(&b, b.len), cases[i].type);
		sbuf_free(&b);
	}
}

static void a_riff_length_that_lies_is_refused(void **state)
{
	struct sbuf b;

	(void)state;
	make_webp_lossy(&b);
	b.data[4]++;
	assert_int_equal(check(&b, b.len), IMAGE_NONE);
	b.data[4] = b.data[5] = b.data[6] = b.data[7] = (char)0xff;
	assert_int_equal(check(&b, b.len), IMAGE_NONE);
	sbuf_free(&b);
}

static void other_files_are_refused(void **state)
{
	static const struct text texts[] = {
		TEXT("", IMAGE_NONE),
		TEXT("hello", IMAGE_NONE),
		TEXT("GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff;", IMAGE_NONE),
		TEXT("<svg xmlns='http://www.w3.org/2000/svg'/>", IMAGE_NONE),
	};

	(void)state;
	check_texts(texts, COUNT(texts));
}

static void media_types_are_read_and_written(void **state)
{
	static const struct {
		const char *text;
		enum image_type type;
	} cases[] = {
		{ "image/png", IMAGE_PNG }, { "IMAGE/PNG", IMAGE_PNG },
		{ "image/jpeg; q=1", IMAGE_JPEG }, { "image/webp;x", IMAGE_WEBP },
		{ "image/gif", IMAGE_NONE }, { "image/pngx", IMAGE_NONE },
		{ "image/", IMAGE_NONE }, { "", IMAGE_NONE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(image_of_media_type(cases[i].text), cases[i].type);
	for (enum image_type t = IMAGE_PNG; t <= IMAGE_WEBP; t++)
		assert_int_equal(image_of_media_type(image_media_type(t)), t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_images_are_taken_whole_and_only_whole),
		cmocka_unit_test(every_changed_byte_of_a_png_is_noticed),
		cmocka_unit_test(changed_bytes_do_no_harm),
		cmocka_unit_test(a_png_header_must_make_sense),
		cmocka_unit_test(png_chunks_stand_in_their_order),
		cmocka_unit_test(an_indexed_png_needs_one_sound_palette),
		cmocka_unit_test(a_png_begins_with_its_header),
		cmocka_unit_test(jpeg_segments_must_make_sense),
		cmocka_unit_test(webp_chunks_must_make_sense),
		cmocka_unit_test(a_riff_length_that_lies_is_refused),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(media_types_are_read_and_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
