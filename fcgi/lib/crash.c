/* crash.c - places where a test makes a process die, wait or fail. */
#include "compat.h"

#include <fcntl.h>
#include <signal.h>

#include "crash.h"

#ifdef CRASH_POINTS

#define PATH_BYTES 512
#define DELAY_S    1

static void read_word(const char *path, char word[16])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, word, 15);

	word[n < 0 ? 0 : n] = '\0';
	if (fd >= 0)
		close(fd);
}

bool crash_point(const char *name)
{
	const char *dir = getenv("HALLE_CRASH_DIR");
	char armed[PATH_BYTES], fired[PATH_BYTES], word[16];

	if (!dir)
		return false;
	snprintf(armed, sizeof(armed), "%s/%s", dir, name);
	snprintf(fired, sizeof(fired), "%s/%s.fired", dir, name);
	/* one of all threads and processes succeeds */
	if (rename(armed, fired) < 0)
		return false;
	read_word(fired, word);
	/* no handler, no core, no report of a sanitizer: gone, as with kill -9 */
	if (strcmp(word, "abort") == 0)
		kill(getpid(), SIGKILL);
	if (strcmp(word, "delay") == 0)
		sleep(DELAY_S);
	return strcmp(word, "error") == 0;
}

#endif
