sbin_PROGRAMS += halle-orders
halle_orders_SOURCES = \
	fcgi/orders/orders.h fcgi/orders/orders_main.c fcgi/orders/orders_audit.c \
	fcgi/orders/orders_change.c fcgi/orders/orders_create.c fcgi/orders/orders_db.c \
	fcgi/orders/orders_db.h fcgi/orders/orders_db_job.c fcgi/orders/orders_db_job.h \
	fcgi/orders/orders_events.c fcgi/orders/orders_items.c fcgi/orders/orders_items.h \
	fcgi/orders/orders_jobs.c fcgi/orders/orders_list.c fcgi/orders/orders_move.c \
	fcgi/orders/orders_move.h fcgi/orders/orders_payment.c fcgi/orders/orders_report.c \
	fcgi/orders/orders_report.h fcgi/orders/orders_show.c \
	fcgi/orders/stock.c fcgi/orders/stock.h
halle_orders_LDADD = $(HALLE_LIBS)
