/* mirror.c - the verbs of a mirror, by way of its store's table. */
#include "compat.h"

#include "mirror.h"

struct mirror *mirror_new(const struct cfg *cfg)
{
	bool maria = strcmp(cfg_str(cfg, CFG_MIRROR_STORE), "mariadb") == 0;

	return maria ? mirror_mariadb.open(cfg) : mirror_redis.open(cfg);
}

void mirror_free(struct mirror **m)
{
	if (*m)
		(*m)->store->close(*m);
	*m = NULL;
}

enum mirror_status mirror_prepare(struct mirror *m, uint64_t user,
				  const struct mirror_state *base, bool with_base,
				  const struct mirror_state *next)
{
	return m->store->prepare(m, user, base, with_base, next);
}

enum mirror_status mirror_run(struct mirror *m, struct mirror_op *ops, unsigned count)
{
	return m->store->run(m, ops, count);
}

enum mirror_status mirror_read(struct mirror *m, uint64_t user, struct mirror_slots *slots_r,
			       struct pool *pool)
{
	return m->store->read(m, user, slots_r, pool);
}

enum mirror_status mirror_forget(struct mirror *m, uint64_t user)
{
	return m->store->forget(m, user);
}

enum mirror_status mirror_pending(struct mirror *m, uint64_t **users_r, unsigned *count_r,
				  struct pool *pool)
{
	return m->store->pending(m, users_r, count_r, pool);
}

enum mirror_status mirror_list(struct mirror *m, uint64_t *cursor, uint64_t **users_r,
			       unsigned *count_r, struct pool *pool)
{
	return m->store->list(m, cursor, users_r, count_r, pool);
}

enum mirror_status mirror_epoch(struct mirror *m, char epoch_r[MIRROR_EPOCH_MAX],
				bool *verified_r)
{
	return m->store->epoch(m, epoch_r, verified_r);
}

enum mirror_status mirror_verify(struct mirror *m, const char *epoch)
{
	return m->store->verify(m, epoch);
}

enum mirror_status mirror_ping(struct mirror *m)
{
	return m->store->ping(m);
}

const char *mirror_status_name(enum mirror_status status)
{
	static const char *const names[] = {
		[MIRROR_OK] = "OK",	    [MIRROR_NO] = "NO",
		[MIRROR_FENCED] = "FENCED", [MIRROR_BEHIND] = "BEHIND",
		[MIRROR_AHEAD] = "AHEAD",   [MIRROR_DIFFERS] = "DIFFERS",
		[MIRROR_DOWN] = "DOWN",
	};

	return names[status];
}
