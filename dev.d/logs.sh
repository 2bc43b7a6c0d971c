# ./dev logs. Sourced by dev.
# shellcheck shell=bash

command_logs() {
	local file=$log/${1:-}.log
	become_owner
	if [ -z "${1:-}" ]; then
		exec tail -n 5 -F "$log"/*.log
	fi
	[ -f "$file" ] ||
		fail "there is no $file" "There are: $(cd "$log" 2>/dev/null && echo *.log | sed 's/\.log//g')"
	exec tail -n 50 -F "$file"
}
