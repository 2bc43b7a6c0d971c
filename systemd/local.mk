# Units (one template for all services), users, folders, sample configuration.
SERVICES = auth users products carts orders payments bank

SYSTEMD_SUBST = $(SED) -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' \
	-e 's|@docdir[@]|$(docdir)|g' -e 's|@pkgdatadir[@]|$(pkgdatadir)|g'

UNITS = halle.target halle-audit.service halle-audit.timer \
	halle-auth.socket halle-users.socket halle-products.socket halle-carts.socket \
	halle-orders.socket halle-payments.socket halle-bank.socket \
	halle-auth@.service halle-users@.service halle-products@.service halle-carts@.service \
	halle-orders@.service halle-payments@.service halle-bank@.service

halle.target: systemd/halle.target.in systemd/local.mk
	$(AM_V_GEN)for s in $(SERVICES); do \
		echo "Wants=halle-$$s.socket halle-$$s@1.service halle-$$s@2.service"; \
	done >$@.wants && \
	$(SYSTEMD_SUBST) -e '/@WANTS[@]/{r $@.wants' -e 'd}' \
		$(srcdir)/systemd/halle.target.in >$@ && rm -f $@.wants

halle-audit.%: systemd/halle-audit.%.in
	$(AM_V_GEN)$(SYSTEMD_SUBST) $< >$@

halle-%.socket: systemd/halle-socket.in
	$(AM_V_GEN)$(SYSTEMD_SUBST) -e 's|@SERVICE[@]|$*|g' $(srcdir)/systemd/halle-socket.in >$@

# only carts may read the mirror's password, only auth the private keys of tokens; hashing
# passwords must not slow the others
halle-%@.service: systemd/halle-worker@.service.in
	$(AM_V_GEN)sched=; case $* in \
	auth) secret=jwt.private; sched='CPUWeight=10\nSystemCallFilter=sched_setattr' ;; \
	carts) secret=mirror.password ;; \
	*) secret= ;; \
	esac; \
	cred=$${secret:+LoadCredential=$$secret:$(sysconfdir)/halle/secrets/$$secret}; \
	$(SYSTEMD_SUBST) -e "s|@CREDENTIALS[@]|$$cred|" -e "s|@SCHEDULING[@]|$$sched|" \
		-e 's|@SERVICE[@]|$*|g' \
		$(srcdir)/systemd/halle-worker@.service.in >$@

if HAVE_SYSTEMD_DIR
systemdsystemunit_DATA = $(UNITS)
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
sysusers_DATA = halle-sysusers.conf
tmpfiles_DATA = halle-tmpfiles.conf
logrotatedir = $(sysconfdir)/logrotate.d
logrotate_DATA = halle-logrotate.conf
endif

halle-sysusers.conf: systemd/halle.sysusers
	$(AM_V_GEN)cp $(srcdir)/systemd/halle.sysusers $@
halle-tmpfiles.conf: systemd/halle.tmpfiles
	$(AM_V_GEN)cp $(srcdir)/systemd/halle.tmpfiles $@
halle-logrotate.conf: systemd/halle.logrotate
	$(AM_V_GEN)cp $(srcdir)/systemd/halle.logrotate $@

nodist_sbin_SCRIPTS = halle-setup
halle-setup: systemd/halle-setup.in
	$(AM_V_GEN)$(SYSTEMD_SUBST) $(srcdir)/systemd/halle-setup.in >$@ && chmod +x $@

dist_pkgdata_DATA += systemd/halle.conf systemd/redis-halle.conf systemd/redis-acl
dist_doc_DATA = README
CLEANFILES += $(UNITS) halle-setup halle-sysusers.conf halle-tmpfiles.conf halle-logrotate.conf
EXTRA_DIST += systemd/halle-audit.service.in systemd/halle-audit.timer.in systemd/halle-setup.in \
	systemd/halle-worker@.service.in systemd/halle-socket.in systemd/halle.target.in \
	systemd/halle.logrotate systemd/halle.sysusers systemd/halle.tmpfiles
