/*
 * crash.h - places where a test makes a process die, wait or fail. Only in builds configured
 * with --enable-crash-points; elsewhere a point is false, and nothing of it is compiled.
 *
 * The folder is named by the environment's HALLE_CRASH_DIR. A test arms a point by moving a
 * file of its name there that holds one word: "abort" ends the process as a crash does,
 * "delay" holds the thread for a second, "error" makes the point true. The first thread that
 * passes consumes it, renaming the file to <name>.fired.
 */
#ifndef HALLE_CRASH_H
#define HALLE_CRASH_H

#include "compat.h"

#ifdef CRASH_POINTS
#define CRASH_POINT(name) crash_point(name)
/* Thread-safe. */
NODISCARD bool crash_point(const char *name);
#else
#define CRASH_POINT(name) false
#endif

#endif
