# libhalle.a: what at least two services use.
noinst_LIBRARIES += libhalle.a
libhalle_a_SOURCES = \
	fcgi/lib/banned.h fcgi/lib/compat.c fcgi/lib/compat.h \
	fcgi/lib/body.c fcgi/lib/body.h \
	fcgi/lib/cfg.c fcgi/lib/cfg.def fcgi/lib/cfg.h \
	fcgi/lib/clock.c fcgi/lib/clock.h \
	fcgi/lib/crash.c fcgi/lib/crash.h \
	fcgi/lib/db.c fcgi/lib/db.h fcgi/lib/db_priv.h fcgi/lib/db_stmt.c \
	fcgi/lib/db_tx.c fcgi/lib/db_wait.c \
	fcgi/lib/err.c fcgi/lib/err.def fcgi/lib/err.h \
	fcgi/lib/event.c fcgi/lib/event.h \
	fcgi/lib/field.c fcgi/lib/field.h \
	fcgi/lib/idem.c fcgi/lib/idem.h \
	fcgi/lib/json.c fcgi/lib/json.h fcgi/lib/json_check.c \
	fcgi/lib/log.c fcgi/lib/log.h \
	fcgi/lib/metrics.c fcgi/lib/metrics.def fcgi/lib/metrics.h \
	fcgi/lib/money.c fcgi/lib/money.h \
	fcgi/lib/outbox.c fcgi/lib/outbox.h \
	fcgi/lib/page.c fcgi/lib/page.h \
	fcgi/lib/peer.c fcgi/lib/peer.h \
	fcgi/lib/pool.c fcgi/lib/pool.h \
	fcgi/lib/query.c fcgi/lib/query.h \
	fcgi/lib/req.c fcgi/lib/req.h \
	fcgi/lib/resp.c fcgi/lib/resp.h \
	fcgi/lib/revoked.c fcgi/lib/revoked.h \
	fcgi/lib/rnd.c fcgi/lib/rnd.h \
	fcgi/lib/route.c fcgi/lib/route.h \
	fcgi/lib/sbuf.c fcgi/lib/sbuf.h \
	fcgi/lib/svc.c fcgi/lib/svc.h fcgi/lib/svc_fcgi.c fcgi/lib/svc_loop.c \
	fcgi/lib/svc_health.c fcgi/lib/svc_jobs.c fcgi/lib/svc_options.c fcgi/lib/svc_priv.h \
	fcgi/lib/token.c fcgi/lib/token.h fcgi/lib/token_cache.c fcgi/lib/token_keys.c \
	fcgi/lib/token_priv.h

# Every worker links these; --as-needed drops what it does not call.
HALLE_LIBS = libhalle.a $(FCGI_LIBS) $(MARIADB_LIBS) $(JSONC_LIBS) $(JWT_LIBS) \
	$(CURL_LIBS) $(CRYPTO_LIBS)
