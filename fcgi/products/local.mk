sbin_PROGRAMS += halle-products
halle_products_SOURCES = \
	fcgi/products/products.h fcgi/products/products_main.c \
	fcgi/products/products_list.c fcgi/products/products_item.c \
	fcgi/products/products_image.c fcgi/products/products_stock.c \
	fcgi/products/products_facts.c fcgi/products/image.c fcgi/products/image.h \
	fcgi/products/products_db.c fcgi/products/products_db.h
halle_products_LDADD = $(HALLE_LIBS)
