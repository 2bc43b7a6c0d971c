/* resp.c - answers: the success envelope, problem+json, validators, links. */
#include "compat.h"

#include "money.h"
#include "resp.h"

/* value is ours: nothing to format, nothing to clean */
static void header_add(struct sbuf *out, const char *name, const char *value)
{
	sbuf_addstr(out, name);
	sbuf_add(out, ": ", 2);
	sbuf_addstr(out, value);
	sbuf_add(out, "\r\n", 2);
}

static void answer_begin(struct req *req, int status, const char *type)
{
	sbuf_reset(req->head_out);
	sbuf_reset(req->body_out);
	req->status = status;
	req->failed = false;
	req->db_retry = false;
	header_add(req->head_out, "Content-Type", type);
	if (req->etag)
		header_add(req->head_out, "ETag", req->etag);
}

const char *resp_lang(const struct req *req, const char *en, const char *fr)
{
	return req->lang == LANG_FR ? fr : en;
}

void resp_header(struct req *req, const char *name, const char *fmt, ...)
{
	struct sbuf *out = req->head_out;
	va_list ap;
	size_t from;

	sbuf_addstr(out, name);
	sbuf_add(out, ": ", 2);
	from = out->len;
	va_start(ap, fmt);
	sbuf_vprintf(out, fmt, ap);
	va_end(ap);
	for (size_t i = from; i < out->len; i++) {
		if (out->data[i] == '\r' || out->data[i] == '\n')
			out->data[i] = ' ';
	}
	sbuf_add(out, "\r\n", 2);
}

struct jw *resp_data(struct req *req, int status)
{
	answer_begin(req, status, "application/json; charset=utf-8");
	jw_init(&req->jw, req->body_out);
	jw_obj(&req->jw);
	jw_kbool(&req->jw, "success", true);
	jw_key(&req->jw, "data");
	return &req->jw;
}

int resp_done(struct req *req)
{
	jw_end_obj(&req->jw);
	return 0;
}

int resp_message(struct req *req, int status, const char *en, const char *fr)
{
	answer_begin(req, status, "application/json; charset=utf-8");
	jw_init(&req->jw, req->body_out);
	jw_obj(&req->jw);
	jw_kbool(&req->jw, "success", true);
	jw_kstr(&req->jw, "message", resp_lang(req, en, fr));
	return resp_done(req);
}

int resp_bytes(struct req *req, int status, const char *type, const void *bytes, size_t len)
{
	answer_begin(req, status, type);
	sbuf_add(req->body_out, bytes, len);
	return 0;
}

int resp_empty(struct req *req, int status)
{
	sbuf_reset(req->head_out);
	sbuf_reset(req->body_out);
	req->status = status;
	req->failed = false;
	if (req->etag)
		header_add(req->head_out, "ETag", req->etag);
	return 0;
}

static void problem_begin(struct req *req, enum err e, const char *detail)
{
	struct jw *w = &req->jw;

	/* the validator of a representation does not describe an error */
	req->etag = NULL;
	answer_begin(req, err_status(e), "application/problem+json; charset=utf-8");
	req->failed = true;
	req->error = e;
	if (req->status == 503)
		resp_header(req, "Retry-After", "%u",
			    req->retry_after_s ? req->retry_after_s : 1);
	if (req->status == 401)
		resp_header(req, "WWW-Authenticate", "Bearer realm=\"halle\"");
	resp_header(req, "Content-Language", "%s", resp_lang(req, "en", "fr"));
	resp_header(req, "Vary", "Accept-Language");
	jw_init(w, req->body_out);
	jw_obj(w);
	jw_kstr(w, "type", "about:blank");
	jw_kstr(w, "title", err_title(req->status));
	jw_ki64(w, "status", req->status);
	jw_kstr(w, "detail", detail);
	jw_kstr(w, "instance", req->path);
	jw_kbool(w, "success", false);
	jw_key(w, "error");
	jw_obj(w);
	jw_kstr(w, "code", err_code(e));
	jw_kstr(w, "message", err_text(e, req->lang));
	jw_end_obj(w);
	jw_kstr(w, "request_id", req->id);
}

