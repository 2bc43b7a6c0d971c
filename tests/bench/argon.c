/*
 * argon.c - how many passwords argon2id alone can hash here: the other side of the bench's
 * logins.
 *
 * Usage: argon THREADS SECONDS
 * Prints hashes per second, with the parameters of fcgi/auth/passwd.c.
 */
#include "compat.h"

#include "clock.h"

#include <argon2.h>
#include <pthread.h>
#include <stdatomic.h>

#define THREADS_MAX 64

static atomic_bool stop, failed;
static atomic_ulong done;

static void *hash(void *arg UNUSED)
{
	static const char password[] = "a password", salt[] = "sixteen bytes!!!";
	unsigned char tag[32];

	while (!atomic_load(&stop)) {
		if (argon2id_hash_raw(2, 19456, 1, password, sizeof(password) - 1, salt, 16, tag,
				      sizeof(tag)) != ARGON2_OK)
			atomic_store(&failed, true);
		atomic_fetch_add(&done, 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t id[THREADS_MAX];
	unsigned threads = argc == 3 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	int64_t start = clock_mono_us();

	if (threads == 0 || threads > THREADS_MAX) {
		fprintf(stderr, "usage: argon THREADS SECONDS, at most %d threads\n", THREADS_MAX);
		return 2;
	}
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&id[i], NULL, hash, NULL) != 0)
			return 1;
	sleep((unsigned)strtoul(argv[2], NULL, 10));
	atomic_store(&stop, true);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(id[i], NULL);
	printf("%.1f\n", (double)atomic_load(&done) * 1e6 / (double)(clock_mono_us() - start));
	return atomic_load(&failed);
}
