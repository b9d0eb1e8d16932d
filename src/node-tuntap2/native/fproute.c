/* Devices of the fast path, and which call an address on them belongs to. */
#include "fastpath.h"
#include <stdlib.h>

static int no(struct tt_fp *fp, const char *why)
{
	fp->why = why;
	return -1;
}

/* Place + 1 of the device, made when it is new; 0 without memory. */
uint32_t fp_dev_hold(struct tt_fp *fp, uint32_t id)
{
	uint32_t spare = fp->ndevs;

	for (uint32_t i = 0; i < fp->ndevs; i++) {
		if (fp->devs[i].users && fp->devs[i].id == id) {
			fp->devs[i].users++;
			return i + 1;
		}
		if (!fp->devs[i].users)
			spare = i;
	}
	if (spare == fp->ndevs) {
		struct tt_dev *more;

		if (spare == 0xffff || !(more = realloc(fp->devs, (spare + 1) * sizeof *more)))
			return 0;
		fp->devs = more;
		fp->ndevs++;
	}
	memset(&fp->devs[spare], 0, sizeof fp->devs[spare]);
	fp->devs[spare].id = id;
	fp->devs[spare].users = 1;
	return spare + 1;
}

const struct tt_dev *fp_dev(const struct tt_fp *fp, uint32_t id)
{
	for (uint32_t i = 0; i < fp->ndevs; i++)
		if (fp->devs[i].users && fp->devs[i].id == id)
			return &fp->devs[i];
	return NULL;
}

/* ---- the table: prefixes of both families on all devices, chained by hash ---- */

static void key_of(uint32_t key[ROUTE_KEY], uint32_t place, const uint8_t *prefix, size_t size, uint32_t length)
{
	for (size_t i = 0; i < 4; i++)
		key[i] = i * 4 < size ? rd32(prefix + i * 4) : 0;
	key[4] = place << 16 | (uint32_t)size << 8 | length;
}

/* Zeroes what is behind the first `length` bits. */
static void mask_key(uint32_t key[ROUTE_KEY], uint32_t length)
{
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t bits = length <= i * 32 ? 0 : length - i * 32;

		if (bits < 32)
			key[i] &= bits ? 0xffffffffu << (32 - bits) : 0;
	}
	key[4] = (key[4] & ~0xffu) | length;
}

/*
 * A peer chooses parts of its prefix, so it must not be able to choose which chain it is in: with secret factors any
 * two keys meet once in 2^32 (multiply-shift of vectors; Thorup, "High speed hashing for integers and strings", 3.4).
 */
static uint32_t hash_of(const struct tt_fp *fp, const uint32_t key[ROUTE_KEY])
{
	uint64_t h = fp->route_seed[ROUTE_KEY];

	for (int i = 0; i < ROUTE_KEY; i++)
		h += fp->route_seed[i] * key[i];
	return (uint32_t)(h >> 32);
}

static struct tt_route *find(const struct tt_fp *fp, const uint32_t key[ROUTE_KEY])
{
	uint32_t at = fp->chains ? fp->chains[hash_of(fp, key) & fp->chain_mask] : 0;

	while (at) {
		struct tt_route *r = pool_at(&fp->routes, at - 1);

		if (!memcmp(r->key, key, sizeof r->key))
			return r;
		at = r->next;
	}
	return NULL;
}

/* At least as many chains as there are places for routes. */
static bool more_chains(struct tt_fp *fp)
{
	uint32_t n = 16, *chains;

	while (n < fp->routes.count)
		n *= 2;
	if (fp->chains && n - 1 <= fp->chain_mask)
		return true;
	chains = calloc(n, sizeof *chains);
	if (!chains)
		return false;
	free(fp->chains);
	fp->chains = chains;
	fp->chain_mask = n - 1;
	for (uint32_t i = 0; i < fp->routes.count; i++) {
		struct tt_route *r = pool_at(&fp->routes, i);
		uint32_t *head;

		if (!r->obj.handle || !r->call)
			continue;
		head = &fp->chains[hash_of(fp, r->key) & fp->chain_mask];
		r->next = *head;
		*head = i + 1;
	}
	return true;
}

