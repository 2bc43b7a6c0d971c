/*
 * cfg.c - reading the configuration.
 */
#include "compat.h"
#include "cfg.h"
#include "field.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#define FILE_MAX_BYTES   65536
#define SECRET_MAX_BYTES 4096
#define BLANKS           " \t\r"

enum type { TYPE_STR, TYPE_INT, TYPE_PATH, TYPE_SECRET };

static const struct row {
	const char *name;
	enum type type;
	const char *initial;
	int64_t min, max;
	const char *help;
} rows[CFG_COUNT] = {
#define CFG(symbol, name, type, def, min, max, help)                                     \
	[CFG_##symbol] = { name, TYPE_##type, def, min, max, help },
#include "cfg.def"
#undef CFG
};

static const char *const services[] = {
	"auth", "users", "products", "carts", "orders", "payments", "bank"
};

/* The values that some STR keys have, separated by spaces. */
static const char *const words[CFG_COUNT] = {
	[CFG_LOG_LEVEL] = "debug info warn error",
	[CFG_MIRROR_STORE] = "redis mariadb",
	[CFG_MIRROR_MODE] = "strict degraded",
};

struct cfg {
	char *text[CFG_COUNT]; /* as read, then as cfg_str gives it */
	int64_t number[CFG_COUNT]; /* INT keys */
};

/* How a key got its value; a service's own line wins wherever it stands. */
enum origin { ORIGIN_DEFAULT, ORIGIN_COMMON, ORIGIN_SERVICE };

struct reader {
	struct cfg *cfg;
	const char *path;
	const char *service;
	unsigned line;
	enum origin origin[CFG_COUNT];
	/* per service and, last, for all: the line that set the key, 0 none */
	unsigned set_at[COUNT(services) + 1][CFG_COUNT];
	struct sbuf *error;
};

/* -- values -------------------------------------------------------------------------- */

static bool is_word(const char *list, const char *value)
{
	size_t len = strlen(value), n;

	for (;; list += n + 1) {
		n = strcspn(list, " ");
		if (n == len && memcmp(list, value, len) == 0)
			return true;
		if (list[n] == '\0')
			return false;
	}
}

static bool is_acceptable(enum cfg_key key, const char *value, int64_t *number_r)
{
	const struct row *row = &rows[key];
	const struct field fld = { .name = row->name, .type = FIELD_TYPE_I64,
				   .min = row->min, .max = row->max };
	struct faults faults = { .count = 0 };

	if (row->type == TYPE_INT)
		field_set_number(&fld, number_r, value, strlen(value), row->name,
				 &faults);
	return faults.count == 0 && (!words[key] || is_word(words[key], value));
}

/* "debug, info, warn or error" */
static void say_words(const char *list, struct sbuf *out)
{
	size_t n = strcspn(list, " ");

	sbuf_add(out, list, n);
	while (list[n]) {
		list += n + 1;
		n = strcspn(list, " ");
		sbuf_addstr(out, list[n] ? ", " : " or ");
		sbuf_add(out, list, n);
	}
}

static void say_acceptable(enum cfg_key key, struct sbuf *out)
{
	sbuf_addstr(out, "must be ");
	if (words[key])
		say_words(words[key], out);
	else
		sbuf_printf(out, "an integer from %" PRId64 " to %" PRId64,
			    rows[key].min, rows[key].max);
}

static void replace(char **text, const struct sbuf *b)
{
	free(*text);
	*text = xstrdup(sbuf_str(b));
}

static void expand_service(char **text, const char *service)
{
	const char *at = *text, *mark;
	struct sbuf b;

	sbuf_init(&b, (size_t)FILE_MAX_BYTES * 8);
	for (; (mark = strstr(at, "%s")); at = mark + 2) {
		sbuf_add(&b, at, (size_t)(mark - at));
		sbuf_addstr(&b, service);
	}
	sbuf_addstr(&b, at);
	replace(text, &b);
	sbuf_free(&b);
}

static void make_absolute(char **text, const char *folder)
{
	struct sbuf b;

	if (**text == '/' || **text == '\0')
		return;
	sbuf_init(&b, FILE_MAX_BYTES + PATH_MAX);
	sbuf_printf(&b, "%s/%s", folder, *text);
	replace(text, &b);
	sbuf_free(&b);
}

/* The configuration file's folder, absolute. -1 when there is no current folder. */
static int folder_of(const char *path, struct sbuf *out)
{
	char here[PATH_MAX];
	const char *slash;

	if (!path) {
		sbuf_addstr(out, HALLE_SYSCONFDIR);
		return 0;
	}
	if (*path != '/') {
		if (!getcwd(here, sizeof(here)))
			return -1;
		sbuf_addstr(out, here);
	}
	slash = strrchr(path, '/');
	if (slash)
		sbuf_printf(out, "%s%.*s", *path == '/' ? "" : "/", (int)(slash - path),
			    path);
	return 0;
}

static int resolve(struct reader *r)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	struct sbuf folder;
	int i;

	sbuf_init(&folder, (size_t)2 * PATH_MAX);
	if (folder_of(r->path, &folder) != 0 || folder.overflow) {
		sbuf_printf(r->error, "cannot tell the folder of %s", r->path);
		sbuf_free(&folder);
		return -1;
	}
	for (i = 0; i < CFG_COUNT; i++) {
		char **text = &r->cfg->text[i];

		if (rows[i].type == TYPE_SECRET && credentials && *credentials)
			make_absolute(text, credentials);
		else if (rows[i].type == TYPE_SECRET || rows[i].type == TYPE_PATH)
			make_absolute(text, sbuf_str(&folder));
	}
	expand_service(&r->cfg->text[CFG_DB_NAME], r->service);
	expand_service(&r->cfg->text[CFG_DB_USER], r->service);
	sbuf_free(&folder);
	return 0;
}

