sbin_PROGRAMS += halle-bank
halle_bank_SOURCES = \
	fcgi/bank/bank.h fcgi/bank/bank_main.c fcgi/bank/bank_enter.c \
	fcgi/bank/bank_cards.c fcgi/bank/bank_cards.h fcgi/bank/bank_charge.c \
	fcgi/bank/bank_refund.c fcgi/bank/bank_behaviour.c fcgi/bank/bank_audit.c \
	fcgi/bank/bank_db.c fcgi/bank/bank_db.h
halle_bank_LDADD = $(HALLE_LIBS)
