/*
 * mirror_lua.h - the verbs of the mirror as Redis runs them, each atomically.
 *
 * KEYS[1] is the hash of one user: v, f, d the committed version, fence and document; pv, pf,
 * pd the prepared ones; mf the highest fence seen. KEYS[2] is the set of users with a
 * prepared state. Versions and fences stay below 2^53, so Lua's numbers are exact.
 */
#ifndef HALLE_CARTS_MIRROR_LUA_H
#define HALLE_CARTS_MIRROR_LUA_H

/* ARGV: uid, base version, base fence, base document or "", version, fence, document */
#define LUA_PREPARE                                                                          \
	"local h=redis.call('HMGET',KEYS[1],'v','mf')\n"                                     \
	"local v,mf=tonumber(h[1] or 0),tonumber(h[2] or 0)\n"                               \
	"local bv=tonumber(ARGV[2])\n"                                                       \
	"if tonumber(ARGV[6])<=mf then return 'FENCED' end\n"                                \
	"if v<bv then\n"                                                                     \
	" if ARGV[4]=='' then return 'BEHIND' end\n"                                         \
	" redis.call('HSET',KEYS[1],'v',ARGV[2],'f',ARGV[3],'d',ARGV[4])\n"                  \
	"elseif v>bv then return 'AHEAD' end\n"                                              \
	"redis.call('HSET',KEYS[1],'pv',ARGV[5],'pf',ARGV[6],'pd',ARGV[7],'mf',ARGV[6])\n"   \
	"redis.call('SADD',KEYS[2],ARGV[1])\n"                                               \
	"return 'OK'"

/* ARGV of PROMOTE and ABORT: uid, version, fence */
#define LUA_SETTLE(install)                                                                  \
	"local h=redis.call('HMGET',KEYS[1],'pv','pf','pd')\n"                               \
	"if not h[1] then redis.call('SREM',KEYS[2],ARGV[1]) return 'NO' end\n"              \
	"if h[1]~=ARGV[2] or h[2]~=ARGV[3] then return 'NO' end\n" install                   \
	"redis.call('HDEL',KEYS[1],'pv','pf','pd')\n"                                        \
	"redis.call('SREM',KEYS[2],ARGV[1])\n"                                               \
	"return 'OK'"
#define LUA_PROMOTE LUA_SETTLE("redis.call('HSET',KEYS[1],'v',h[1],'f',h[2],'d',h[3])\n")
#define LUA_ABORT   LUA_SETTLE("")

/* ARGV: uid, version, fence, document, '1' to replace an equal version */
#define LUA_FORCE                                                                            \
	"local h=redis.call('HMGET',KEYS[1],'v','f','d','pv')\n"                             \
	"local n,v,r=tonumber(ARGV[2]),tonumber(h[1] or 0),'NO'\n"                           \
	"if not h[4] then redis.call('SREM',KEYS[2],ARGV[1])\n"                              \
	"elseif tonumber(h[4])<=n then\n"                                                    \
	" redis.call('HDEL',KEYS[1],'pv','pf','pd')\n"                                       \
	" redis.call('SREM',KEYS[2],ARGV[1]) r='OK' end\n"                                   \
	"if n<v then return 'AHEAD' end\n"                                                   \
	"if n==v and h[2]==ARGV[3] and h[3]==ARGV[4] then return r end\n"                    \
	"if n==v and ARGV[5]~='1' then return 'DIFFERS' end\n"                               \
	"redis.call('HSET',KEYS[1],'v',ARGV[2],'f',ARGV[3],'d',ARGV[4])\n"                   \
	"return 'OK'"

#endif
