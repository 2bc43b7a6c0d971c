# ./dev down. Sourced by dev.
# shellcheck shell=bash

command_down() {
	local wipe='' name
	case ${1:-} in
	'') ;;
	--wipe) wipe=1 ;;
	*) fail "down does not know \"$1\"" "See ./dev --help." ;;
	esac
	become_owner
	if [ ! -d "$var" ]; then
		say "There is nothing to stop: $var does not exist."
		return
	fi
	lock_instance
	stop_all
	if [ -n "$wipe" ]; then
		rm -rf "$data" "$var/cache" "$run" "$log" "$etc"
		rm -f "$var/lock"
		rmdir "$var" 2>/dev/null || true
		say "halle is down; its data is deleted."
	else
		say "halle is down; its data stays in $data."
	fi
}

# nginx before the workers: no request comes in, and the workers' kept connections end with it.
stop_all() {
	local name
	stop audit python3 TERM 5
	stop nginx nginx QUIT 20
	for name in "${services[@]}"; do
		stop "$name" multiwatch TERM 20 &
	done
	wait
	stop_mirror
	stop mariadb mariadbd TERM 60
}
