#!/bin/sh
# A MariaDB server for one test, reachable by a unix socket only.
#	mariadb.sh init DIR     makes an empty server in DIR
#	mariadb.sh start DIR    starts it and waits until it answers on DIR/socket
#	mariadb.sh stop DIR     ends it
# Exit status 77 when MariaDB is not installed.
set -u
PATH=$PATH:/usr/sbin:/usr/local/sbin
dir=$(cd "${2:?usage: mariadb.sh init|start|stop DIR}" && pwd) || exit 1
daemon=$(command -v mariadbd || command -v mysqld) || exit 77
install=$(command -v mariadb-install-db || command -v mysql_install_db) || exit 77
as=
[ "$(id -u)" = 0 ] && as=--user=root
# a server that starts removes what it takes for leftovers in its TMPDIR, also another's
mkdir -p "$dir/tmp"
export TMPDIR="$dir/tmp"

case $1 in
init)
	"$install" --no-defaults --force $as --datadir="$dir/data" --skip-test-db \
		--auth-root-authentication-method=normal --innodb-log-file-size=4M \
		>"$dir/install.log" 2>&1 || { cat "$dir/install.log" >&2; exit 1; }
	;;
start)
	# else the last start's "ready" could be read before the server empties its log
	: >"$dir/log"
	"$daemon" --no-defaults $as --datadir="$dir/data" --socket="$dir/socket" \
		--pid-file="$dir/pid" --skip-networking --skip-log-bin \
		--innodb-buffer-pool-size=16M --innodb-log-file-size=4M \
		--innodb-flush-log-at-trx-commit=2 >"$dir/log" 2>&1 &
	i=0
	while [ $i -lt 300 ]; do
		grep -q 'ready for connections' "$dir/log" && exit 0
		kill -0 $! 2>/dev/null || break
		sleep 0.1
		i=$((i + 1))
	done
	cat "$dir/log" >&2
	exit 1
	;;
stop)
	pid=$(cat "$dir/pid" 2>/dev/null) || exit 0
	kill "$pid"
	i=0
	while kill -0 "$pid" 2>/dev/null && [ $i -lt 300 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	kill -9 "$pid" 2>/dev/null
	exit 0
	;;
esac
