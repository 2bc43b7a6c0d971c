# ./dev ctl. Sourced by dev.
# shellcheck shell=bash

command_ctl() {
	[ -f "$etc/halle.conf" ] || fail "there is no instance in $var" "Start one with ./dev up."
	# settings.sh fixes the locale for this script alone
	as_owner env LC_ALL="$caller_locale" HALLECTL_RESTART="$top/dev restart" HALLE_VAR="$var" \
		HALLE_BUILD="$build" /usr/bin/python3 -IB -c 'import sys
sys.path.insert(0, sys.argv.pop(1))
from hallectl.cli import main
sys.exit(main(config=sys.argv.pop(1)))' "$top" "$etc/halle.conf" "$@"
}