/* -- lines --------------------------------------------------------------------------- */

static int fail_at(struct reader *r)
{
	sbuf_printf(r->error, "%s:%u: ", r->path, r->line);
	return -1;
}

static int find_key(const char *name)
{
	int i;

	for (i = 0; i < CFG_COUNT; i++)
		if (strcmp(rows[i].name, name) == 0)
			return i;
	return -1;
}

static int find_service(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < COUNT(services); i++)
		if (strlen(services[i]) == len && memcmp(services[i], name, len) == 0)
			return (int)i;
	return -1;
}

static int fail_service(struct reader *r, const char *name, size_t len)
{
	size_t i;

	(void)fail_at(r);
	sbuf_printf(r->error, "unknown service \"%.*s\"; known are", (int)len, name);
	for (i = 0; i < COUNT(services); i++)
		sbuf_printf(r->error, " %s", services[i]);
	return -1;
}

static int fail_key(struct reader *r, const char *name)
{
	int i;

	(void)fail_at(r);
	sbuf_printf(r->error, "unknown key \"%s\"; known are", name);
	for (i = 0; i < CFG_COUNT; i++)
		sbuf_printf(r->error, " %s", rows[i].name);
	return -1;
}

static void keep(struct reader *r, enum cfg_key key, enum origin origin,
		 const char *value, int64_t number)
{
	if (origin < r->origin[key])
		return;
	r->origin[key] = origin;
	free(r->cfg->text[key]);
	r->cfg->text[key] = xstrdup(value);
	r->cfg->number[key] = number;
}

/* scope: index of the service that the line is for, or COUNT(services) for all. */
static int assign(struct reader *r, size_t scope, enum cfg_key key, const char *value)
{
	unsigned *set_at = &r->set_at[scope][key];
	int64_t number = 0;

	if (*set_at) {
		(void)fail_at(r);
		sbuf_printf(r->error, "%s was set at line %u already", rows[key].name,
			    *set_at);
		return -1;
	}
	*set_at = r->line;
	if (!is_acceptable(key, value, &number)) {
		(void)fail_at(r);
		sbuf_printf(r->error, "%s ", rows[key].name);
		say_acceptable(key, r->error);
		return -1;
	}
	if (scope == COUNT(services))
		keep(r, key, ORIGIN_COMMON, value, number);
	else if (strcmp(services[scope], r->service) == 0)
		keep(r, key, ORIGIN_SERVICE, value, number);
	return 0;
}

/* Without blanks at both ends; changes s. */
static char *trim(char *s)
{
	size_t len;

	s += strspn(s, BLANKS);
	for (len = strlen(s); len && strchr(BLANKS, s[len - 1]); len--)
		;
	s[len] = '\0';
	return s;
}

static void cut_comment(char *line)
{
	char *at;

	for (at = line; (at = strchr(at, '#')); at++)
		if (at == line || strchr(BLANKS, at[-1])) {
			*at = '\0';
			return;
		}
}

static int read_line(struct reader *r, char *line)
{
	size_t scope = COUNT(services);
	char *name, *equals, *dot;
	int key;

	cut_comment(line);
	name = trim(line);
	if (*name == '\0')
		return 0;
	equals = strchr(name, '=');
	if (!equals) {
		(void)fail_at(r);
		sbuf_addstr(r->error, "expected \"key = value\"");
		return -1;
	}
	*equals = '\0';
	name = trim(name);
	dot = strchr(name, '.');
	if (dot) {
		int service = find_service(name, (size_t)(dot - name));

		if (service < 0)
			return fail_service(r, name, (size_t)(dot - name));
		scope = (size_t)service;
		name = dot + 1;
	}
	key = find_key(name);
	if (key < 0)
		return fail_key(r, name);
	return assign(r, scope, (enum cfg_key)key, trim(equals + 1));
}

