# Unit tests (cmocka), one per library module: tests/unit/test_<module>.c
if HAVE_CMOCKA
UNIT_TESTS =
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
# base: modules without third-party libraries
UNIT_TESTS += test_sbuf
test_sbuf_SOURCES = tests/unit/test_sbuf.c
test_sbuf_LDADD = $(UNIT_LIBS)
test_sbuf_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_pool
test_pool_SOURCES = tests/unit/test_pool.c
test_pool_LDADD = $(UNIT_LIBS)
test_pool_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_log
test_log_SOURCES = tests/unit/test_log.c
test_log_LDADD = $(UNIT_LIBS)
test_log_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_money
test_money_SOURCES = tests/unit/test_money.c
test_money_LDADD = $(UNIT_LIBS)
test_money_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_err
test_err_SOURCES = tests/unit/test_err.c
test_err_LDADD = $(UNIT_LIBS)
test_err_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_clock
test_clock_SOURCES = tests/unit/test_clock.c
test_clock_LDADD = $(UNIT_LIBS)
test_clock_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_rnd
test_rnd_SOURCES = tests/unit/test_rnd.c
test_rnd_LDADD = $(UNIT_LIBS)
test_rnd_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_field
test_field_SOURCES = tests/unit/test_field.c
test_field_LDADD = $(UNIT_LIBS)
test_field_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_metrics
test_metrics_SOURCES = tests/unit/test_metrics.c
test_metrics_LDADD = $(UNIT_LIBS)
test_metrics_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_cfg
test_cfg_SOURCES = tests/unit/test_cfg.c
test_cfg_LDADD = $(UNIT_LIBS)
test_cfg_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
# end of base
# json, body, query, token
UNIT_TESTS += test_json
test_json_SOURCES = tests/unit/test_json.c
test_json_LDADD = $(UNIT_LIBS)
test_json_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_json_check
test_json_check_SOURCES = tests/unit/test_json_check.c
test_json_check_LDADD = $(UNIT_LIBS)
test_json_check_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_body
test_body_SOURCES = tests/unit/test_body.c
test_body_LDADD = $(UNIT_LIBS)
test_body_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_query
test_query_SOURCES = tests/unit/test_query.c
test_query_LDADD = $(UNIT_LIBS)
test_query_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_token
test_token_SOURCES = tests/unit/test_token.c tests/unit/token_fixture.c tests/unit/token_fixture.h
test_token_LDADD = $(UNIT_LIBS)
test_token_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_token_forged
test_token_forged_SOURCES = tests/unit/test_token_forged.c tests/unit/token_fixture.c \
	tests/unit/token_fixture.h
test_token_forged_LDADD = $(UNIT_LIBS)
test_token_forged_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_token_es256
test_token_es256_SOURCES = tests/unit/test_token_es256.c tests/unit/token_fixture.c \
	tests/unit/token_fixture.h
test_token_es256_LDADD = $(UNIT_LIBS)
test_token_es256_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_token_keys
test_token_keys_SOURCES = tests/unit/test_token_keys.c tests/unit/token_fixture.c \
	tests/unit/token_fixture.h
test_token_keys_LDADD = $(UNIT_LIBS)
test_token_keys_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_token_cache
test_token_cache_SOURCES = tests/unit/test_token_cache.c tests/unit/token_fixture.c \
	tests/unit/token_fixture.h
test_token_cache_LDADD = $(UNIT_LIBS)
test_token_cache_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
# end of json, body, query, token
# database, outbox, idempotency, peers: each starts a MariaDB or a server of its own
UNIT_TESTS += test_db
test_db_SOURCES = tests/unit/test_db.c tests/unit/db_fixture.c tests/unit/db_fixture.h
test_db_LDADD = $(UNIT_LIBS)
test_db_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_SRCDIR='"$(abs_top_srcdir)"'
test_db_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_db_faults
test_db_faults_SOURCES = tests/unit/test_db_faults.c tests/unit/db_fixture.c \
	tests/unit/db_fixture.h
test_db_faults_LDADD = $(UNIT_LIBS)
test_db_faults_CPPFLAGS = $(test_db_CPPFLAGS)
test_db_faults_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_outbox
test_outbox_SOURCES = tests/unit/test_outbox.c tests/unit/db_fixture.c tests/unit/db_fixture.h \
	tests/unit/http_fixture.c tests/unit/http_fixture.h
test_outbox_LDADD = $(UNIT_LIBS)
test_outbox_CPPFLAGS = $(test_db_CPPFLAGS)
test_outbox_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_idem
test_idem_SOURCES = tests/unit/test_idem.c tests/unit/db_fixture.c tests/unit/db_fixture.h
test_idem_LDADD = $(UNIT_LIBS)
test_idem_CPPFLAGS = $(test_db_CPPFLAGS)
test_idem_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_peer
test_peer_SOURCES = tests/unit/test_peer.c tests/unit/http_fixture.c tests/unit/http_fixture.h
test_peer_LDADD = $(UNIT_LIBS)
test_peer_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
EXTRA_DIST += tests/unit/mariadb.sh
UNIT_TESTS += test_revoked
test_revoked_SOURCES = tests/unit/test_revoked.c
test_revoked_LDADD = $(UNIT_LIBS)
test_revoked_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
# end of database
# auth
UNIT_TESTS += test_passwd
test_passwd_SOURCES = tests/unit/test_passwd.c fcgi/auth/passwd.c fcgi/auth/werkzeug.c \
	fcgi/auth/hasher.c fcgi/auth/credentials.c
