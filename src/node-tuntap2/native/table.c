#include "table.h"
#include <stdlib.h>
#include <string.h>

void pool_init(struct tt_pool *p, size_t size)
{
	memset(p, 0, sizeof *p);
	p->size = (uint32_t)size;
}

void pool_free(struct tt_pool *p)
{
	free(p->items);
	pool_init(p, p->size);
}

void *pool_add(struct tt_pool *p)
{
	struct tt_obj *o;
	uint32_t i, generation;

	if (!p->first_free) {
		uint32_t count = p->count ? p->count * 2 : 8;
		uint8_t *items;

		if (count > 0xffff)
			count = 0xffff;
		if (count == p->count || !(items = calloc(count, p->size)))
			return NULL;
		if (p->items)
			memcpy(items, p->items, (size_t)p->count * p->size);
		free(p->items);
		p->items = items;
		for (i = count; i > p->count; i--) {
			o = pool_at(p, i - 1);
			o->next_free = p->first_free;
			p->first_free = i;
		}
		p->count = count;
	}
	i = p->first_free - 1;
	o = pool_at(p, i);
	p->first_free = o->next_free;
	generation = o->generation;
	memset(o, 0, p->size);
	o->generation = generation;
	o->handle = generation << 16 | (i + 1);
	p->live++;
	return o;
}

void pool_remove(struct tt_pool *p, void *item)
{
	struct tt_obj *o = item;
	uint32_t place = o->handle & 0xffff, generation = (o->generation + 1) & 0x7fff;

	memset(item, 0, p->size);
	o->generation = generation;
	o->next_free = p->first_free;
	p->first_free = place;
	p->live--;
}

void map_free(struct tt_map *m)
{
	free(m->keys);
	free(m->values);
	memset(m, 0, sizeof *m);
}

static void put(struct tt_map *m, uint64_t key, uint32_t value)
{
	uint32_t i = map_hash(key) & m->mask;

	while (m->values[i] && m->keys[i] != key)
		i = (i + 1) & m->mask;
	if (!m->values[i])
		m->count++;
	m->keys[i] = key;
	m->values[i] = value;
}

bool map_set(struct tt_map *m, uint64_t key, uint32_t value)
{
	if (!m->mask || m->count * 2 > m->mask) {
		struct tt_map bigger = { .mask = m->mask ? m->mask * 2 + 1 : 15 };

		bigger.keys = calloc(bigger.mask + 1, sizeof *bigger.keys);
		bigger.values = calloc(bigger.mask + 1, sizeof *bigger.values);
		if (!bigger.keys || !bigger.values) {
			map_free(&bigger);
			return false;
		}
		for (uint32_t i = 0; m->mask && i <= m->mask; i++)
			if (m->values[i])
				put(&bigger, m->keys[i], m->values[i]);
		map_free(m);
		*m = bigger;
	}
	put(m, key, value);
	return true;
}

/* Closes the gap, so that no tombstones pile up (Knuth 6.4, algorithm R). */
void map_remove(struct tt_map *m, uint64_t key)
{
	uint32_t i, j;

	if (!map_get(m, key))
		return;
	for (i = map_hash(key) & m->mask; m->keys[i] != key || !m->values[i]; i = (i + 1) & m->mask)
		;
	m->count--;
	for (j = (i + 1) & m->mask; m->values[j]; j = (j + 1) & m->mask) {
		uint32_t home = map_hash(m->keys[j]) & m->mask;

		if (((j - home) & m->mask) >= ((j - i) & m->mask)) {
			m->keys[i] = m->keys[j];
			m->values[i] = m->values[j];
			i = j;
		}
	}
	m->values[i] = 0;
}
