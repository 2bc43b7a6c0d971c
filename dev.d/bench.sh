# ./dev bench. Sourced by dev.
# shellcheck shell=bash

command_bench() {
	need_packages "${packages_bench[@]}"
	become_owner
	exec "$top/tests/bench/run" "$@"
}
