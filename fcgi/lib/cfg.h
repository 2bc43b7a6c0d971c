/*
 * cfg.h - configuration: one key table (cfg.def), one file of "key = value" lines ('#' at a
 * line's start or after a space starts a comment). An unknown key, a value out of range or
 * a repeated key is an error that names file and line. Secrets come from files only and
 * never appear in a dump.
 * Read once at start, immutable afterwards, so thread-safe.
 */
#ifndef HALLE_CFG_H
#define HALLE_CFG_H

#include "sbuf.h"

enum cfg_key {
#define CFG(symbol, name, type, def, min, max, help) CFG_##symbol,
#include "cfg.def"
#undef CFG
	CFG_COUNT
};

struct cfg;

/* path NULL: defaults only, paths relative to the installed folder. On failure NULL and a
 * sentence for the operator in error. */
struct cfg *cfg_load(const char *path, const char *service, struct sbuf *error);
void cfg_free(struct cfg **cfg);

/* Paths made absolute (an empty one stays empty); in db_name and db_user, %s replaced by
 * the service's name. */
const char *cfg_str(const struct cfg *cfg, enum cfg_key key);
int64_t cfg_int(const struct cfg *cfg, enum cfg_key key);

/* Reads the file that a SECRET key names, without its final newline: 0; 1 when the key is
 * empty; -1 with a sentence in error when it cannot be read, is empty, above 4 KiB, or
 * readable by others than owner and group. The caller wipes out->data. */
NODISCARD int cfg_secret(const struct cfg *cfg, enum cfg_key key, struct sbuf *out,
			 struct sbuf *error);

/* "key = value" for every key, with help as comments; secrets show only their path. */
void cfg_dump(const struct cfg *cfg, struct sbuf *out);

#endif
