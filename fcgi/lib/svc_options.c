/* svc_options.c - the command line of a worker. */
#include "compat.h"

#include <getopt.h>

#include "svc_priv.h"

static void usage(const struct service *s, FILE *out)
{
	fprintf(out,
		"Usage: halle-%s [--config FILE] [--check | --routes | --config-dump]\n"
		"\n"
		"FastCGI worker of halle's %s service. It serves on the socket that systemd\n"
		"(LISTEN_FDS) or spawn-fcgi (file descriptor 0) hands over, and ends on SIGTERM\n"
		"after the requests under way.\n"
		"\n"
		"  --config FILE   configuration (default: " HALLE_SYSCONFDIR "/halle.conf)\n"
		"  --check         check configuration and secrets, then exit\n"
		"  --routes        print method, path and role of every route, then exit\n"
		"  --config-dump   print every key with its value and meaning, then exit\n"
		"  --help, --version\n",
		s->name, s->name);
}

int options_parse(struct options *o, const struct service *service, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' }, { "check", no_argument, NULL, 'k' },
		{ "routes", no_argument, NULL, 'r' },	    { "config-dump", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },	    { "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct options){ .config = HALLE_SYSCONFDIR "/halle.conf" };
	while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'k':
			o->check = true;
			break;
		case 'r':
			o->routes = true;
			break;
		case 'd':
			o->dump = true;
			break;
		case 'h':
			usage(service, stdout);
			return 0;
		case 'v':
			printf("halle-%s %s\n", service->name, PACKAGE_VERSION);
			return 0;
		default:
			usage(service, stderr);
			return 2;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "halle-%s: unexpected argument \"%s\"\n", service->name, argv[optind]);
	usage(service, stderr);
	return 2;
}

static void print_table(const struct route *r)
{
	for (; r->path; r++) {
		const char *role = r->role == ROLE_PUBLIC ? "public" :
				   r->role == ROLE_NONE	  ? "closed" : role_name(r->role);

		printf("%s %s %s\n", method_name(r->method), r->path, role);
	}
}

void options_print_routes(const struct service *service)
{
	print_table(health_routes(service));
	print_table(service->routes);
}
