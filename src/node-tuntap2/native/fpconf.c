/* The tables of the fast path: what may be added, changed and removed. */
#include "fastpath.h"
#include <stdlib.h>
#include <time.h>

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
	pool_init(&fp->routes, sizeof(struct tt_route));
	if (ossl()->random((uint8_t *)fp->route_seed, sizeof fp->route_seed) <= 0) {
		free(fp);
		return NULL;
	}
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
	pool_free(&fp->routes);
	map_free(&fp->spis);
	map_free(&fp->ids);
	map_free(&fp->exits);
	free(fp->chains);
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
	dev = fp_dev_hold(fp, p->dev);
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
	dev = fp_dev_hold(fp, p->dev);
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

int64_t fp_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int fp_call_echoes(struct tt_fp *fp, uint32_t call, uint64_t out[2])
{
	const struct tt_call *c = pool_get(&fp->calls, call);

	if (!c)
		return no(fp, "call: no such handle");
	out[0] = c->echoes;
	out[1] = c->echoes ? (uint64_t)(fp_now() - c->echo_ms) : 0;
	return 0;
}

/* A super-packet's worth at the least, or a slow rate would stop TCP. */
#define BURST_LEAST 16384

static uint64_t most_saved(const struct tt_bucket *b)
{
	return b->rate * 125 + BURST_LEAST * 1000;
}

static void set_rate(struct tt_bucket *b, uint64_t rate)
{
	bool first = !b->rate;

	b->rate = rate;
	if (first) {
		b->saved = most_saved(b);
		b->at = fp_now();
	}
}

int fp_set_rate(struct tt_fp *fp, uint32_t call, uint64_t in, uint64_t out)
{
	struct tt_call *c = pool_get(&fp->calls, call);

	if (!c)
		return no(fp, "call: no such handle");
	set_rate(&c->in, in);
	set_rate(&c->out, out);
	return 0;
}

bool fp_within(struct tt_bucket *b, size_t bytes)
{
	uint64_t cost = (uint64_t)bytes * 1000, since, most;
	int64_t now;

	if (!b->rate)
		return true;
	now = fp_now();
	since = (uint64_t)(now - b->at);
	b->at = now;
	b->saved += (since > 1000 ? 1000 : since) * b->rate;
	most = most_saved(b);
	if (b->saved > most)
		b->saved = most;
	if (b->saved < cost)
		return false;
	b->saved -= cost;
	return true;
}

static uint64_t exit_key(uint32_t kind, uint32_t ref)
{
	return (uint64_t)kind << 32 | ref;
}

int fp_set_exit(struct tt_fp *fp, uint32_t kind, uint32_t ref, int fd)
{
	bool socket = kind == TT_K_UDP4500 || kind == TT_K_RAW50 || kind == TT_K_UDP1701;

	if (kind != TT_K_TUN && !(socket && (ref == 4 || ref == 6)))
		return no(fp, "exit: no such kind");
	if (fd < 0)
		map_remove(&fp->exits, exit_key(kind, ref));
	else if (!map_set(&fp->exits, exit_key(kind, ref), (uint32_t)fd + 1))
		return no(fp, "exit: no memory");
	return 0;
}

int fp_exit(const struct tt_fp *fp, uint32_t kind, uint32_t ref)
{
	return (int)map_get(&fp->exits, exit_key(kind, ref)) - 1;
}

void fp_forget(struct tt_fp *fp, int fd)
{
	for (uint32_t i = 0; fp->exits.mask && i <= fp->exits.mask; i++) {
		if (fp->exits.values[i] != (uint32_t)fd + 1)
			continue;
		map_remove(&fp->exits, fp->exits.keys[i]);
		i = UINT32_MAX; /* removal moves others */
	}
}
