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

static uint64_t route_key(uint32_t dev, uint32_t length, uint32_t ip)
{
	return (uint64_t)dev << 40 | (uint64_t)length << 32 | ip;
}
static uint32_t mask_of(uint32_t length)
{
	return length ? 0xffffffffu << (32 - length) : 0;
}

uint32_t fp_lookup(const struct tt_fp *fp, const struct tt_dev *dev, const uint8_t *at)
{
	uint32_t ip = rd32(at), place = (uint32_t)(dev - fp->devs);
	uint64_t left = dev->present;

	while (left) {
		uint32_t length = 63 - (uint32_t)__builtin_clzll(left);
		uint32_t call = map_get(&fp->routes, route_key(place, length, ip & mask_of(length)));

		if (call)
			return call;
		left &= ~(1ull << length);
	}
	return 0;
}

static uint64_t route6_key(uint32_t dev, uint32_t length, const uint8_t prefix[16])
{
	uint64_t high, low;

	memcpy(&high, prefix, sizeof high);
	memcpy(&low, prefix + 8, sizeof low);
	high = (high ^ ((uint64_t)dev << 32 | length)) * 0x9e3779b97f4a7c15u;
	return ((high ^ high >> 29) + low) * 0xbf58476d1ce4e5b9u;
}
static void mask6(uint8_t out[16], const uint8_t *in, uint32_t length)
{
	uint32_t whole = length / 8;

	memset(out, 0, 16);
	memcpy(out, in, whole);
	if (length % 8)
		out[whole] = in[whole] & (uint8_t)(0xff00 >> length % 8);
}
static struct tt_route6 *find6(const struct tt_fp *fp, uint32_t place, const uint8_t prefix[16], uint32_t length)
{
	struct tt_route6 *r = pool_get(&fp->routes6, map_get(&fp->places6, route6_key(place, length, prefix)));

	return r && r->dev == place && r->length == length && !memcmp(r->prefix, prefix, 16) ? r : NULL;
}

uint32_t fp_lookup6(const struct tt_fp *fp, const struct tt_dev *dev, const uint8_t *ip)
{
	uint32_t place = (uint32_t)(dev - fp->devs);
	uint8_t prefix[16];

	for (uint32_t word = 3; word-- > 0;) {
		for (uint64_t left = dev->present6[word]; left;) {
			uint32_t bit = 63 - (uint32_t)__builtin_clzll(left);
			const struct tt_route6 *r;

			mask6(prefix, ip, word * 64 + bit);
			r = find6(fp, place, prefix, word * 64 + bit);
			if (r)
				return r->call;
			left &= ~(1ull << bit);
		}
	}
	return 0;
}

static int prefix_refused(struct tt_fp *fp, const uint8_t *prefix, size_t size, uint32_t length)
{
	uint8_t net[16];

	if (length > size * 8)
		return no(fp, size == 4 ? "route: length above 32" : "route: length above 128");
	if (size == 16)
		mask6(net, prefix, length);
	if (size == 4 ? (rd32(prefix) & ~mask_of(length)) != 0 : memcmp(net, prefix, 16) != 0)
		return no(fp, "route: host bits are not 0");
	return 0;
}

static int set4(struct tt_fp *fp, uint32_t place, const uint8_t *prefix, uint32_t length, uint32_t call)
{
	struct tt_dev *d = &fp->devs[place];
	uint64_t key = route_key(place, length, rd32(prefix));

	if (map_get(&fp->routes, key) || !map_set(&fp->routes, key, call))
		return no(fp, "route: there already");
	d->lengths[length]++;
	d->present |= 1ull << length;
	return 0;
}
static int set6(struct tt_fp *fp, uint32_t place, const uint8_t *prefix, uint32_t length, uint32_t call)
{
	struct tt_dev *d = &fp->devs[place];
	uint64_t key = route6_key(place, length, prefix);
	struct tt_route6 *r;

	if (map_get(&fp->places6, key))
		return no(fp, "route: there already");
	r = pool_add(&fp->routes6);
	if (!r || !map_set(&fp->places6, key, r->obj.handle)) {
		if (r)
			pool_remove(&fp->routes6, r);
		return no(fp, "route: table full");
	}
	r->dev = place;
	r->length = length;
	r->call = call;
	memcpy(r->prefix, prefix, 16);
	d->lengths6[length]++;
	d->present6[length / 64] |= 1ull << length % 64;
	return 0;
}

int fp_add_route(struct tt_fp *fp, uint32_t dev, const uint8_t *prefix, size_t size, uint32_t length, uint32_t call)
{
	struct tt_call *c = pool_get(&fp->calls, call);
	uint32_t place;

	if (!c)
		return no(fp, "call: no such handle");
	if (prefix_refused(fp, prefix, size, length) < 0)
		return -1;
	place = fp_dev_hold(fp, dev);
	if (!place)
		return no(fp, "route: no memory");
	if ((size == 4 ? set4 : set6)(fp, --place, prefix, length, call) < 0) {
		fp->devs[place].users--;
		return -1;
	}
	c->routes++;
	return 0;
}

/* The call that had the route, 0: there was none. */
static uint32_t unset4(struct tt_fp *fp, uint32_t place, const uint8_t *prefix, uint32_t length)
{
	struct tt_dev *d = &fp->devs[place];
	uint64_t key = route_key(place, length, rd32(prefix));
	uint32_t call = map_get(&fp->routes, key);

	if (!call)
		return 0;
	map_remove(&fp->routes, key);
	if (!--d->lengths[length])
		d->present &= ~(1ull << length);
	return call;
}
static uint32_t unset6(struct tt_fp *fp, uint32_t place, const uint8_t *prefix, uint32_t length)
{
	struct tt_dev *d = &fp->devs[place];
	struct tt_route6 *r = find6(fp, place, prefix, length);
	uint32_t call;

	if (!r)
		return 0;
	call = r->call;
	map_remove(&fp->places6, route6_key(place, length, prefix));
	pool_remove(&fp->routes6, r);
	if (!--d->lengths6[length])
		d->present6[length / 64] &= ~(1ull << length % 64);
	return call;
}

int fp_remove_route(struct tt_fp *fp, uint32_t dev, const uint8_t *prefix, size_t size, uint32_t length)
{
	const struct tt_dev *d = fp_dev(fp, dev);
	uint32_t call = 0, place = 0;

	if (prefix_refused(fp, prefix, size, length) < 0)
		return -1;
	if (d) {
		place = (uint32_t)(d - fp->devs);
		call = (size == 4 ? unset4 : unset6)(fp, place, prefix, length);
	}
	if (!call)
		return no(fp, "route: not there");
	((struct tt_call *)pool_get(&fp->calls, call))->routes--;
	fp->devs[place].users--;
	return 0;
}
