/* The tables of the fast path: what may be added, changed and removed. */
#include "fastpath.h"
#include <stdlib.h>

#define WINDOW 1024
#define WINDOW_MAX 65536

static int no(struct tt_fp *fp, const char *why)
{
	fp->why = why;
	return -1;
}

struct tt_fp *fp_new(void)
{
	struct tt_fp *fp = ossl() ? calloc(1, sizeof *fp) : NULL;

	if (!fp)
		return NULL;
	pool_init(&fp->flows, sizeof(struct tt_flow));
	pool_init(&fp->sas, sizeof(struct tt_sa));
	pool_init(&fp->calls, sizeof(struct tt_call));
	pool_init(&fp->routes6, sizeof(struct tt_route6));
	return fp;
}

static void sa_clear(struct tt_sa *s)
{
	esp_clear(s->esp);
	free(s->esp);
	replay_clear(&s->replay);
}

void fp_free(struct tt_fp *fp)
{
	if (!fp)
		return;
	for (uint32_t i = 0; i < fp->sas.count; i++) {
		struct tt_sa *s = pool_at(&fp->sas, i);

		if (s->obj.handle)
			sa_clear(s);
	}
	pool_free(&fp->flows);
	pool_free(&fp->sas);
	pool_free(&fp->calls);
	pool_free(&fp->routes6);
	map_free(&fp->spis);
	map_free(&fp->ids);
	map_free(&fp->routes);
	map_free(&fp->places6);
	free(fp->devs);
	free(fp);
}

int64_t fp_add_flow(struct tt_fp *fp, const struct tt_flow_params *p)
{
	struct tt_flow *f = pool_add(&fp->flows);

	if (!f)
		return no(fp, "flow: table full");
	f->p = *p;
	return f->obj.handle;
}

static void no_news(struct tt_fp *fp, struct tt_flow *f)
{
	if (f->news)
		fp->news--;
	f->news = false;
}

int fp_set_flow(struct tt_fp *fp, uint32_t flow, const struct tt_flow_params *p)
{
	struct tt_flow *f = pool_get(&fp->flows, flow);

	if (!f)
		return no(fp, "flow: no such handle");
	if (f->sas && p->encap == ENCAP_CLEAR)
		return no(fp, "flow: a flow with SAs cannot turn clear");
	no_news(fp, f);
	f->reported = false;
	f->p = *p;
	return 0;
}

int fp_remove_flow(struct tt_fp *fp, uint32_t flow)
{
	struct tt_flow *f = pool_get(&fp->flows, flow);

	if (!f)
		return no(fp, "flow: no such handle");
	if (f->sas || f->calls)
		return no(fp, "flow: still has SAs or calls");
	no_news(fp, f);
	pool_remove(&fp->flows, f);
	return 0;
}

int64_t fp_add_sa(struct tt_fp *fp, const struct tt_sa_params *p)
{
	struct tt_flow *f = pool_get(&fp->flows, p->flow);
	uint32_t window = p->window ? p->window : WINDOW;
	struct tt_sa *s;
	struct esp *e;
	const char *why;

	if (!f)
		return no(fp, "flow: no such handle");
	if (f->p.encap == ENCAP_CLEAR)
		return no(fp, "flow: in the clear, takes no SA");
	if (p->spi == 0)
		return no(fp, "spi: 0 is reserved"); /* RFC 4303 2.1 */
	if (p->inbound && map_get(&fp->spis, p->spi))
		return no(fp, "spi: in use");
	if (window % 32 || window > WINDOW_MAX)
		return no(fp, "window: a multiple of 32, at most 65536");
	e = malloc(sizeof *e);
	if (!e)
		return no(fp, "sa: no memory");
	why = esp_init(e, !p->inbound, p->cipher, p->integ, p->key, p->key_len, p->mac_key, p->mac_key_len);
	if (why) {
		free(e);
		return no(fp, why);
	}
	s = pool_add(&fp->sas);
	if (!s) {
		esp_clear(e);
		free(e);
		return no(fp, "sa: table full");
	}
	s->esp = e;
	s->spi = p->spi;
	s->flow = p->flow;
	s->inbound = p->inbound;
	s->hard_bytes = p->hard_bytes;
	s->hard_packets = p->hard_packets;
	if (s->inbound && (!replay_init(&s->replay, window) || !map_set(&fp->spis, s->spi, s->obj.handle))) {
		sa_clear(s);
		pool_remove(&fp->sas, s);
		return no(fp, "sa: no memory");
	}
	f->sas++;
	return s->obj.handle;
}

int fp_set_flow_sa(struct tt_fp *fp, uint32_t flow, uint32_t sa)
{
	struct tt_flow *f = pool_get(&fp->flows, flow);
	struct tt_sa *s = sa ? pool_get(&fp->sas, sa) : NULL;

	if (!f)
		return no(fp, "flow: no such handle");
	if (sa && !s)
		return no(fp, "sa: no such handle");
	if (s && (s->inbound || s->flow != flow))
		return no(fp, "sa: not an outbound one of this flow");
	f->sa_out = sa;
	return 0;
}

