# The databases: migrations, grants, and the program that applies them.
SQL_COMMON = \
	sql/common/0001-registry.sql sql/common/0002-outbox.sql \
	sql/common/0003-inbox.sql sql/common/0004-idem.sql

sqldir = $(pkgdatadir)/sql
dist_sql_SCRIPTS = sql/apply sql/account
sqlcommondir = $(sqldir)/common
dist_sqlcommon_DATA = $(SQL_COMMON)
sqlauthdir = $(sqldir)/auth
dist_sqlauth_DATA = $(srcdir)/sql/auth/*.sql
sqlusersdir = $(sqldir)/users
dist_sqlusers_DATA = $(srcdir)/sql/users/*.sql
sqlproductsdir = $(sqldir)/products
dist_sqlproducts_DATA = $(srcdir)/sql/products/*.sql
sqlcartsdir = $(sqldir)/carts
dist_sqlcarts_DATA = $(srcdir)/sql/carts/*.sql