struct jw *resp_problem(struct req *req, enum err e)
{
	problem_begin(req, e, err_text(e, req->lang));
	return &req->jw;
}

int resp_problem_done(struct req *req)
{
	jw_end_obj(&req->jw);
	return -1;
}

int resp_error(struct req *req, enum err e)
{
	resp_problem(req, e);
	return resp_problem_done(req);
}

int resp_error_detail(struct req *req, enum err e, const char *fmt, ...)
{
	struct sbuf detail;
	va_list ap;

	sbuf_init(&detail, 1024);
	va_start(ap, fmt);
	sbuf_vprintf(&detail, fmt, ap);
	va_end(ap);
	problem_begin(req, e, sbuf_str(&detail));
	sbuf_free(&detail);
	return resp_problem_done(req);
}

static const char *fault_format(const struct fault *f, const struct req *req)
{
	static const struct {
		const char *code, *en, *fr;
	} texts[] = {
		{ "required", "This field is required.", "Ce champ est obligatoire." },
		{ "unknown", "There is no such field here; remove it.",
		  "Ce champ n'existe pas ici ; retirez-le." },
		{ "duplicate", "Give this field once.", "Donnez ce champ une seule fois." },
		{ "min", "The least value is %s.", "La plus petite valeur est %s." },
		{ "max", "The greatest value is %s.", "La plus grande valeur est %s." },
		{ "min_length", "It needs at least %s characters.",
		  "Il faut au moins %s caractères." },
		{ "max_length", "It may have at most %s characters.",
		  "Il faut au plus %s caractères." },
		{ "decimals", "Give at most two decimals.", "Donnez au plus deux décimales." },
		{ "format", "It does not have the right form.", "La forme n'est pas la bonne." },
		{ "choice", "It is not one of the allowed values.",
		  "Ce n'est pas une des valeurs permises." },
		{ "common", "This password is too common; choose another.",
		  "Ce mot de passe est trop courant ; choisissez-en un autre." },
		{ "wrong", "This is not the password of this account.",
		  "Ce n'est pas le mot de passe de ce compte." },
		{ "same", "This is the password already; choose another.",
		  "C'est déjà le mot de passe ; choisissez-en un autre." },
		{ "taken", "Another account has it.", "Un autre compte l'a déjà." },
		{ "hash",
		  "This is no hash that a login can verify (argon2id, or Werkzeug's scrypt "
		  "or pbkdf2:sha256). Never put a password itself here: leave this user "
		  "out, and let him register.",
		  "Ce n'est pas un hachage qu'une connexion puisse vérifier (argon2id, ou "
		  "scrypt ou pbkdf2:sha256 de Werkzeug). N'y mettez jamais un mot de passe "
		  "en clair : omettez cet utilisateur, il s'inscrira." },
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		if (strcmp(texts[i].code, f->code) == 0)
			return resp_lang(req, texts[i].en, texts[i].fr);
	}
	return NULL;
}

static const char *fault_type_text(enum field_type type, const struct req *req)
{
	switch (type) {
	case FIELD_TYPE_STR:
		return resp_lang(req, "It must be a text.", "Ce doit être un texte.");
	case FIELD_TYPE_BYTES:
		return resp_lang(req, "It must be a text in Base64.",
				 "Ce doit être un texte en Base64.");
	case FIELD_TYPE_U64:
	case FIELD_TYPE_I64:
		return resp_lang(req, "It must be an integer.", "Ce doit être un entier.");
	case FIELD_TYPE_MONEY:
		return resp_lang(req, "It must be an amount such as 79.99.",
				 "Ce doit être un montant comme 79.99.");
	case FIELD_TYPE_ARRAY:
		return resp_lang(req, "It must be a list.", "Ce doit être une liste.");
	case FIELD_TYPE_BOOL:
		return resp_lang(req, "It must be true or false.",
				 "Ce doit être true ou false.");
	}
	BUG_ON(true);
}

