# What an instance is made of. Sourced by dev.
# shellcheck shell=bash disable=SC2034
# auth last: it calls the others as soon as it runs
services=(users products carts bank payments orders auth)

absolute() { # a path as the caller sees it; the defaults stand in the source folder
	(cd "${2:-.}" && realpath -m -- "$1")
}
if [ -n "${HALLE_VAR:-}" ]; then var=$(absolute "$HALLE_VAR"); else var=$top/var; fi
if [ -n "${HALLE_BUILD:-}" ]; then build=$(absolute "$HALLE_BUILD"); else build=$top/build; fi
configure_options=${HALLE_CONFIGURE:-}
address=${HALLE_ADDRESS:-127.0.0.1}
https_port=${HALLE_HTTPS_PORT:-8443}
http_port=${HALLE_HTTP_PORT:-8080}
jwt=${HALLE_JWT:-HS256}
mirror=${HALLE_MIRROR:-redis}
mirror_mode=${HALLE_MIRROR_MODE:-strict}
limits=${HALLE_LIMITS:-on}
bench=${HALLE_BENCH:-0}
bench_port=${HALLE_BENCH_PORT:-8090}
workers=${HALLE_WORKERS:-2}
threads=${HALLE_THREADS:-4}
audit_s=${HALLE_AUDIT_S:-60}
extra_settings=${HALLE_SETTINGS:-}

etc=$var/etc run=$var/run data=$var/data log=$var/log
url=https://localhost:$https_port
PATH=$PATH:/usr/sbin:/sbin
caller_locale=${LC_ALL:-}
export LC_ALL=C.UTF-8
umask 027
