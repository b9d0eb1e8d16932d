/* Handles and hash tables that grow. */
#ifndef TT_TABLE_H
#define TT_TABLE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * First member of everything in a pool. A handle is 15 bits of generation and 16 of place + 1, so a stale one is
 * noticed.
 */
struct tt_obj {
	uint32_t handle; /* 0: free */
	uint32_t generation;
	uint32_t next_free; /* place + 1 */
};
struct tt_pool {
	uint8_t *items;
	uint32_t size, count, live, first_free;
};
void pool_init(struct tt_pool *p, size_t size);
void pool_free(struct tt_pool *p);
/*
 * Zeroed but for its tt_obj; NULL without memory or after 65,535. Moves the pool: pointers into it are void afterwards.
 */
void *pool_add(struct tt_pool *p);
void pool_remove(struct tt_pool *p, void *item);

static inline void *pool_at(const struct tt_pool *p, uint32_t i)
{
	return p->items + (size_t)i * p->size;
}
/* NULL for a handle that is not, or no longer, in the pool. */
static inline void *pool_get(const struct tt_pool *p, uint32_t handle)
{
	uint32_t i = (handle & 0xffff) - 1;
	struct tt_obj *o;

	if (i >= p->count)
		return NULL;
	o = pool_at(p, i);
	return o->handle == handle ? o : NULL;
}

/* 64-bit keys to non-zero 32-bit values; open addressing, at most half full. */
struct tt_map {
	uint64_t *keys;
	uint32_t *values;
	uint32_t mask, count; /* mask 0: nothing allocated yet */
};
void map_free(struct tt_map *m);
/* False without memory. Replaces what was there. */
bool map_set(struct tt_map *m, uint64_t key, uint32_t value);
void map_remove(struct tt_map *m, uint64_t key);

static inline uint32_t map_hash(uint64_t k)
{
	k *= 0x9e3779b97f4a7c15u;
	return (uint32_t)(k >> 32) ^ (uint32_t)(k >> 15);
}
/* 0 when it is not there. */
static inline uint32_t map_get(const struct tt_map *m, uint64_t key)
{
	if (!m->mask)
		return 0;
	for (uint32_t i = map_hash(key) & m->mask;; i = (i + 1) & m->mask) {
		if (!m->values[i] || m->keys[i] == key)
			return m->values[i];
	}
}
#endif