test_passwd_LDADD = $(UNIT_LIBS) $(ARGON2_LIBS)
test_passwd_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/fcgi/auth
test_passwd_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_TESTS += test_refresh test_cookie
test_refresh_SOURCES = tests/unit/test_refresh.c fcgi/auth/refresh.c
test_refresh_LDADD = $(UNIT_LIBS)
test_refresh_CPPFLAGS = $(test_passwd_CPPFLAGS)
test_refresh_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
test_cookie_SOURCES = tests/unit/test_cookie.c tests/unit/fixture_req.h fcgi/auth/cookie.c
test_cookie_LDADD = $(UNIT_LIBS)
test_cookie_CPPFLAGS = $(test_passwd_CPPFLAGS)
test_cookie_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
# end of auth
# products
UNIT_TESTS += test_image test_lines
test_image_SOURCES = tests/unit/test_image.c fcgi/products/image.c
test_image_LDADD = $(UNIT_LIBS)
test_image_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/fcgi/products
test_image_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
test_lines_SOURCES = tests/unit/test_lines.c fcgi/products/lines.c fcgi/products/lines.h
test_lines_LDADD = $(UNIT_LIBS)
test_lines_CPPFLAGS = $(test_image_CPPFLAGS)
test_lines_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
# end of products
# carts
UNIT_TESTS += test_doc test_journal test_mirror test_facts
CARTS_TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) -I$(top_srcdir)/fcgi/carts
test_doc_SOURCES = tests/unit/test_doc.c fcgi/carts/doc.c fcgi/carts/doc.h
test_doc_LDADD = $(UNIT_LIBS)
test_doc_CFLAGS = $(CARTS_TEST_CFLAGS)
test_journal_SOURCES = tests/unit/test_journal.c fcgi/carts/journal.c fcgi/carts/journal.h
test_journal_LDADD = $(UNIT_LIBS)
test_journal_CFLAGS = $(CARTS_TEST_CFLAGS)
test_mirror_SOURCES = tests/unit/test_mirror.c tests/unit/db_fixture.c \
	tests/unit/db_fixture.h tests/unit/mirror_fixture.c tests/unit/mirror_fixture.h \
	fcgi/carts/mirror.c fcgi/carts/mirror_conn.c \
	fcgi/carts/mirror_mariadb.c fcgi/carts/mirror_redis.c
test_mirror_CPPFLAGS = $(test_db_CPPFLAGS)
test_mirror_LDADD = $(UNIT_LIBS) $(HIREDIS_LIBS)
test_mirror_CFLAGS = $(CARTS_TEST_CFLAGS)
test_facts_SOURCES = tests/unit/test_facts.c fcgi/carts/facts.c fcgi/carts/facts.h
test_facts_LDADD = $(UNIT_LIBS)
test_facts_CFLAGS = $(CARTS_TEST_CFLAGS)
# end of carts
# payments
UNIT_TESTS += test_card test_breaker
test_card_SOURCES = tests/unit/test_card.c fcgi/payments/card.c fcgi/payments/card.h
test_card_LDADD = $(UNIT_LIBS)
test_card_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) -I$(top_srcdir)/fcgi/payments
test_breaker_SOURCES = tests/unit/test_breaker.c fcgi/payments/breaker.c \
	fcgi/payments/breaker.h
test_breaker_LDADD = $(UNIT_LIBS)
test_breaker_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) -I$(top_srcdir)/fcgi/payments
# end of payments
# answers and routes
UNIT_TESTS += test_resp test_route
test_resp_SOURCES = tests/unit/test_resp.c tests/unit/fixture_req.h
test_resp_LDADD = $(UNIT_LIBS)
test_resp_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
test_route_SOURCES = tests/unit/test_route.c tests/unit/fixture_req.h
test_route_LDADD = $(UNIT_LIBS)
test_route_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
endif
UNIT_LIBS = $(HALLE_LIBS) $(CMOCKA_LIBS)

# rules of HACKING.md, and the black-box tests, which run against an instance of their own:
# "./dev check" runs them all
TESTS += tests/layers
EXTRA_DIST += tests/layers \
	$(patsubst $(top_srcdir)/%,%,$(wildcard $(top_srcdir)/tests/api/*.py $(top_srcdir)/tests/model/*.py))
EXTRA_DIST += tests/model/saga.py tests/model/saga_steps.py tests/api/test_audit.py \
	tests/api/test_audit_books.py
# end of rules and black-box tests

# what nginx, MariaDB and Redis alone can do, for ./dev bench: built by "make bench-programs"
EXTRA_PROGRAMS = ceiling constant token_check argon
bench-programs: $(EXTRA_PROGRAMS)
.PHONY: bench-programs
constant_SOURCES = tests/bench/constant.c
constant_LDADD = libhalle.a
token_check_SOURCES = tests/bench/token_check.c
token_check_LDADD = $(HALLE_LIBS)
argon_SOURCES = tests/bench/argon.c
argon_LDADD = libhalle.a $(ARGON2_LIBS)
ceiling_SOURCES = tests/bench/ceiling.c tests/bench/ceiling.h tests/bench/ceiling_mirror.c
ceiling_LDADD = $(MARIADB_LIBS) $(HIREDIS_LIBS)
EXTRA_DIST += tests/bench/run tests/boot/run tests/boot/smoke
# end of bench
