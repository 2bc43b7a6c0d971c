# Starting and stopping the processes of an instance. Sourced by dev.
# shellcheck shell=bash

# pid_of NAME COMM: its process, when it runs.
pid_of() {
	local pid comm
	read -r pid 2>/dev/null <"$run/$1.pid" || return 1
	read -r comm 2>/dev/null <"/proc/$pid/comm" || return 1
	[ "$comm" = "$2" ] && ! is_gone "$pid" && echo "$pid"
}

# One read: between two looks its parent may take note of its end.
is_gone() {
	local stat
	read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
	[[ ${stat##*) } == [ZX]* ]]
}

# stop NAME COMM SIGNAL SECONDS: as the signal asks, then by force.
stop() {
	local pid
	pid=$(pid_of "$1" "$2") || return 0
	kill -"$3" "$pid" 2>/dev/null || return 0
	if ! wait_for "$4" is_gone "$pid"; then
		say "$1 did not end within $4 s; killing it."
		pkill -KILL -P "$pid" || true
		kill -KILL "$pid" 2>/dev/null || true
		wait_for 5 is_gone "$pid" || true
	fi
	rm -f "$run/$1.pid"
}

in_background() { # LOG COMMAND...: its own session, no inherited lock
	local log_file=$1
	shift
	setsid "$@" </dev/null >>"$log_file" 2>&1 8>&- 9>&- &
	background_pid=$!
}

# -- MariaDB: "mariadb" and, when it holds the cart mirror, "mariadb-mirror"

mariadb_client() {
	mariadb --defaults-file="$etc/client.cnf" "$@"
}

mariadb_answers() { # NAME
	mariadb-admin --defaults-file="$etc/${1/mariadb/client}.cnf" --connect-timeout=2 ping
}

make_mariadb() { # NAME
	[ -d "$data/$1" ] && return
	progress "making the files of $1"
	rm -rf "$data/$1.new"
	TMPDIR=$run/tmp/$1 mariadb-install-db --no-defaults --force --datadir="$data/$1.new" --user="$(id -un)" \
		--auth-root-authentication-method=socket --skip-test-db \
		>"$log/$1-install.log" 2>&1 </dev/null 9>&- ||
		fail "mariadb-install-db failed" "See the message." "$log/$1-install.log"
	mv "$data/$1.new" "$data/$1"
}

start_mariadb() { # NAME
	pid_of "$1" mariadbd >/dev/null && return
	make_mariadb "$1"
	progress "starting $1"
	in_background "$log/$1.log" mariadbd --defaults-file="$etc/$1.cnf" --user="$(id -un)"
}

# root may look into an instance that somebody else owns; a no-op in root's own.
await_mariadb() { # NAME
	wait_for 60 mariadb_answers "$1" ||
		fail "$1 does not answer" "The log is $log/$1.log." "$log/$1.log"
	mariadb --defaults-file="$etc/${1/mariadb/client}.cnf" \
		-e 'ALTER USER root@localhost IDENTIFIED VIA unix_socket'
}

# -- Redis

redis_answers() {
	[ "$(REDISCLI_AUTH=$(<"$etc/mirror-admin.pw") timeout 2 redis-cli -s "$run/redis.sock" \
		--user halle-admin ping)" = PONG ]
}

start_redis() {
	pid_of redis redis-server >/dev/null && return
	progress "starting Redis"
	redis-server "$etc/redis.conf" >>"$log/redis.log" 2>&1 </dev/null 8>&- 9>&- ||
		fail "Redis did not start" "The log is $log/redis.log." "$log/redis.log"
}

await_redis() {
	wait_for 60 redis_answers ||
		fail "Redis does not answer" "The log is $log/redis.log." "$log/redis.log"
}

# -- the cart mirror: one of these

mirror_program() {
	if [ "$mirror" = redis ]; then echo redis-server; else echo mariadbd; fi
}

mirror_runs() {
	pid_of "$(mirror_server)" "$(mirror_program)"
}

mirror_answers() {
	if [ "$mirror" = redis ]; then redis_answers; else mariadb_answers mariadb-mirror; fi
}

stop_mirror() {
	stop redis redis-server TERM 30
	stop mariadb-mirror mariadbd TERM 60
}

# the other one may run since the instance was up with it
start_mirror() {
	if [ "$mirror" = redis ]; then
		stop mariadb-mirror mariadbd TERM 60
		start_redis
	else
		stop redis redis-server TERM 30
		start_mariadb mariadb-mirror
	fi
}

await_mirror() {
	if [ "$mirror" = redis ]; then await_redis; else await_mariadb mariadb-mirror; fi
}

# -- workers: N processes on one socket, started again when one ends

start_worker() {
	local name=$1 behind=()
	pid_of "$name" multiwatch >/dev/null && return
	progress "starting $name"
	rm -f "$run/$name.sock"
	# hashing must not slow the others: sched(7), autogroups; CPUWeight does it under systemd
	[ "$name" != auth ] ||
		behind=(sh -c '{ echo 10 >/proc/self/autogroup; } 2>/dev/null; exec "$@"' sh)
	# libcurl brings GnuTLS along, which nothing of halle uses: 200 KiB a process
	# --batch: who hands a worker a request is not interrupted by it, and hands over several at once
	GNUTLS_NO_IMPLICIT_INIT=1 in_background "$log/$name.log" "${behind[@]}" \
		chrt --batch 0 spawn-fcgi -s "$run/$name.sock" -M 0660 -b 4096 -n -- \
		"$(command -v multiwatch)" -f "$workers" -r 1000000 -t 100 -- \
		"$build/halle-$name" --config "$etc/halle.conf"
	echo "$background_pid" >"$run/$name.pid"
}

# -- the audit, every so many seconds, as halle-audit.timer does it

start_audit() {
	stop audit python3 TERM 5
	[ "$audit_s" != 0 ] || return 0
	in_background "$log/audit.log" /usr/bin/python3 -IB -c 'import sys, time
sys.path.insert(0, sys.argv[1])
from hallectl.cli import main
while True:
    time.sleep(int(sys.argv[3]))
    if main(config=sys.argv[2], arguments=["audit", "--quiet", "--report"]):
        print(time.strftime("%FT%TZ", time.gmtime()), flush=True)' "$top" "$etc/halle.conf" "$audit_s"
	echo "$background_pid" >"$run/audit.pid"
}

audit_runs() {
	[ "$audit_s" = 0 ] || pid_of audit python3
}

# -- nginx

run_nginx() {
	nginx -p "$var" -e "$log/nginx.log" -c "$etc/nginx/nginx.conf" "$@" 8>&- 9>&-
}

check_nginx_config() {
	run_nginx -q -t >"$log/nginx-test.log" 2>&1 ||
		fail "nginx refuses its configuration in $etc/nginx" "See the message." "$log/nginx-test.log"
}

start_nginx() {
	local pid
	check_nginx_config
	if pid=$(pid_of nginx nginx); then
		[ -n "$nginx_changed" ] || return 0
		progress "nginx reads its new configuration"
		kill -HUP "$pid"
		return
	fi
	progress "starting nginx"
	rm -f "$run/internal.sock"
	run_nginx >"$log/nginx-start.log" 2>&1 </dev/null ||
		fail "nginx did not start" \
			"Is a port taken? Choose others with HALLE_HTTPS_PORT and HALLE_HTTP_PORT." \
			"$log/nginx-start.log"
	chmod 660 "$run/internal.sock"
}

get() { # SECONDS PATH [OPTION...]: over HTTPS, as any client would
	local seconds=$1 path=$2
	shift 2
	curl -sS --noproxy '*' --cacert "$etc/tls/cert.pem" --max-time "$seconds" \
		--connect-to "localhost:$https_port:${address/#0.0.0.0/127.0.0.1}:$https_port" \
		"$@" "$url$path"
}

site_ready() {
	get 3 /readyz --fail -o /dev/null
}
