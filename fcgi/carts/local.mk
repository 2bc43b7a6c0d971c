sbin_PROGRAMS += halle-carts
halle_carts_SOURCES = \
	fcgi/carts/carts.h fcgi/carts/carts_main.c fcgi/carts/carts_cart.c \
	fcgi/carts/carts_cart.h fcgi/carts/carts_paniers.c fcgi/carts/carts_history.c \
	fcgi/carts/carts_expiry.c \
	fcgi/carts/carts_orders.c fcgi/carts/carts_orders.h \
	fcgi/carts/carts_json.c fcgi/carts/carts_write.c fcgi/carts/carts_write.h \
	fcgi/carts/carts_events.c fcgi/carts/carts_db.c fcgi/carts/carts_db.h \
	fcgi/carts/carts_db_admin.c fcgi/carts/carts_db_admin.h \
	fcgi/carts/carts_internal.c fcgi/carts/carts_internal.h fcgi/carts/carts_replay.c \
	fcgi/carts/compare.c fcgi/carts/compare.h fcgi/carts/restore.c fcgi/carts/restore.h \
	fcgi/carts/doc.c fcgi/carts/doc.h fcgi/carts/facts.c fcgi/carts/facts.h \
	fcgi/carts/journal.c fcgi/carts/journal.h \
	fcgi/carts/mirror.c fcgi/carts/mirror.h fcgi/carts/mirror_redis.c \
	fcgi/carts/mirror_conn.c fcgi/carts/mirror_conn.h fcgi/carts/mirror_lua.h \
	fcgi/carts/mirror_mariadb.c \
	fcgi/carts/promoter.c fcgi/carts/promoter.h \
	fcgi/carts/reconciler.c fcgi/carts/reconciler.h \
	fcgi/carts/unmirrored.c fcgi/carts/unmirrored.h \
	fcgi/carts/carts_db_unmirrored.c fcgi/carts/carts_db_unmirrored.h
halle_carts_LDADD = $(HALLE_LIBS) $(HIREDIS_LIBS)
