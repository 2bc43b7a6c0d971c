/*
 * mirror_fixture.h - the two stores of the cart mirror for a test program: a redis-server and a
 * MariaDB server of their own, on unix sockets in temporary folders. Ends the program with 77
 * when MariaDB is not installed.
 */
#ifndef HALLE_MIRROR_FIXTURE_H
#define HALLE_MIRROR_FIXTURE_H

#include "mirror.h"

struct server {
	struct cfg *cfg;
	void (*start)(void);
	void (*stop)(void);
	void (*signal)(int how);
};

extern struct server redis, maria;
extern struct server *server; /* of the group that runs */

bool redis_installed(void);
/* redis-cli with these words; 0: done */
#define redis_cli(...) redis_cli_words((const char *const[]){ __VA_ARGS__, NULL })
int redis_cli_words(const char *const *words);

int redis_up(void **state); /* cmocka group set-ups; redis_up first */
int maria_up(void **state);
int all_down(void **state);

struct mirror_state state(uint64_t version, uint64_t fence, const char *doc);
/* One verb by mirror_run. */
enum mirror_status one(struct mirror *m, enum mirror_verb verb, uint64_t user,
		       struct mirror_state s);
/* A mirror in the present server. */
struct mirror *fresh(void);
/* Until the present server answers. */
void server_wait(void);
void nap_ms(long ms);

#endif
