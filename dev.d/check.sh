# ./dev check. Sourced by dev. Each step prints its own output and, last, "N passed, N failed".
# shellcheck shell=bash

check_usage() {
	cat <<'END'
Usage: ./dev check [--quick | --long] [--only STEP]...

  gcc       build with gcc, warnings are errors; unit tests
  clang     the same with clang
  layers    layers, owners of headers, sizes
  model     every order of the steps of a cart write and of a paid order, and the same with a
            rule taken away
  tidy      clang-tidy
  cppcheck  cppcheck
  api       black-box tests through nginx on private instances
  asan      unit tests and black-box tests with AddressSanitizer and UBSan, and with crash points
  dist      make distcheck
  boot      installed under systemd (skipped where no systemd can be booted)

  --quick   gcc, layers, model and api only
  --long    tests that take longer run longer (HALLE_LONG=1)
END
}

steps=(gcc clang layers model tidy cppcheck api asan dist boot)
skipped=77

read_check_options() {
	local only=()
	while [ $# -gt 0 ]; do
		case $1 in
		--quick) steps=(gcc layers model api) ;;
		--long) export HALLE_LONG=1 ;;
		--only)
			declare -F "step_${2:-}" >/dev/null || fail "there is no step \"${2:-}\"" "See ./dev check --help."
			only+=("$2")
			shift
			;;
		-h | --help)
			check_usage
			exit 0
			;;
		*) fail "check does not know \"$1\"" "See ./dev check --help." ;;
		esac
		shift
	done
	[ ${#only[@]} = 0 ] || steps=("${only[@]}")
}

# -- steps: 0 passed, 77 skipped, else failed; passed and failed are their counts

build_dir() {
	echo "$top/build-$1"
}

# build_with NAME CONFIGURE-OPTION...: configures once, builds, runs the unit tests.
build_with() {
	local dir status=0
	dir=$(build_dir "$1")
	shift
	as_owner mkdir -p "$dir" || return
	[ -x "$top/configure" ] || as_owner "$top/autogen.sh" || return
	if [ ! -f "$dir/Makefile" ]; then
		(cd "$dir" && as_owner "$top/configure" --quiet "$@") || return
	fi
	as_owner make -s -C "$dir" -j"$(nproc)" all || return
	as_owner make -s -C "$dir" -j"$(nproc)" check || status=1
	count_units "$dir/test-suite.log"
	return $status
}

count_units() {
	passed=$(sed -n 's/^# PASS: *//p' "$1" 2>/dev/null)
	failed=$(awk '/^# (FAIL|XPASS|ERROR):/ { n += $3 } END { print n + 0 }' "$1" 2>/dev/null)
}

count_pytest() {
	passed=$(tail -n 1 "$1" | sed -n 's|^\(.*[^0-9]\)*\([0-9]\{1,\}\) passed.*|\2|p')
	failed=$(tail -n 1 "$1" | grep -oE '[0-9]+ (failed|error)' | awk '{ n += $1 } END { print n + 0 }')
}

step_gcc() {
	build_with gcc --enable-werror CC=gcc CFLAGS='-O2 -g'
}

step_clang() {
	build_with clang --enable-werror CC=clang CFLAGS='-O2 -g'
}

step_layers() {
	as_owner "$top/tests/layers"
}

step_model() {
	local report=$logs/model status=0 model
	: >"$report"
	for model in mirror saga; do
		as_owner /usr/bin/python3 -B "$top/tests/model/$model.py" ${HALLE_LONG:+--long} 2>&1 |
			tee -a "$report" || status=$?
	done
	passed=$(sed -n 's/^\([0-9]*\) passed, [0-9]* failed$/\1/p' "$report" | awk '{ n += $1 } END { print n + 0 }')
	failed=$(sed -n 's/^[0-9]* passed, \([0-9]*\) failed$/\1/p' "$report" | awk '{ n += $1 } END { print n + 0 }')
	return "$status"
}

sources() {
	find "$top/fcgi" -name '*.c' | sort
}

compile_flags() {
	printf '%s\n' -std=gnu11 -DHAVE_CONFIG_H '-DHALLE_SYSCONFDIR="/etc/halle"' \
		"-I$(build_dir clang)" "-I$top/fcgi/lib"
	pkg-config --cflags fcgi libmariadb json-c libjwt hiredis libcurl libargon2 libcrypto |
		tr ' ' '\n' | sed '/^$/d'
}

# every_source COMMAND...: for each source in the place of {}.
every_source() {
	local bad=$logs/bad
	: >"$bad"
	# shellcheck disable=SC2016
	sources | xargs -P "$(nproc)" -I '{}' sh -c '"$@" || echo "{}" >>"$0"' "$bad" "$@"
	failed=$(wc -l <"$bad")
	passed=$(($(sources | wc -l) - failed))
	[ "$failed" = 0 ]
}

step_tidy() {
	local flags
	[ -f "$(build_dir clang)/config.h" ] || step_clang || return
	readarray -t flags < <(compile_flags)
	every_source clang-tidy --quiet '{}' -- "${flags[@]}" 2>/dev/null
}

# Debian's cppcheck cannot read __VA_OPT__ and json-c's loops; clang-tidy reads these files
step_cppcheck() {
	every_source cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability \
		--inline-suppr --suppress=missingIncludeSystem --suppress=syntaxError --suppress=unknownMacro \
		--error-exitcode=1 \
		"-I$top/fcgi/lib" '{}'
}

# Two at a time, each with instances of its own: a test mostly waits.
run_pytest() {
	local report=$logs/$1.pytest status=0
	as_owner env HALLE_BUILD="$(build_dir "$2")" PYTHONDONTWRITEBYTECODE=1 \
		/usr/bin/python3 -m pytest -q -p no:cacheprovider -n 2 --dist loadfile "$top/tests/api" 2>&1 |
		tee "$report" || status=$?
	count_pytest "$report"
	return "$status"
}

step_api() {
	[ -x "$(build_dir gcc)/halle-auth" ] || step_gcc || return
	run_pytest api gcc
}

step_asan() {
	local units
	build_with asan --enable-asan --enable-ubsan --enable-crash-points CC=gcc CFLAGS='-O1 -g' || return
	units=$passed
	run_pytest asan asan || return
	passed=$((passed + units))
}

step_dist() {
	[ -f "$(build_dir gcc)/Makefile" ] || step_gcc || return
	as_owner make -s -C "$(build_dir gcc)" distcheck
}

step_boot() {
	if [ ! -x "$top/tests/boot/run" ]; then
		say "There is no tests/boot/run."
		return $skipped
	fi
	"$top/tests/boot/run"
}

# -- running them

run_step() {
	local name=$1 began=${EPOCHREALTIME/./} status=0 verdict took
	passed='' failed=''
	say
	say "== $name"
	# "if" would switch off errexit inside; the steps return what failed
	"step_$name" || status=$?
	took=$(((${EPOCHREALTIME/./} - began) / 1000000))
	case $status in
	0) verdict=passed ;;
	"$skipped") verdict=skipped ;;
	*) verdict=FAILED && broken=1 ;;
	esac
	if [ "$verdict" = skipped ]; then
		passed=0 failed=0
	fi
	[ -n "$passed" ] || passed=$((status == 0))
	[ -n "$failed" ] || failed=0
	[ "$status" = 0 ] || [ "$verdict" = skipped ] || [ "$failed" != 0 ] || failed=1
	say "$name: $passed passed, $failed failed"
	summary+=$(printf '%-10s %-8s %6s passed %4s failed %6s s' "$name" "$verdict" "$passed" "$failed" "$took")$'\n'
}

command_check() {
	local name
	read_check_options "$@"
	need_packages "${packages_check[@]}"
	broken='' summary=''
	logs=$top/build-check
	as_owner mkdir -p "$logs"
	for name in "${steps[@]}"; do
		run_step "$name"
	done
	say
	printf '%s' "$summary"
	if [ -n "$broken" ]; then
		progress "not everything passed"
		return 1
	fi
	progress "everything passed"
}