static bool insert(struct tt_fp *fp, const uint32_t key[ROUTE_KEY], uint32_t call)
{
	struct tt_route *r = pool_add(&fp->routes);
	uint32_t *head;

	if (!r)
		return false;
	if (!more_chains(fp)) {
		pool_remove(&fp->routes, r);
		return false;
	}
	memcpy(r->key, key, sizeof r->key);
	r->call = call;
	head = &fp->chains[hash_of(fp, key) & fp->chain_mask];
	r->next = *head;
	*head = r->obj.handle & 0xffff;
	return true;
}

static void take_out(struct tt_fp *fp, struct tt_route *r)
{
	uint32_t *at = &fp->chains[hash_of(fp, r->key) & fp->chain_mask], place = r->obj.handle & 0xffff;

	while (*at != place)
		at = &((struct tt_route *)pool_at(&fp->routes, *at - 1))->next;
	*at = r->next;
	pool_remove(&fp->routes, r);
}

/* ---- the routes of a device ---- */

uint32_t fp_lookup(const struct tt_fp *fp, const struct tt_dev *dev, const uint8_t *ip, size_t size)
{
	const struct tt_lengths *l = size == 4 ? &dev->ip4 : &dev->ip6;
	uint32_t key[ROUTE_KEY];

	key_of(key, (uint32_t)(dev - fp->devs), ip, size, 0);
	for (uint32_t word = 3; word-- > 0;) {
		for (uint64_t left = l->present[word]; left;) { /* from the longest on: what is masked stays so */
			uint32_t bit = 63 - (uint32_t)__builtin_clzll(left);
			const struct tt_route *r;

			mask_key(key, word * 64 + bit);
			r = find(fp, key);
			if (r)
				return r->call;
			left &= ~(1ull << bit);
		}
	}
	return 0;
}

/* The key of a network, or why there is none. */
static int network(struct tt_fp *fp, uint32_t key[ROUTE_KEY], const uint8_t *prefix, size_t size, uint32_t length)
{
	uint32_t net[ROUTE_KEY];

	if (length > size * 8)
		return no(fp, size == 4 ? "route: length above 32" : "route: length above 128");
	key_of(key, 0, prefix, size, length);
	memcpy(net, key, sizeof net);
	mask_key(net, length);
	return memcmp(net, key, sizeof net) ? no(fp, "route: host bits are not 0") : 0;
}

int fp_add_route(struct tt_fp *fp, uint32_t dev, const uint8_t *prefix, size_t size, uint32_t length, uint32_t call)
{
	struct tt_call *c = pool_get(&fp->calls, call);
	struct tt_lengths *l;
	uint32_t key[ROUTE_KEY], place;
	bool there;

	if (!c)
		return no(fp, "call: no such handle");
	if (network(fp, key, prefix, size, length) < 0)
		return -1;
	place = fp_dev_hold(fp, dev);
	if (!place)
		return no(fp, "route: no memory");
	key[4] |= --place << 16;
	there = find(fp, key) != NULL;
	if (there || !insert(fp, key, call)) {
		fp->devs[place].users--;
		return no(fp, there ? "route: there already" : "route: table full");
	}
	l = size == 4 ? &fp->devs[place].ip4 : &fp->devs[place].ip6;
	l->routes[length]++;
	l->present[length / 64] |= 1ull << length % 64;
	c->routes++;
	return 0;
}

int fp_remove_route(struct tt_fp *fp, uint32_t dev, const uint8_t *prefix, size_t size, uint32_t length)
{
	const struct tt_dev *d = fp_dev(fp, dev);
	uint32_t key[ROUTE_KEY], place;
	struct tt_route *r = NULL;
	struct tt_lengths *l;

	if (network(fp, key, prefix, size, length) < 0)
		return -1;
	place = d ? (uint32_t)(d - fp->devs) : 0;
	key[4] |= place << 16;
	if (d)
		r = find(fp, key);
	if (!r)
		return no(fp, "route: not there");
	((struct tt_call *)pool_get(&fp->calls, r->call))->routes--;
	take_out(fp, r);
	l = size == 4 ? &fp->devs[place].ip4 : &fp->devs[place].ip6;
	if (!--l->routes[length])
		l->present[length / 64] &= ~(1ull << length % 64);
	fp->devs[place].users--;
	return 0;
}
