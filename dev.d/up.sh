# ./dev up. Sourced by dev.
# shellcheck shell=bash

products=0

read_up_options() {
	while [ $# -gt 0 ]; do
		case $1 in
		--products)
			[[ ${2:-} =~ ^[1-9][0-9]{0,7}$ ]] || fail "--products needs a number" "See ./dev --help."
			products=$2
			shift 2
			;;
		*) fail "up does not know \"$1\"" "See ./dev --help." ;;
		esac
	done
}

# Programs built since their processes started: these are started anew.
stop_outdated_workers() {
	local name
	for name in "${services[@]}"; do
		pid_of "$name" multiwatch >/dev/null || continue
		if [ -n "$halle_changed" ] || [ "$build/halle-$name" -nt "$run/$name.pid" ]; then
			progress "stopping $name: its program or configuration is newer"
			stop "$name" multiwatch TERM 20
		fi
	done
}

write_config() {
	changed=''
	write_mariadb_config mariadb
	write_mariadb_config mariadb-mirror
	write_redis_config
	if [ -n "$changed" ]; then
		stop mariadb mariadbd TERM 60
		stop_mirror
	fi
	changed=''
	write_halle_config
	halle_changed=$changed
	changed=''
	write_nginx_config
	nginx_changed=$changed
}

apply_sql() {
	progress "migrating the databases"
	"$top/sql/apply" --defaults-file "$etc/client.cnf" --password-dir "$etc/db" \
		>"$log/apply.log" 2>&1 9>&- || apply_failed
	[ "$mirror" = redis ] ||
		"$top/sql/apply" --defaults-file "$etc/client-mirror.cnf" --only mirror --password-dir "$etc" \
			>>"$log/apply.log" 2>&1 9>&- || apply_failed
}

apply_failed() {
	fail "the databases could not be migrated" "The log is $log/apply.log." "$log/apply.log"
}

load_demo() {
	loaded=$("$top/sql/demo/load" --defaults-file "$etc/client.cnf" --products "$products" \
		--auth-program "$build/halle-auth" 2>"$log/demo.log" 9>&-) ||
		fail "the demo data could not be loaded" "The log is $log/demo.log." "$log/demo.log"
	[ -z "$loaded" ] || progress "demo data: ${loaded//$'\n'/, }"
	# events that a failed start left behind may be waiting long for their next try
	mariadb_client -e 'UPDATE halle_auth.outbox SET due_at = UTC_TIMESTAMP(6)' 2>>"$log/demo.log" ||
		fail "MariaDB refused a statement" "The log is $log/demo.log." "$log/demo.log"
}

everything_runs() {
	local name
	pid_of mariadb mariadbd && mirror_runs && pid_of nginx nginx && audit_runs || return
	for name in "${services[@]}"; do
		pid_of "$name" multiwatch || return
	done
	"$top/sql/apply" --check --defaults-file "$etc/client.cnf" 9>&- &&
		{ [ "$mirror" = redis ] ||
			"$top/sql/apply" --check --only mirror --defaults-file "$etc/client-mirror.cnf" 9>&-; } &&
		site_ready
}

# Events of the demo's accounts: when none is left, profiles and carts are there.
events_delivered() {
	[ "$(mariadb_client -N -e 'SELECT COUNT(*) FROM halle_auth.outbox')" = 0 ]
}

slowest_log() {
	local name
	for name in "${services[@]}"; do
		get 2 "/$(prefix_of "$name")/readyz" --fail -o /dev/null 2>/dev/null && continue
		echo "$log/$name.log"
		return
	done
	echo "$log/nginx.log"
}

prefix_of() {
	if [ "$1" = carts ]; then echo cart; else echo "$1"; fi
}

await_site() {
	wait_for 60 site_ready ||
		fail "$url/readyz does not become ready" "See ./dev status; the logs are in $log." "$(slowest_log)"
	[ -z "$loaded" ] || wait_for 20 events_delivered ||
		fail "events between the services are not delivered" "The log is $log/auth.log." "$log/auth.log"
}

mirror_client_command() {
	if [ "$mirror" = redis ]; then
		echo "REDISCLI_AUTH=\$(cat $etc/mirror-admin.pw) redis-cli -s $run/redis.sock --user halle-admin"
	else
		echo "mariadb --defaults-file=$etc/client-mirror.cnf halle_mirror"
	fi
}

tell_session() {
	cat <<-END

		halle is up: $url   (admin/admin, alice/alice-demo; certificate $etc/tls/cert.pem)

		  shop() { curl -sS --cacert $etc/tls/cert.pem -H 'Content-Type: application/json' "\$@"; echo; }
		  token=\$(shop $url/auth/login -d '{"username":"alice","password":"alice-demo"}' |
		      sed 's/.*"access_token":"\([^"]*\)".*/\1/')
		  shop "$url/products?limit=3"
		  shop "$url/products?q=etendoir"
		  shop $url/cart -H "Authorization: Bearer \$token" -d '{"product_id":7,"quantity":2}'
		  shop $url/cart -H "Authorization: Bearer \$token"
		  shop $url/orders -H "Authorization: Bearer \$token" -d '{"from_cart":true}'

		Databases: mariadb --defaults-file=$etc/client.cnf halle_carts
		Mirror:    $(mirror_client_command)
		End:       ./dev down
	END
}

start_all() {
	local name
	start_mariadb mariadb
	start_mirror
	await_mariadb mariadb
	await_mirror
	apply_sql
	load_demo
	# nginx first: workers call each other through it
	start_nginx
	for name in "${services[@]}"; do
		start_worker "$name"
	done
	progress "waiting until $url/readyz is ready"
	await_site
	start_audit
}

command_up() {
	read_up_options "$@"
	require_numbers
	need_packages
	become_owner
	lock_instance
	build_all
	make_folders
	make_secrets
	make_certificate
	write_config
	stop_outdated_workers
	if [ "$products" = 0 ] && [ -z "$nginx_changed" ] && everything_runs >/dev/null 2>&1; then
		say "halle is already up: $url; nothing was changed."
		return
	fi
	start_all
	progress "ready"
	tell_session
}