int fp_remove_sa(struct tt_fp *fp, uint32_t sa)
{
	struct tt_sa *s = pool_get(&fp->sas, sa);
	struct tt_flow *f;

	if (!s)
		return no(fp, "sa: no such handle");
	f = pool_get(&fp->flows, s->flow);
	f->sas--;
	if (f->sa_out == sa)
		f->sa_out = 0;
	if (s->inbound)
		map_remove(&fp->spis, s->spi);
	sa_clear(s);
	pool_remove(&fp->sas, s);
	return 0;
}

int fp_sa_counters(struct tt_fp *fp, uint32_t sa, uint64_t out[3])
{
	const struct tt_sa *s = pool_get(&fp->sas, sa);

	if (!s)
		return no(fp, "sa: no such handle");
	out[0] = s->packets;
	out[1] = s->bytes;
	out[2] = s->inbound ? s->replay.top : s->seq;
	return 0;
}

/* Place + 1 of the device, made when it is new; 0 without memory. */
static uint32_t dev_hold(struct tt_fp *fp, uint32_t id)
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

static uint64_t id_key(const struct tt_call_params *p)
{
	return (uint64_t)p->ltunnel << 16 | p->lcall;
}

static int call_refused(struct tt_fp *fp, const struct tt_call_params *p, uint32_t self)
{
	uint32_t other = map_get(&fp->ids, id_key(p));

	if (!pool_get(&fp->flows, p->flow))
		return no(fp, "flow: no such handle");
	if (!p->ltunnel || !p->lcall)
		return no(fp, "call: tunnel and call ids are not 0");
	if (other && other != self)
		return no(fp, "call: tunnel and call id in use");
	return 0;
}

int64_t fp_add_call(struct tt_fp *fp, const struct tt_call_params *p)
{
	struct tt_call *c;
	uint32_t dev;

	if (call_refused(fp, p, 0) < 0)
		return -1;
	c = pool_add(&fp->calls);
	if (!c)
		return no(fp, "call: table full");
	dev = dev_hold(fp, p->dev);
	if (!dev || !map_set(&fp->ids, id_key(p), c->obj.handle)) {
		if (dev)
			fp->devs[dev - 1].users--;
		pool_remove(&fp->calls, c);
		return no(fp, "call: no memory");
	}
	c->p = *p;
	c->dev = dev - 1;
	((struct tt_flow *)pool_get(&fp->flows, p->flow))->calls++;
	return c->obj.handle;
}

int fp_set_call(struct tt_fp *fp, uint32_t call, const struct tt_call_params *p)
{
	struct tt_call *c = pool_get(&fp->calls, call);
	uint32_t dev;

	if (!c)
		return no(fp, "call: no such handle");
	if (call_refused(fp, p, call) < 0)
		return -1;
	dev = dev_hold(fp, p->dev);
	if (!dev || !map_set(&fp->ids, id_key(p), call)) {
		if (dev)
			fp->devs[dev - 1].users--;
		return no(fp, "call: no memory");
	}
	fp->devs[c->dev].users--;
	c->dev = dev - 1;
	if (id_key(p) != id_key(&c->p))
		map_remove(&fp->ids, id_key(&c->p));
	((struct tt_flow *)pool_get(&fp->flows, c->p.flow))->calls--;
	((struct tt_flow *)pool_get(&fp->flows, p->flow))->calls++;
	c->p = *p;
	return 0;
}

int fp_remove_call(struct tt_fp *fp, uint32_t call)
{
	struct tt_call *c = pool_get(&fp->calls, call);

	if (!c)
		return no(fp, "call: no such handle");
	if (c->routes)
		return no(fp, "call: still has routes");
	fp->devs[c->dev].users--;
	((struct tt_flow *)pool_get(&fp->flows, c->p.flow))->calls--;
	map_remove(&fp->ids, id_key(&c->p));
	pool_remove(&fp->calls, c);
	return 0;
}

int fp_call_counters(struct tt_fp *fp, uint32_t call, uint64_t out[4])
{
	const struct tt_call *c = pool_get(&fp->calls, call);

	if (!c)
		return no(fp, "call: no such handle");
	out[0] = c->rx_packets;
	out[1] = c->rx_bytes;
	out[2] = c->tx_packets;
	out[3] = c->tx_bytes;
	return 0;
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
	place = dev_hold(fp, dev);
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

int fp_mapping(struct tt_fp *fp, uint32_t flow, uint8_t into[TT_ADDR])
{
	struct tt_flow *f = pool_get(&fp->flows, flow);

	if (!f)
		return no(fp, "flow: no such handle");
	if (!f->news)
		return 0;
	no_news(fp, f);
	memcpy(into, f->moved, TT_ADDR);
	return 1;
}

uint32_t fp_next_mapping(const struct tt_fp *fp)
{
	for (uint32_t i = 0; fp->news && i < fp->flows.count; i++) {
		const struct tt_flow *f = pool_at(&fp->flows, i);

		if (f->obj.handle && f->news)
			return f->obj.handle;
	}
	return 0;
}

uint32_t fp_next_unknown_spi(struct tt_fp *fp, uint8_t into[TT_ADDR])
{
	uint32_t spi = fp->unknown_spi;

	if (spi)
		memcpy(into, fp->unknown_from, TT_ADDR);
	fp->unknown_spi = 0;
	return spi;
}
