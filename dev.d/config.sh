# Files of an instance: secrets, certificate, configuration. Sourced by dev.
# shellcheck shell=bash

# Takes standard input; changed=1 when the file was not so before.
write_file() {
	local new=$1.new
	cat >"$new"
	if cmp -s "$new" "$1"; then
		rm -f "$new"
	else
		mv -f "$new" "$1"
		changed=1
	fi
}

make_folders() {
	mkdir -p "$etc"/{nginx,tls,db} "$run"/{metrics,tmp/mariadb,tmp/mariadb-mirror} "$log" \
		"$data/redis" "$var/cache"
	chmod 700 "$etc"/{tls,db} "$run" "$data"
}

# make_secret FILE COMMAND...: once, never readable by others, never half-written.
make_secret() {
	local file=$1
	shift
	[ -s "$file" ] && return
	(umask 077 && "$@" >"$file.new") || fail "cannot write $file" "Is the disk full?"
	mv "$file.new" "$file"
}

random_key() {
	local kid key
	kid=$(openssl rand -hex 4) && key=$(openssl rand -hex 32) && printf '%s %s\n' "$kid" "$key"
}

# "KID ES256 BASE64": the private key as PKCS#8; of that line, the same with its public key.
private_key() {
	local kid key
	kid=$(openssl rand -hex 4) &&
		key=$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 |
			openssl pkcs8 -topk8 -nocrypt -outform DER | base64 -w 0) &&
		printf '%s ES256 %s\n' "$kid" "$key"
}

public_key() {
	local kid key
	read -r kid _ key &&
		key=$(base64 -d <<<"$key" | openssl pkey -inform DER -pubout -outform DER | base64 -w 0) &&
		printf '%s ES256 %s\n' "$kid" "$key"
}

make_jwt_keys() {
	if [ "$jwt" = HS256 ]; then
		make_secret "$etc/jwt.keys" random_key
	elif [ ! -s "$etc/jwt.keys" ]; then
		make_secret "$etc/jwt.private" private_key
		make_secret "$etc/jwt.keys" public_key <"$etc/jwt.private"
	fi
}

make_secrets() {
	local service
	make_jwt_keys
	make_secret "$etc/service.keys" random_key
	make_secret "$etc/mirror.pw" openssl rand -hex 24
	make_secret "$etc/mirror-admin.pw" openssl rand -hex 24
	for service in "${services[@]}"; do
		make_secret "$etc/db/$service.pw" openssl rand -hex 24
	done
}

make_certificate() {
	[ -s "$etc/tls/cert.pem" ] && openssl x509 -in "$etc/tls/cert.pem" -noout -checkend 604800 \
		>/dev/null && return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 \
		-subj /CN=localhost -addext "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1" \
		-addext "extendedKeyUsage=serverAuth" \
		-keyout "$etc/tls/key.pem.new" -out "$etc/tls/cert.pem.new" 2>"$log/openssl.log" ||
		fail "openssl could not make a certificate" "See the message." "$log/openssl.log"
	chmod 600 "$etc/tls/key.pem.new"
	mv "$etc/tls/key.pem.new" "$etc/tls/key.pem"
	mv "$etc/tls/cert.pem.new" "$etc/tls/cert.pem"
}

# Of the server NAME, mariadb or mariadb-mirror, and of its clients.
write_mariadb_config() {
	write_file "$etc/$1.cnf" <<-END
		[mariadbd]
		datadir = $data/$1
		socket = $run/$1.sock
		# not shared: a server that starts clears what others left in its tmpdir
		tmpdir = $run/tmp/$1
		pid-file = $run/$1.pid
		log-error = $log/$1.log
		skip-networking
		skip-name-resolve
		performance_schema = OFF
		max_connections = 1000
		innodb_buffer_pool_size = 128M
		innodb_flush_log_at_trx_commit = 1
		innodb_rollback_on_timeout = ON
		innodb_print_all_deadlocks = ON
		sync_binlog = 1
		local_infile = OFF
	END
	write_file "$etc/${1/mariadb/client}.cnf" <<-END
		[client]
		socket = $run/$1.sock
		default-character-set = utf8mb4
	END
}

