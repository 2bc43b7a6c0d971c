# Compiler flags, each kept only when the compiler takes it.

AC_DEFUN([HALLE_TRY_CFLAG], [
	AC_MSG_CHECKING([whether $CC takes $1])
	halle_save=$CFLAGS
	CFLAGS="$CFLAGS -Werror $1"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
		[AC_MSG_RESULT([yes]); $2="$$2 $1"], [AC_MSG_RESULT([no])])
	CFLAGS=$halle_save])

AC_DEFUN([HALLE_WARNINGS], [
	WARN_CFLAGS=
	for flag in -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
		-Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef \
		-Wformat=2 -Wvla -Wdeclaration-after-statement -Wnull-dereference \
		-Wimplicit-fallthrough -Wswitch-enum -Wredundant-decls \
		-Wduplicated-cond -Wlogical-op -Wno-missing-field-initializers; do
		HALLE_TRY_CFLAG([$flag], [WARN_CFLAGS])
	done
	AS_IF([test "$enable_werror" = yes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
	AC_SUBST([WARN_CFLAGS])])

AC_DEFUN([HALLE_HARDENING], [
	HARD_CFLAGS= HARD_LDFLAGS= SAN_FLAGS=
	AS_IF([test "$enable_asan" = yes], [SAN_FLAGS="$SAN_FLAGS -fsanitize=address"])
	AS_IF([test "$enable_ubsan" = yes], [SAN_FLAGS="$SAN_FLAGS -fsanitize=undefined"])
	AS_IF([test -n "$SAN_FLAGS"],
		[SAN_FLAGS="$SAN_FLAGS -fno-sanitize-recover=all -fno-omit-frame-pointer"],
		[AS_CASE([" $CFLAGS "], [*" -O0 "*], [],
			[HARD_CFLAGS="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])])
	AS_IF([test "$enable_coverage" = yes], [SAN_FLAGS="$SAN_FLAGS --coverage"])
	for flag in -fstack-protector-strong -fstack-clash-protection -fcf-protection \
		-fPIE -fno-common -ftrivial-auto-var-init=zero; do
		HALLE_TRY_CFLAG([$flag], [HARD_CFLAGS])
	done
	HARD_LDFLAGS="-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed"
	AC_SUBST([HARD_CFLAGS])
	AC_SUBST([HARD_LDFLAGS])
	AC_SUBST([SAN_FLAGS])])
