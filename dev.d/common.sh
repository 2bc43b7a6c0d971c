# Telling, failing, waiting, locking, and who does it. Sourced by dev.
# shellcheck shell=bash

elapsed() {
	local us=$((${EPOCHREALTIME/./} - started_us))
	printf '%d.%01d' $((us / 1000000)) $((us / 100000 % 10))
}
started_us=${EPOCHREALTIME/./}

say() {
	printf '%s\n' "$*"
}

progress() {
	printf '%6s s  %s\n' "$(elapsed)" "$*"
}

# fail WHAT WHAT-TO-DO [LOG]: the end of the log is shown.
fail() {
	printf '\ndev: %s\n     %s\n' "$1" "$2" >&2
	if [ -n "${3:-}" ] && [ -s "$3" ]; then
		printf '     The end of %s:\n' "$3" >&2
		tail -n 15 "$3" | sed 's/^/     | /' >&2
	fi
	exit 1
}

wait_for() { # SECONDS COMMAND...: 0 as soon as it succeeds, 1 when the time is over
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.02
	done
}

# One up or down at a time; daemons must not inherit descriptor 9.
lock_instance() {
	mkdir -p "$var" 2>/dev/null ||
		fail "cannot make $var" "Choose another folder with HALLE_VAR."
	[ -w "$var" ] ||
		fail "$var belongs to $(stat -c %U "$var")" "Use sudo, or choose another folder with HALLE_VAR."
	exec 9>"$var/lock"
	flock -n 9 && return
	say "Another ./dev works on $var; waiting for it."
	flock -w 600 9 || fail "$var was not free within 10 minutes" "See who holds $var/lock."
}

require_numbers() {
	local name
	for name in https_port http_port bench_port workers threads; do
		[[ ${!name} =~ ^[1-9][0-9]{0,4}$ ]] ||
			fail "HALLE_${name^^} is \"${!name}\"" "Give a number."
	done
	[[ $audit_s =~ ^(0|[1-9][0-9]{0,4})$ ]] || fail "HALLE_AUDIT_S is \"$audit_s\"" "Give a number, or 0."
	case $limits in on | off) ;; *) fail "HALLE_LIMITS is \"$limits\"" "Give on or off." ;; esac
	case $jwt in HS256 | ES256) ;; *) fail "HALLE_JWT is \"$jwt\"" "Give HS256 or ES256." ;; esac
	case $mirror in redis | mariadb) ;; *) fail "HALLE_MIRROR is \"$mirror\"" "Give redis or mariadb." ;; esac
	case $mirror_mode in
	strict | degraded) ;;
	*) fail "HALLE_MIRROR_MODE is \"$mirror_mode\"" "Give strict or degraded." ;;
	esac
	case $bench in 0 | 1) ;; *) fail "HALLE_BENCH is \"$bench\"" "Give 0 or 1." ;; esac
	[ ${#run} -le 85 ] ||
		fail "$run is too long for a socket's path" "Choose a shorter folder with HALLE_VAR."
}

owner_id=$(stat -c %u "$top")

# As root in somebody's folder: nothing but the packages is done as root.
as_owner() {
	if [ "$(id -u)" != 0 ] || [ "$owner_id" = 0 ]; then
		"$@"
		return
	fi
	local home groups
	home=$(getent passwd "$owner_id" | cut -d: -f6)
	groups=--init-groups
	[ -n "$home" ] || groups=--clear-groups
	HOME=${home:-/} setpriv --reuid="$owner_id" --regid="$(stat -c %g "$top")" "$groups" "$@"
}

become_owner() {
	[ "$(id -u)" = 0 ] && [ "$owner_id" != 0 ] || return 0
	as_owner "$top/dev" "${invocation[@]}"
	exit
}
