sbin_PROGRAMS += halle-auth
halle_auth_SOURCES = \
	fcgi/auth/auth.h fcgi/auth/auth_main.c \
	fcgi/auth/auth_register.c fcgi/auth/auth_login.c fcgi/auth/auth_verify.c \
	fcgi/auth/auth_events.c fcgi/auth/auth_health.c fcgi/auth/auth_db.c fcgi/auth/auth_db.h \
	fcgi/auth/auth_db_revocation.c fcgi/auth/auth_db_revocation.h \
	fcgi/auth/common.def fcgi/auth/credentials.c fcgi/auth/credentials.h \
	fcgi/auth/gate.c fcgi/auth/gate.h fcgi/auth/refresh.c fcgi/auth/refresh.h \
	fcgi/auth/passwd.c fcgi/auth/passwd.h fcgi/auth/werkzeug.c
halle_auth_LDADD = $(HALLE_LIBS) $(ARGON2_LIBS)
