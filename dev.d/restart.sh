# ./dev restart. Sourced by dev.
# shellcheck shell=bash

# One worker process after the other, as an operator restarts units: the others serve.
restart_service() {
	local name=$1 parent child count
	parent=$(pid_of "$name" multiwatch) || return 0
	"$build/halle-$name" --config "$etc/halle.conf" --check >"$log/check.log" 2>&1 ||
		fail "halle-$name refuses its configuration" "See the message." "$log/check.log"
	count=$(pgrep -c -P "$parent")
	for child in $(pgrep -P "$parent"); do
		kill -TERM "$child" 2>/dev/null || true
		wait_for 60 is_gone "$child" || fail "$name's process $child does not end" "See ./dev logs $name."
		wait_for 20 has_children "$parent" "$count" || fail "$name does not start again" "See ./dev logs $name."
	done
}

has_children() {
	[ "$(pgrep -c -P "$1")" = "$2" ]
}

command_restart() {
	local name
	become_owner
	[ -d "$run" ] || fail "there is no instance in $var" "Start one with ./dev up."
	lock_instance
	for name in "${services[@]}"; do
		progress "restarting $name"
		restart_service "$name"
	done
	wait_for 20 site_ready || fail "the site does not become ready" "See ./dev status."
}
