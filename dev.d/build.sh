# Building. Sourced by dev.
# shellcheck shell=bash

run_build() {
	[ -x "$top/configure" ] || "$top/autogen.sh" || return
	if [ ! -f "$build/Makefile" ]; then
		# shellcheck disable=SC2086
		(cd "$build" && "$top/configure" $configure_options) || return
	fi
	make -C "$build" -j"$(nproc)"
}

build_all() {
	mkdir -p "$build" || fail "cannot make $build" "Choose another folder with HALLE_BUILD."
	if [ -f "$build/Makefile" ]; then
		progress "building in $build"
	else
		progress "configuring and building in $build (a minute)"
	fi
	# several instances may share one build folder
	if ! (flock -w 1800 8 && run_build) 8>"$build/lock" 9>&- >"$build/build.log" 2>&1; then
		fail "the build failed" "The whole log is $build/build.log." "$build/build.log"
	fi
}
