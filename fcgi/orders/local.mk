sbin_PROGRAMS += halle-orders
halle_orders_SOURCES = \
	fcgi/orders/orders.h fcgi/orders/orders_main.c
halle_orders_LDADD = $(HALLE_LIBS)
