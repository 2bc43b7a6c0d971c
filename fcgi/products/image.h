/*
 * image.h - whether bytes are the image that they claim to be: PNG (W3C, third edition),
 * JPEG (ITU-T T.81) or WebP (RFC 9649). Pure functions, safe on any bytes, thread-safe.
 *
 * The container is walked from its first byte to its last: every length fits, every PNG
 * checksum holds, width and height are 1..4096, picture data is there, and nothing
 * follows the end, so a file cannot be an image and something else. Pixels are not
 * decoded. Animated WebP is refused.
 */
#ifndef HALLE_IMAGE_H
#define HALLE_IMAGE_H

#include "compat.h"

#define IMAGE_MAX_BYTES (2u << 20)
#define IMAGE_MAX_SIDE  4096 /* pixels; a small file must not unpack into a huge one */

enum image_type { IMAGE_NONE, IMAGE_PNG, IMAGE_JPEG, IMAGE_WEBP };

/* IMAGE_NONE: refused. Whoever stores them limits len. */
enum image_type image_check(const unsigned char *bytes, size_t len);

/* "image/png"; not for IMAGE_NONE. */
const char *image_media_type(enum image_type type);
/* From a Content-Type value, parameters ignored; IMAGE_NONE for any other type. */
enum image_type image_of_media_type(const char *content_type);

#endif
