# The Debian packages that halle needs. Sourced by dev.
# shellcheck shell=bash

packages_run=(nginx mariadb-server mariadb-client redis-server redis-tools spawn-fcgi multiwatch
	curl openssl python3 procps)
packages_build=(gcc libc6-dev make autoconf automake pkg-config libfcgi-dev libmariadb-dev
	libjson-c-dev libjwt-dev libssl-dev libhiredis-dev libcurl4-openssl-dev libargon2-dev
	libcmocka-dev)
# shellcheck disable=SC2034
packages_check=(clang clang-tidy libclang-rt-14-dev cppcheck xz-utils python3-pytest
	python3-pytest-xdist python3-hypothesis python3-requests python3-pymysql python3-redis
	python3-yaml python3-jsonschema python3-cryptography)
# shellcheck disable=SC2034
packages_bench=(wrk)

missing_packages() {
	local present
	present=" $(dpkg-query -W -f='${db:Status-Status}:${Package} ' "$@" 2>/dev/null || true)"
	for package; do
		[[ $present == *" installed:$package "* ]] || printf '%s ' "$package"
	done
}

# need_packages NAME...: with those that every command needs.
need_packages() {
	local missing log_file
	command -v dpkg-query >/dev/null ||
		fail "this is not Debian" "Run it on Debian 12, in a container for example."
	missing=$(missing_packages "${packages_run[@]}" "${packages_build[@]}" "$@")
	[ -n "$missing" ] || return 0
	[ "$(id -u)" = 0 ] ||
		fail "Debian packages are missing" "Run: sudo apt-get install --no-install-recommends ${missing% }"
	log_file=$(mktemp)
	progress "installing packages: ${missing% }"
	# shellcheck disable=SC2086
	if ! (umask 022 && export DEBIAN_FRONTEND=noninteractive && apt-get -q update &&
		apt-get -q -y install --no-install-recommends $missing) >"$log_file" 2>&1 </dev/null; then
		fail "apt-get could not install ${missing% }" \
			"Check the network and /etc/apt/sources.list, then try again." "$log_file"
	fi
	rm -f "$log_file"
}
