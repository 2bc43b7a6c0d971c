/*
 * auth_main.c - halle-auth: accounts, passwords, sessions, and the health of the whole
 * site.
 *
 * "halle-auth --hash-password" reads a password from standard input and prints what the
 * column account.password holds for it.
 */
#include "compat.h"

#include "auth.h"
#include "auth_db_failure.h"
#include "auth_db_revocation.h"
#include "auth_db_session.h"
#include "hasher.h"
#include "log.h"
#include "metrics.h"
#include "passwd.h"

static const struct route routes[] = {
	{ M_POST, "/auth/register", auth_register, ROLE_PUBLIC },
	{ M_POST, "/auth/login", auth_login, ROLE_PUBLIC },
	{ M_POST, "/auth/refresh", auth_refresh, ROLE_PUBLIC },
	{ M_POST, "/auth/logout", auth_logout, ROLE_CUSTOMER },
	{ M_GET, "/auth/sessions", auth_session_list, ROLE_CUSTOMER },
	{ M_DELETE, "/auth/sessions/{uuid}", auth_session_delete, ROLE_CUSTOMER,
	  .flags = ROUTE_TX },
	{ M_POST, "/auth/password", auth_password, ROLE_CUSTOMER },
	{ M_POST, "/auth/verify", auth_verify, ROLE_PUBLIC },
	{ M_GET, "/auth/validate", auth_validate, ROLE_CUSTOMER },
	{ M_GET, "/auth/profile", auth_profile, ROLE_CUSTOMER },
	{ M_GET, "/.well-known/jwks.json", auth_jwks, ROLE_PUBLIC },
	{ M_POST, "/internal/auth/import", auth_import, ROLE_SERVICE,
	  .max_body = AUTH_IMPORT_MAX, .flags = ROUTE_TX },
	{ M_GET, "/internal/auth/revocations", auth_revocations, ROLE_SERVICE },
	{ M_GET, "/health", auth_site_health, ROLE_PUBLIC },
	{ M_GET, "/readyz", auth_site_ready, ROLE_PUBLIC },
	{ M_GET, "/livez", auth_site_live, ROLE_PUBLIC },
	{ M_POST, "/internal/auth/accounts", auth_account_add, ROLE_SERVICE },
	{ M_POST, "/internal/auth/events", auth_event, ROLE_SERVICE, .flags = ROUTE_TX },
	{ 0 },
};

static int start(struct svc *svc)
{
	unsigned threads = (unsigned)cfg_int(svc->cfg, CFG_THREADS);
	unsigned queue = (unsigned)cfg_int(svc->cfg, CFG_HASH_QUEUE);

	/* who waits for a hash holds a thread: most of them, but never all */
	if (queue > threads / 2)
		queue = threads / 2;
	svc->data = hasher_new((unsigned)cfg_int(svc->cfg, CFG_HASH_PARALLEL), queue,
			       cfg_str(svc->cfg, CFG_METRICS_DIR), passwd_rest);
	return 0;
}

static void stop(struct svc *svc)
{
	struct hasher *hasher = svc->data;

	hasher_free(&hasher);
}

#define PURGE_BATCH 1000

static void purge(struct worker *w, enum db_status (*delete)(struct db *db), const char *event)
{
	enum db_status st;

	do
		st = delete(w->db);
	while (st == DB_OK && db_affected(w->db) >= PURGE_BATCH && !svc_stopping());
	if (st != DB_OK)
		log_warn(event, LOG_INT("status", st));
}

static void purge_sessions(struct worker *w)
{
	purge(w, auth_db_session_purge, "session.purge");
}

static void purge_failures(struct worker *w)
{
	purge(w, auth_db_failure_purge, "login_failure.purge");
}

static void purge_revocations(struct worker *w)
{
	purge(w, auth_db_revocation_purge, "revocation.purge");
}

static const char *const prefixes[] = { "/auth", NULL };

static const struct service service = {
	.name = "auth",
	.prefixes = prefixes,
	.routes = routes,
	.schema = 107,
	.signs = true,
	.calls = true,
	.outbox = true,
	.start = start,
	.stop = stop,
	.revocations = auth_own_revocations,
	.jobs = { { "session_purge", 600000, purge_sessions },
		  { "failure_purge", 60000, purge_failures },
		  { "revocation_purge", 60000, purge_revocations } },
};

static int refuse_hash(struct req *req)
{
	metrics_add(M_HASH_REFUSED, 1);
	return resp_error(req, ERR_SERVER_BUSY);
}

int auth_hash(struct req *req, void (*fn)(void *), void *arg)
{
	if (hasher_run(req->worker->svc->data, fn, arg, req->deadline_us))
		return 0;
	return refuse_hash(req);
}

int auth_hash_room(struct req *req)
{
	return hasher_full(req->worker->svc->data) ? refuse_hash(req) : 0;
}

void auth_forget(struct req *req, const char *password)
{
	if (password)
		xwipe(password, strlen(password));
	xwipe(req->body, req->body_len);
	req->body = "";
	req->body_len = 0;
}

static int hash_password(void)
{
	char phc[PASSWD_TEXT], line[1024];
	size_t len = fread(line, 1, sizeof(line), stdin);

	if (len > 0 && line[len - 1] == '\n')
		len--;
	if (len == 0 || len == sizeof(line) || memchr(line, '\n', len)) {
		fputs("halle-auth: give one password of at most 1023 bytes on standard "
		      "input\n",
		      stderr);
		return 2;
	}
	passwd_hash(line, len, phc);
	passwd_rest();
	explicit_bzero(line, sizeof(line));
	return puts(phc) == EOF || fflush(stdout) == EOF;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--hash-password") == 0)
		return hash_password();
	return svc_run(&service, argc, argv);
}
