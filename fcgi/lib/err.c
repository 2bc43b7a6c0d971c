/*
 * err.c - the registry of errors, and the choice of the language of their texts.
 */
#include "compat.h"
#include "err.h"

struct row {
	int status;
	const char *code;
	const char *text[2]; /* by enum lang */
};

static const struct row rows[ERR_COUNT] = {
#define ERR(code, status, en, fr) [ERR_##code] = { status, #code, { en, fr } },
#include "err.def"
#undef ERR
};

static const struct row *row_of(enum err e)
{
	BUG_ON((unsigned)e >= ERR_COUNT);
	return &rows[e];
}

int err_status(enum err e)
{
	return row_of(e)->status;
}

const char *err_code(enum err e)
{
	/* codes with two statuses */
	if (e == ERR_BODY_PRODUCT_NOT_FOUND) /* 404 in a path, 400 in a body */
		e = ERR_PRODUCT_NOT_FOUND;
	if (e == ERR_ORDER_OUT_OF_STOCK) /* 400 for a cart, as it has always been */
		e = ERR_OUT_OF_STOCK;
	return row_of(e)->code;
}

const char *err_text(enum err e, enum lang lang)
{
	return row_of(e)->text[lang == LANG_FR];
}

const char *err_title(int status)
{
	static const struct {
		int status;
		const char *title;
	} titles[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 402, "Payment Required" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 428, "Precondition Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};
	size_t i;

	for (i = 0; i < COUNT(titles); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "Error";
}

/* -- Accept-Language ----------------------------------------------------------------- */

#define Q_UNSAID (-1)

/* Quality in thousandths of each choice, and of "*", and which of ours came first. */
struct wish {
	int q[2];
	int q_other;
	int first;
};

static const char *skip_space(const char *s)
{
	return s + strspn(s, " \t");
}

/* qvalue of RFC 9110 12.4.2 in thousandths; NULL when it is not one. */
static const char *read_q(const char *s, int *q_r)
{
	int unit = 1000, q;

	if (*s != '0' && *s != '1')
		return NULL;
	q = (*s++ - '0') * unit;
	if (*s == '.') {
		for (s++; *s >= '0' && *s <= '9'; s++) {
			unit /= 10;
			if (unit == 0)
				return NULL;
			q += (*s - '0') * unit;
		}
	}
	*q_r = q;
	return q <= 1000 ? s : NULL;
}

/* [";" "q=" qvalue], with optional white space as RFC 9110 12.4.2 has it. */
static const char *read_weight(const char *s, int *q_r)
{
	*q_r = 1000;
	s = skip_space(s);
	if (*s != ';')
		return s;
	s = skip_space(s + 1);
	if ((*s != 'q' && *s != 'Q') || s[1] != '=')
		return NULL;
	s = read_q(s + 2, q_r);
	return s ? skip_space(s) : NULL;
}

static bool names(const char *range, size_t len, const char *primary)
{
	return len >= 2 && strncasecmp(range, primary, 2) == 0 &&
	       (len == 2 || range[2] == '-');
}

static void note(struct wish *w, const char *range, size_t len, int q)
{
	int lang;

	if (len == 1 && *range == '*') {
		w->q_other = q;
		return;
	}
	if (names(range, len, "en"))
		lang = LANG_EN;
	else if (names(range, len, "fr"))
		lang = LANG_FR;
	else
		return;
	if (w->first < 0)
		w->first = lang;
	if (q > w->q[lang])
		w->q[lang] = q;
}

/* Whole header into *w; -1 when it is not a list of weighted language ranges. */
static int read_wish(const char *s, struct wish *w)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-*";
	for (;;) {
		const char *range = skip_space(s);
		size_t len = strspn(range, alphabet);
		int q;

		s = read_weight(range + len, &q);
		if (!s || (len == 0 && s != skip_space(range)))
			return -1;
		note(w, range, len, q);
		if (*s == '\0')
			return 0;
		if (*s++ != ',')
			return -1;
	}
}

enum lang err_lang(const char *accept_language)
{
	struct wish w = { { Q_UNSAID, Q_UNSAID }, 0, -1 };
	int i;

	if (!accept_language || read_wish(accept_language, &w) != 0)
		return LANG_EN;
	for (i = 0; i < 2; i++)
		if (w.q[i] == Q_UNSAID)
			w.q[i] = w.q_other;
	if (w.q[LANG_FR] > w.q[LANG_EN])
		return LANG_FR;
	if (w.q[LANG_FR] == w.q[LANG_EN] && w.q[LANG_FR] > 0 && w.first == LANG_FR)
		return LANG_FR;
	return LANG_EN;
}
