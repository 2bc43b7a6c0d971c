# hallectl, the operator's program: Python's standard library only.
hallectldir = $(pkgdatadir)/hallectl
dist_hallectl_DATA = hallectl/__init__.py hallectl/audit.py hallectl/books.py hallectl/carts.py hallectl/cli.py hallectl/config.py \
	hallectl/imports.py hallectl/internal.py hallectl/keyfile.py hallectl/keys.py \
	hallectl/progress.py hallectl/replay.py hallectl/say.py hallectl/workers.py

nodist_sbin_SCRIPTS += hallectl/hallectl
hallectl/hallectl: hallectl/hallectl.in
	$(AM_V_GEN)$(MKDIR_P) hallectl && \
	$(SYSTEMD_SUBST) $(srcdir)/hallectl/hallectl.in >$@.new && chmod +x $@.new && mv $@.new $@
CLEANFILES += hallectl/hallectl
EXTRA_DIST += hallectl/hallectl.in
