/*
 * auth_main.c - halle-auth: accounts, passwords, sessions, and the health of the whole
 * site.
 *
 * "halle-auth --hash-password" reads a password from standard input and prints what the
 * column account.password holds for it.
 */
#include "compat.h"

#include "auth.h"
#include "auth_db.h"
#include "log.h"
#include "metrics.h"
#include "passwd.h"

static const struct route routes[] = {
	{ M_POST, "/auth/register", auth_register, ROLE_PUBLIC },
	{ M_POST, "/auth/login", auth_login, ROLE_PUBLIC },
	{ M_POST, "/auth/verify", auth_verify, ROLE_PUBLIC },
	{ M_GET, "/auth/validate", auth_validate, ROLE_CUSTOMER },
	{ M_GET, "/auth/profile", auth_profile, ROLE_CUSTOMER },
	{ M_GET, "/health", auth_site_health, ROLE_PUBLIC },
	{ M_GET, "/readyz", auth_site_ready, ROLE_PUBLIC },
	{ M_GET, "/livez", auth_site_live, ROLE_PUBLIC },
	{ M_POST, "/internal/auth/accounts", auth_account_add, ROLE_SERVICE },
	{ M_POST, "/internal/auth/events", auth_event, ROLE_SERVICE, .flags = ROUTE_TX },
	{ 0 },
};

static int start(struct svc *svc)
{
	svc->data = gate_new((unsigned)cfg_int(svc->cfg, CFG_HASH_PARALLEL),
			     (unsigned)cfg_int(svc->cfg, CFG_HASH_QUEUE));
	return 0;
}

static void stop(struct svc *svc)
{
	struct gate *gate = svc->data;

	gate_free(&gate);
}

static void purge(struct worker *w)
{
	enum db_status st = auth_db_session_purge(w->db);

	if (st != DB_OK)
		log_warn("session.purge", LOG_INT("status", st));
}

static const char *const prefixes[] = { "/auth", NULL };

static const struct service service = {
	.name = "auth",
	.prefixes = prefixes,
	.routes = routes,
	.schema = 106,
	.calls = true,
	.outbox = true,
	.start = start,
	.stop = stop,
	.jobs = { { "session_purge", 600000, purge } },
};

struct gate *auth_gate(const struct req *req)
{
	return req->worker->svc->data;
}

int auth_gate_enter(struct req *req)
{
	if (gate_enter(auth_gate(req), req->deadline_us))
		return 0;
	metrics_add(M_HASH_REFUSED, 1);
	return resp_error(req, ERR_SERVER_BUSY);
}

void auth_forget(struct req *req, const char *password)
{
	if (password)
		passwd_wipe(password, strlen(password));
	passwd_wipe(req->body, req->body_len);
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
	explicit_bzero(line, sizeof(line));
	return puts(phc) == EOF || fflush(stdout) == EOF;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--hash-password") == 0)
		return hash_password();
	return svc_run(&service, argc, argv);
}
