# The databases: migrations, grants, and the program that applies them.
sqldir = $(pkgdatadir)/sql
dist_sql_SCRIPTS = sql/apply sql/account.py
sqlcommondir = $(sqldir)/common
dist_sqlcommon_DATA = \
	sql/common/0001-registry.sql \
	sql/common/0002-outbox.sql \
	sql/common/0003-inbox.sql \
	sql/common/0004-idem.sql \
	sql/common/0005-log_flush.sql
sqlauthdir = $(sqldir)/auth
dist_sqlauth_DATA = \
	sql/auth/0101-account.sql \
	sql/auth/0102-session.sql \
	sql/auth/0103-refresh_token.sql \
	sql/auth/0104-revocation.sql \
	sql/auth/0105-login_failure.sql \
	sql/auth/0106-account_role_version.sql \
	sql/auth/0107-account_last_login.sql \
	sql/auth/grants.sql
sqlusersdir = $(sqldir)/users
dist_sqlusers_DATA = \
	sql/users/0101-profile.sql \
	sql/users/0102-profile_search.sql \
	sql/users/grants.sql
sqlproductsdir = $(sqldir)/products
dist_sqlproducts_DATA = \
	sql/products/0101-product.sql \
	sql/products/0102-product_image.sql \
	sql/products/0103-stock_ledger.sql \
	sql/products/0104-product_word.sql \
	sql/products/0105-reservation.sql \
	sql/products/0106-reservation_line.sql \
	sql/products/0107-stock_ledger_reserved.sql \
	sql/products/after-load.sql \
	sql/products/grants.sql
sqlcartsdir = $(sqldir)/carts
dist_sqlcarts_DATA = \
	sql/carts/0101-cart.sql \
	sql/carts/0102-cart_op.sql \
	sql/carts/0103-cart_fence.sql \
	sql/carts/0104-lease.sql \
	sql/carts/0105-cart_states.sql \
	sql/carts/0106-lease_scanned.sql \
	sql/carts/0107-cart_unmirrored.sql \
	sql/carts/0108-log_flush.sql \
	sql/carts/grants.sql
sqlordersdir = $(sqldir)/orders
dist_sqlorders_DATA = \
	sql/orders/0101-orders.sql \
	sql/orders/0102-order_line.sql \
	sql/orders/0103-order_event.sql \
	sql/orders/0104-order_payment.sql \
	sql/orders/0105-order_user.sql \
	sql/orders/0106-order_user_changes.sql \
	sql/orders/grants.sql
sqlpaymentsdir = $(sqldir)/payments
dist_sqlpayments_DATA = \
	sql/payments/0101-payment.sql \
	sql/payments/0102-refund.sql \
	sql/payments/grants.sql
sqlbankdir = $(sqldir)/bank
dist_sqlbank_DATA = \
	sql/bank/0101-charge.sql \
	sql/bank/0102-bank_refund.sql \
	sql/bank/0103-behaviour.sql \
	sql/bank/0104-bank_refund_kept.sql \
	sql/bank/grants.sql
sqlmirrordir = $(sqldir)/mirror
dist_sqlmirror_DATA = \
	sql/mirror/0101-cart_mirror.sql \
	sql/mirror/0102-server_life.sql \
	sql/mirror/grants.sql