static const char *fault_text(const struct fault *f, struct req *req)
{
	const char *format = fault_format(f, req), *hole;
	char bound[MONEY_TEXT + 8];

	if (!format)
		return fault_type_text(f->type, req);
	hole = strstr(format, "%s");
	if (!hole)
		return format;
	if (f->type == FIELD_TYPE_MONEY)
		money_format(f->bound, bound);
	else
		snprintf(bound, sizeof(bound), "%" PRId64, f->bound);
	return pool_printf(req->pool, "%.*s%s%s", (int)(hole - format), format, bound, hole + 2);
}

void resp_write_faults(struct req *req, struct jw *w, const struct faults *faults)
{
	jw_key(w, "errors");
	jw_arr(w);
	for (unsigned i = 0; i < faults->count; i++) {
		jw_obj(w);
		jw_kstr(w, faults->list[i].where[0] == '#' ? "pointer" : "parameter",
			faults->list[i].where);
		jw_kstr(w, "code", faults->list[i].code);
		jw_kstr(w, "detail", fault_text(&faults->list[i], req));
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

int resp_faults(struct req *req, const struct faults *faults)
{
	resp_write_faults(req, resp_problem(req, ERR_VALIDATION_FAILED), faults);
	return resp_problem_done(req);
}

int resp_db(struct req *req, enum db_status st)
{
	switch (st) {
	case DB_UNCERTAIN:
		return resp_error(req, ERR_OUTCOME_UNKNOWN);
	case DB_RETRY:
		resp_error(req, ERR_DATABASE_UNAVAILABLE);
		req->db_retry = true;
		return -1;
	case DB_DOWN:
		return resp_error(req, ERR_DATABASE_UNAVAILABLE);
	case DB_CONFLICT:
	case DB_FAIL:
		return resp_error(req, ERR_INTERNAL);
	case DB_OK:
	case DB_NONE:
		break;
	}
	BUG_ON(true);
}

void resp_replayed(struct req *req)
{
	req->replayed = true;
	resp_header(req, "Idempotent-Replayed", "true");
}

void resp_etag(struct req *req, const char *tag)
{
	struct sbuf quoted;

	sbuf_init(&quoted, 128);
	sbuf_addch(&quoted, '"');
	sbuf_addstr(&quoted, tag);
	sbuf_addch(&quoted, '"');
	req->etag = pool_dup(req->pool, sbuf_str(&quoted), quoted.len);
	sbuf_free(&quoted);
}

void resp_etag_version(struct req *req, uint64_t version)
{
	char text[24], *end = text + sizeof(text), *first;

	end[-1] = '"';
	first = sbuf_digits(end - 1, version);
	*--first = '"';
	req->etag = pool_dup(req->pool, first, (size_t)(end - first));
}

/* RFC 9110 8.8.3: a list of entity tags, or "*". Weak ones match only in weak comparison. */
static bool etag_listed(const char *list, const char *etag, bool weak)
{
	size_t len = strlen(etag);

	for (const char *p = list; *p;) {
		bool is_weak = false;
		const char *end;

		p += strspn(p, " \t,");
		if (*p == '*')
			return true;
		if (p[0] == 'W' && p[1] == '/') {
			is_weak = true;
			p += 2;
		}
		if (*p != '"' || !(end = strchr(p + 1, '"')))
			return false;
		if ((size_t)(end + 1 - p) == len && memcmp(p, etag, len) == 0 &&
		    (weak || !is_weak))
			return true;
		p = end + 1;
	}
	return false;
}

bool resp_not_modified(struct req *req)
{
	if (!req->if_none_match || !req->etag ||
	    !etag_listed(req->if_none_match, req->etag, true))
		return false;
	resp_empty(req, 304);
	return true;
}

bool resp_if_match(const struct req *req)
{
	return !req->if_match || (req->etag && etag_listed(req->if_match, req->etag, false));
}

void resp_links(struct req *req, const char *first, const char *next)
{
	if (next)
		resp_header(req, "Link", "<%s>; rel=\"first\", <%s>; rel=\"next\"", first, next);
	else
		resp_header(req, "Link", "<%s>; rel=\"first\"", first);
}
