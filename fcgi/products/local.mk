sbin_PROGRAMS += halle-products
halle_products_SOURCES = \
	fcgi/products/products.h fcgi/products/products_main.c \
	fcgi/products/products_list.c fcgi/products/products_item.c \
	fcgi/products/products_image.c fcgi/products/products_stock.c \
	fcgi/products/products_facts.c fcgi/products/products_reserve.c \
	fcgi/products/products_settle.c fcgi/products/products_events.c \
	fcgi/products/products_expiry.c fcgi/products/products_audit.c \
	fcgi/products/products_reservation.h \
	fcgi/products/lines.c fcgi/products/lines.h \
	fcgi/products/image.c fcgi/products/image.h \
	fcgi/products/products_db.c fcgi/products/products_db.h \
	fcgi/products/products_db_reservation.c fcgi/products/products_db_reservation.h \
	fcgi/products/products_db_audit.c fcgi/products/products_db_audit.h
halle_products_LDADD = $(HALLE_LIBS)
