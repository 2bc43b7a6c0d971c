sbin_PROGRAMS += halle-payments
halle_payments_SOURCES = \
	fcgi/payments/payments.h fcgi/payments/payments_main.c \
	fcgi/payments/payments_create.c fcgi/payments/payments_answer.c \
	fcgi/payments/payments_list.c fcgi/payments/payments_refund.c \
	fcgi/payments/payments_settle.c fcgi/payments/payments_settle.h \
	fcgi/payments/payments_bank.c fcgi/payments/payments_bank.h \
	fcgi/payments/payments_completer.c fcgi/payments/payments_events.c \
	fcgi/payments/payments_audit.c \
	fcgi/payments/payments_db.c fcgi/payments/payments_db.h \
	fcgi/payments/payments_db_refund.c fcgi/payments/payments_db_refund.h \
	fcgi/payments/breaker.c fcgi/payments/breaker.h \
	fcgi/payments/card.c fcgi/payments/card.h
halle_payments_LDADD = $(HALLE_LIBS)