write_redis_config() {
	write_file "$etc/redis.conf" <<-END
		port 0
		unixsocket $run/redis.sock
		unixsocketperm 700
		daemonize yes
		pidfile $run/redis.pid
		logfile $log/redis.log
		dir $data/redis
		appendonly yes
		appendfsync always
		save ""
		maxmemory-policy noeviction
		aclfile $etc/redis.acl
	END
	# nobody can be the default user, but it needs the rights of carts: in its name Redis executes
	# the transactions of its log when it starts, and drops what is not allowed
	write_file "$etc/redis.acl" <<-END
		user default off ~cart:* ~halle:* -@all $(<"$top/systemd/redis-acl")
		user halle-admin on #$(sha256_of "$etc/mirror-admin.pw") ~* &* +@all
		user halle-carts on #$(sha256_of "$etc/mirror.pw") ~cart:* ~halle:* -@all $(<"$top/systemd/redis-acl")
	END
}

sha256_of() { # the secret without its final newline
	local secret sum
	secret=$(<"$1")
	sum=$(printf %s "$secret" | sha256sum)
	printf %s "${sum%% *}"
}

# Name of the process that holds the cart mirror.
mirror_server() {
	if [ "$mirror" = redis ]; then echo redis; else echo mariadb-mirror; fi
}

write_halle_config() {
	{
		cat <<-END
			# Written by ./dev; every key with its meaning: halle-auth --config-dump
			threads = $threads
			auth.threads = $((threads * 3))
			orders.deadline_ms = 6000
			payments.deadline_ms = 6000
			payments.threads = $((threads * 2))
			metrics_dir = $run/metrics
			public_origin = $url
			db_socket = $run/mariadb.sock
			internal_socket = $run/internal.sock
			jwt_keys_file = jwt.keys
			auth.jwt_private_file = jwt.private
			service_keys_file = service.keys
			mirror_store = $mirror
			mirror_mode = $mirror_mode
			mirror_socket = $run/$(mirror_server).sock
			mirror_user = $([ "$mirror" = redis ] && echo halle-carts || echo halle-mirror)
			carts.mirror_password_file = mirror.pw
			journal = $log/failed_cart_requests.log
		END
		for service in "${services[@]}"; do
			echo "$service.db_password_file = db/$service.pw"
		done
		[ -z "$extra_settings" ] || tr ';' '\n' <<<"$extra_settings"
	} | write_file "$etc/halle.conf"
}

write_nginx_config() {
	local template name values user='' include_bench='' limit_key="\$binary_remote_addr"
	[ "$(id -u)" = 0 ] && user='user root;'
	[ "$limits" = off ] && limit_key='""'
	[ "$bench" = 1 ] && include_bench="include $etc/nginx/bench.conf;"
	values=(USER="$user" NGINX="$etc/nginx" RUN="$run" LOG="$log" CACHE="$var/cache"
		TLS="$etc/tls" INTERNAL="$run/internal.sock" OPENAPI="$top/openapi.yaml"
		ADDRESS="$address" HTTP_PORT="$http_port" HTTPS_PORT="$https_port"
		HTTPS_SUFFIX=":$https_port" LIMIT_KEY="$limit_key" BENCH="$include_bench"
		BENCH_PORT="$bench_port" BENCH_UNCACHED_PORT="$((bench_port + 1))")
	for template in "$top"/nginx/*.conf.in; do
		name=${template##*/}
		"$top/nginx/render" "${values[@]}" <"$template" | write_file "$etc/nginx/${name%.in}"
	done
	write_file "$etc/nginx/errors.conf" <"$build/nginx/errors.conf"
	[ -s "$etc/nginx/file" ] || printf '%0700d' 0 >"$etc/nginx/file"
}
