# nginx: templates, the program that fills them, and the texts of nginx's own errors.
nginxdir = $(pkgdatadir)/nginx
dist_nginx_SCRIPTS = nginx/render
dist_nginx_DATA = nginx/bench.conf.in nginx/cache.conf.in nginx/fastcgi_halle.conf.in \
	nginx/halle.conf.in nginx/headers.conf.in nginx/nginx.conf.in nginx/problem.conf.in \
	nginx/problem_body.conf.in nginx/routes.conf.in nginx/tls.conf.in
nodist_nginx_DATA = nginx/errors.conf

nginx/errors.conf: nginx/errors.awk fcgi/lib/err.def
	$(AM_V_GEN)$(MKDIR_P) nginx && \
	$(AWK) -f $(srcdir)/nginx/errors.awk $(srcdir)/fcgi/lib/err.def >$@.new && mv $@.new $@

# The site for a machine's own nginx: include halle.conf of this folder in its http block.
sitedir = $(sysconfdir)/halle/nginx
SITE_VALUES = NGINX=$(sitedir) RUN=/run/halle INTERNAL=/run/halle/internal/nginx.sock \
	LOG=/var/log/nginx CACHE=/var/cache/halle TLS=$(sysconfdir)/halle/tls \
	OPENAPI=$(pkgdatadir)/openapi.yaml ADDRESS=0.0.0.0 HTTP_PORT=80 HTTPS_PORT=443 \
	HTTPS_SUFFIX= 'LIMIT_KEY=$$binary_remote_addr' BENCH=
openapidir = $(pkgdatadir)
dist_openapi_DATA = openapi.yaml
SITE = cache.conf fastcgi_halle.conf halle.conf headers.conf problem.conf problem_body.conf \
	routes.conf tls.conf

install-data-local: nginx/errors.conf
	$(MKDIR_P) '$(DESTDIR)$(sitedir)'
	set -e; for f in $(SITE); do \
		$(srcdir)/nginx/render $(SITE_VALUES) \
			<$(srcdir)/nginx/$$f.in >'$(DESTDIR)$(sitedir)'/$$f; \
	done
	$(INSTALL_DATA) nginx/errors.conf '$(DESTDIR)$(sitedir)'/errors.conf

uninstall-local:
	cd '$(DESTDIR)$(sitedir)' && rm -f $(SITE) errors.conf

CLEANFILES += nginx/errors.conf
EXTRA_DIST += nginx/errors.awk