static int read_lines(struct reader *r, char *text, size_t len)
{
	char *next;

	if (memchr(text, '\0', len) || utf8_length(text, len) < 0) {
		sbuf_printf(r->error, "%s is not a text file in UTF-8", r->path);
		return -1;
	}
	for (; text; text = next) {
		next = strchr(text, '\n');
		if (next)
			*next++ = '\0';
		r->line++;
		if (read_line(r, text) != 0)
			return -1;
	}
	return 0;
}

/* -- files --------------------------------------------------------------------------- */

static int fail_file(struct sbuf *error, const char *path, const char *why)
{
	sbuf_printf(error, "cannot read %s: %s", path, why);
	return -1;
}

/* Up to max bytes and a NUL into buf. Never waits (a FIFO is refused). */
static int read_file(const char *path, mode_t forbidden, char *buf, size_t max,
		     size_t *len_r, struct sbuf *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *why = NULL;
	struct stat st;
	ssize_t n = 0;
	size_t len = 0;

	if (fd < 0)
		return fail_file(error, path, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		why = "it is not a regular file";
	else if (st.st_mode & forbidden)
		why = "others may read it; chmod o-r it";
	while (!why && len <= max && (n = read(fd, buf + len, max + 1 - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		why = strerror(errno);
	else if (len > max)
		why = "it is too large";
	(void)close(fd);
	if (why)
		return fail_file(error, path, why);
	buf[len] = '\0';
	*len_r = len;
	return 0;
}

static int read_cfg(struct reader *r)
{
	char *text = xmalloc(FILE_MAX_BYTES + 1);
	size_t len;
	int result = -1;

	if (read_file(r->path, 0, text, FILE_MAX_BYTES, &len, r->error) == 0)
		result = read_lines(r, text, len);
	free(text);
	return result;
}

int cfg_secret(const struct cfg *cfg, enum cfg_key key, struct sbuf *out,
	       struct sbuf *error)
{
	char text[SECRET_MAX_BYTES + 1];
	const char *path;
	size_t len;
	int result = -1;

	BUG_ON((unsigned)key >= CFG_COUNT || rows[key].type != TYPE_SECRET);
	path = cfg->text[key];
	if (*path == '\0')
		return 1;
	if (read_file(path, S_IROTH, text, SECRET_MAX_BYTES, &len, error) == 0) {
		if (len && text[len - 1] == '\n')
			len--;
		if (len && text[len - 1] == '\r')
			len--;
		sbuf_add(out, text, len);
		if (len == 0)
			(void)fail_file(error, path, "it is empty");
		else if (out->overflow)
			(void)fail_file(error, path, "it is too large");
		else
			result = 0;
	}
	explicit_bzero(text, sizeof(text));
	return result;
}

/* -- the whole ----------------------------------------------------------------------- */

struct cfg *cfg_load(const char *path, const char *service, struct sbuf *error)
{
	struct cfg *cfg = xcalloc(1, sizeof(*cfg));
	struct reader r = {
		.cfg = cfg, .path = path, .service = service, .error = error
	};
	int i;

	for (i = 0; i < CFG_COUNT; i++) {
		cfg->text[i] = xstrdup(rows[i].initial);
		BUG_ON(!is_acceptable((enum cfg_key)i, cfg->text[i], &cfg->number[i]));
	}
	if ((path && read_cfg(&r) != 0) || resolve(&r) != 0)
		cfg_free(&cfg);
	return cfg;
}

void cfg_free(struct cfg **cfg)
{
	int i;

	if (!*cfg)
		return;
	for (i = 0; i < CFG_COUNT; i++)
		free((*cfg)->text[i]);
	free(*cfg);
	*cfg = NULL;
}

const char *cfg_str(const struct cfg *cfg, enum cfg_key key)
{
	BUG_ON((unsigned)key >= CFG_COUNT || rows[key].type == TYPE_INT);
	return cfg->text[key];
}

int64_t cfg_int(const struct cfg *cfg, enum cfg_key key)
{
	BUG_ON((unsigned)key >= CFG_COUNT || rows[key].type != TYPE_INT);
	return cfg->number[key];
}

void cfg_dump(const struct cfg *cfg, struct sbuf *out)
{
	int i;

	for (i = 0; i < CFG_COUNT; i++)
		sbuf_printf(out, "# %s\n%s = %s\n", rows[i].help, rows[i].name,
			    cfg->text[i]);
}
