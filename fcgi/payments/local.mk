sbin_PROGRAMS += halle-payments
halle_payments_SOURCES = \
	fcgi/payments/payments.h fcgi/payments/payments_main.c
halle_payments_LDADD = $(HALLE_LIBS)
