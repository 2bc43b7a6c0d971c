sbin_PROGRAMS += halle-bank
halle_bank_SOURCES = \
	fcgi/bank/bank.h fcgi/bank/bank_main.c
halle_bank_LDADD = $(HALLE_LIBS)
