sbin_PROGRAMS += halle-users
halle_users_SOURCES = \
	fcgi/users/users.h fcgi/users/users_main.c fcgi/users/users_profile.c \
	fcgi/users/users_list.c fcgi/users/users_create.c fcgi/users/users_role.c \
	fcgi/users/users_delete.c fcgi/users/users_change.c fcgi/users/users_change.h \
	fcgi/users/users_db_list.c fcgi/users/users_db_list.h \
	fcgi/users/users_events.c fcgi/users/users_db.c fcgi/users/users_db.h
halle_users_LDADD = $(HALLE_LIBS)
