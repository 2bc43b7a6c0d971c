# ./dev status. Sourced by dev.
# shellcheck shell=bash

row() {
	printf '%-14s %-8s %-10s %-7s %-9s %s\n' "$@"
}

kib_of() { # proportional set size of a process and its children
	local pid sum=0 part
	for pid in "$1" $(pgrep -P "$1"); do
		part=$(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup" 2>/dev/null) || part=0
		sum=$((sum + ${part:-0}))
	done
	echo "$((sum / 1024)) MiB"
}

describe() { # NAME COMM SOCKET HEALTH
	local pid children
	if ! pid=$(pid_of "$1" "$2"); then
		row "$1" - down - - "$3"
		all_well=''
		return
	fi
	children=$(pgrep -c -P "$pid" || true)
	row "$1" "$pid" "$4" "$children" "$(kib_of "$pid")" "$3"
}

health_of() {
	local code
	code=$(get 3 "/$1/health" -o /dev/null -w '%{http_code}' 2>/dev/null) || code=no-answer
	[ "$code" = 200 ] && echo healthy && return
	echo "$code"
}

command_status() {
	local name health all_well=1
	become_owner
	[ -d "$run" ] || fail "there is no instance in $var" "Start one with ./dev up."
	row NAME PID STATE CHILDREN MEMORY SOCKET
	describe mariadb mariadbd "$run/mariadb.sock" \
		"$(mariadb_answers mariadb >/dev/null 2>&1 && echo healthy || echo silent)"
	describe "$(mirror_server)" "$(mirror_program)" "$run/$(mirror_server).sock" \
		"$(mirror_answers >/dev/null 2>&1 && echo healthy || echo silent)"
	for name in "${services[@]}"; do
		health=$(health_of "$([ "$name" = carts ] && echo cart || echo "$name")")
		[ "$health" = healthy ] || all_well=''
		describe "$name" multiwatch "$run/$name.sock" "$health"
	done
	[ "$audit_s" = 0 ] || describe audit python3 "$log/audit.log" "every $audit_s s"
	describe nginx nginx "$url" "$(site_ready 2>/dev/null && echo healthy || echo not-ready)"
	[ -n "$all_well" ] || fail "not everything is healthy" "Read ./dev logs, or start it with ./dev up."
}
