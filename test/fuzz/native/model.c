#include "model.h"
#include "esp.c" /* for its tables, and to seal what esp_seal() never would */

static const uint8_t ADDRESSES[4][16] = {
	{ 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 },
	{ 0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2 },
	{ 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3 },
	{ 10, 0, 0, 1, 0xff },
};

uint8_t *seal_text(struct esp *e, uint32_t spi, uint32_t seq, uint8_t *p, size_t n, size_t *len)
{
	const struct ossl *o = e->o;
	uint8_t *h = p - 8 - e->iv, digest[64], n12[12];
	int got;

	wr32(h, spi);
	wr32(h + 4, seq);
	memset(h + 8, 0, e->iv);
	if (e->iv)
		wr32(h + 8 + e->iv - 4, seq);
	*len = 8u + e->iv + n + e->icv;
	if (e->aead) {
		nonce(e, h + 8, n12);
		CHECK(o->cipher_init(e->cipher, NULL, NULL, NULL, n12, 1) > 0);
		CHECK(o->cipher_update(e->cipher, NULL, &got, h, 8) > 0);
		CHECK(!n || o->cipher_update(e->cipher, p, &got, p, (int)n) > 0);
		CHECK(o->cipher_final(e->cipher, digest, &got) > 0 &&
		      o->cipher_ctrl(e->cipher, OSSL_GET_TAG, e->icv, p + n) > 0);
		return h;
	}
	if (e->cipher && n) {
		CHECK(o->cipher_init(e->cipher, NULL, NULL, NULL, h + 8, 1) > 0);
		CHECK(o->cipher_update(e->cipher, p, &got, p, (int)n) > 0);
	}
	CHECK(mac_run(e, h, 8u + e->iv + n, digest));
	memcpy(p + n, digest, e->icv);
	return h;
}

enum esp_result open_packet(struct esp *e, uint8_t *p, size_t len, uint8_t **out, size_t *out_len, uint8_t *next)
{
	return esp_open(e, p, len, out, out_len, next);
}

bool model_fresh(const struct m_sa *s, uint32_t seq)
{
	if (seq == 0 || (seq <= s->top && s->top - seq >= s->window))
		return false;
	for (uint32_t i = 0; i < s->nseen; i++)
		if (s->seen[i] == seq)
			return false;
	return true;
}

void model_mark(struct m_sa *s, uint32_t seq)
{
	CHECK(s->nseen < SEEN);
	s->seen[s->nseen++] = seq;
	if (seq > s->top)
		s->top = seq;
}

bool model_spent(const struct m_sa *s)
{
	return (s->hard_packets && s->packets >= s->hard_packets) || (s->hard_bytes && s->bytes >= s->hard_bytes);
}

static bool masked_equal(const uint8_t *a, const uint8_t *b, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		if ((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

int world_lookup(const struct world *w, uint32_t dev, const uint8_t *ip, size_t size)
{
	int best = -1;

	for (int i = 0; i < ROUTES; i++) {
		const struct m_route *r = &w->routes[i];

		if (r->size == size && r->dev == dev && masked_equal(r->prefix, ip, r->length) &&
		    (best < 0 || r->length > w->routes[best].length))
			best = i;
	}
	return best < 0 ? -1 : w->routes[best].call;
}

/* ---- the configuration ---- */

static void flow_params(struct tt_flow_params *p, struct input *in)
{
	uint32_t b = take8(in);

	memset(p, 0, sizeof *p);
	p->encap = (enum tt_encap)(b % 3);
	p->alen = b & 4 ? 16 : 4;
	memcpy(p->local, ADDRESSES[b >> 4 & 1], p->alen);
	memcpy(p->remote, ADDRESSES[2 + (b >> 5 & 1)], p->alen);
	p->lport = p->encap == ENCAP_ESP ? 0 : p->encap == ENCAP_UDP ? 4500 : 1701;
	p->rport = b & 8 ? 40000 : p->lport;
}

static void add_flow(struct world *w, struct m_user *u, struct input *in)
{
	struct tt_flow_params p;
	int64_t handle;

	flow_params(&p, in);
	if (u->flow) {
		int sas = 0;

		for (int i = 0; i < SAS; i++)
			sas += w->sas[i].handle && &w->users[w->sas[i].user] == u;
		CHECK((fp_set_flow(w->fp, u->flow, &p) == 0) == !(sas && p.encap == ENCAP_CLEAR));
		if (!(sas && p.encap == ENCAP_CLEAR))
			u->p = p;
		return;
	}
	handle = fp_add_flow(w->fp, &p);
	CHECK(handle > 0);
	*u = (struct m_user){ .flow = (uint32_t)handle, .p = p, .out = -1 };
}

static void remove_flow(struct world *w, struct m_user *u)
{
	bool held = false;

	for (int i = 0; i < SAS; i++)
		held |= w->sas[i].handle && &w->users[w->sas[i].user] == u;
	for (int i = 0; i < CALLS; i++)
		held |= w->calls[i].handle && &w->users[w->calls[i].user] == u;
	CHECK((fp_remove_flow(w->fp, u->flow) == 0) == (u->flow && !held));
	if (!held)
		u->flow = 0;
}

static void add_sa(struct world *w, int user, bool inbound, struct input *in)
{
	uint32_t which = take8(in), b = take8(in);
	size_t c = which % COUNT(CIPHERS), m = CIPHERS[c].icv ? COUNT(MACS) : which / COUNT(CIPHERS) % COUNT(MACS);
	uint8_t key[36], mac[64];
	struct tt_sa_params p = {
		.inbound = inbound,
		.spi = 0x1000 + take8(in) % 16,
		.flow = w->users[user].flow,
		.window = 32u << (b & 3),
		.cipher = CIPHERS[c].name,
		.integ = m < COUNT(MACS) ? MACS[m].name : "none",
		.key = key,
		.mac_key = mac,
		.key_len = CIPHERS[c].key + (CIPHERS[c].icv ? 4u : 0u),
		.mac_key_len = m < COUNT(MACS) ? MACS[m].key : 0,
		.hard_packets = b & 0x10 ? 1 + (b >> 5) : 0,
		.hard_bytes = b & 8 ? 200 * (1 + (b >> 5)) : 0,
	};
	struct m_sa *s = NULL;
	int64_t handle;
	bool taken = false;

	memset(key, 0x11 * (user + 1), sizeof key);
	memset(mac, 0x17 * (user + 1), sizeof mac);
	for (int i = 0; i < SAS; i++) {
		taken |= inbound && w->sas[i].handle && w->sas[i].inbound && w->sas[i].spi == p.spi;
		if (!w->sas[i].handle)
			s = &w->sas[i];
	}
	if (!s)
		return;
	handle = fp_add_sa(w->fp, &p);
	CHECK((handle > 0) == (p.flow && w->users[user].p.encap != ENCAP_CLEAR && !taken));
	if (handle <= 0)
		return;
	*s = (struct m_sa){
		.handle = (uint32_t)handle,
		.user = user,
		.inbound = inbound,
		.spi = p.spi,
		.window = p.window,
		.hard_packets = p.hard_packets,
		.hard_bytes = p.hard_bytes,
	};
	CHECK(!esp_init(&s->peer, inbound, p.cipher, p.integ, key, p.key_len, mac, p.mac_key_len));
	if (!inbound) {
		CHECK(fp_set_flow_sa(w->fp, p.flow, s->handle) == 0);
		w->users[user].out = (int)(s - w->sas);
	}
}

static void remove_sa(struct world *w, struct m_sa *s)
{
	CHECK((fp_remove_sa(w->fp, s->handle) == 0) == (s->handle != 0));
	if (!s->handle)
		return;
	esp_clear(&s->peer);
	if (w->users[s->user].out == s - w->sas)
		w->users[s->user].out = -1;
	s->handle = 0;
}

static void add_call(struct world *w, int at, int user, struct input *in)
{
	static const uint8_t headers[][4] = { { 0xff, 3, 0, 0x21 }, { 0, 0x21 }, { 0x21 }, { 0xff, 3, 0x21 } };
	static const uint8_t sizes[] = { 4, 2, 1, 3 };
	struct m_call *c = &w->calls[at];
	uint32_t b = take16(in);
	struct tt_call_params p = {
		.flow = w->users[user].flow,
		.dev = 1 + (b & 1),
		.clamp = b & 2 ? 500 + take8(in) : 0,
		.ltunnel = 7,
		.lcall = (uint16_t)(b >> 12 & 7),
		.ptunnel = b & 0x8000 ? 0 : 70,
		.pcall = (uint16_t)(80 + at),
		.lport = 1701,
		.rport = 1701,
		.ip = !(b & 4),
		.ip6 = b & 8,
		.sequencing = (b & 0x30) == 0x30,
		.all_up = (b & 0x380) == 0x380,
		.passes = (b & 0x380) == 0x180 ? 60 : 0,
		.check_source = b & 0x400,
		.ppp_len = sizes[b >> 11 & 3],
	};
	bool taken = false;
	int64_t r;

	memcpy(p.ppp, headers[b >> 11 & 3], sizeof p.ppp);
	for (int i = 0; i < CALLS; i++)
		taken |= i != at && w->calls[i].handle && w->calls[i].p.lcall == p.lcall;
	r = c->handle ? fp_set_call(w->fp, c->handle, &p) : fp_add_call(w->fp, &p);
	CHECK((r >= 0) == (p.flow && p.lcall && !taken));
	if (r < 0)
		return;
	if (!c->handle)
		*c = (struct m_call){ .handle = (uint32_t)r };
	c->user = user;
	c->p = p;
}

static void remove_call(struct world *w, int at)
{
	bool routed = false;

	for (int i = 0; i < ROUTES; i++)
		routed |= w->routes[i].size && w->routes[i].call == at;
	CHECK((fp_remove_call(w->fp, w->calls[at].handle) == 0) == (w->calls[at].handle && !routed));
	if (!routed)
		w->calls[at].handle = 0;
}

static void route(struct world *w, struct input *in)
{
	uint32_t b = take8(in), dev = 1 + (b & 1), length = take8(in);
	size_t size = b & 2 ? 16 : 4;
	int call = (int)(b >> 3 & 7), found = -1, spare = -1;
	uint8_t prefix[16];
	bool net = length <= size * 8;

	memcpy(prefix, ADDRESSES[take8(in) & 3], 16);
	prefix[size - 1] ^= (uint8_t)take8(in);
	for (uint32_t i = length; b & 0x40 && i < size * 8; i++)
		prefix[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	for (uint32_t i = length; i < size * 8; i++)
		net &= !(prefix[i / 8] >> (7 - i % 8) & 1);
	for (int i = 0; i < ROUTES; i++) {
		const struct m_route *r = &w->routes[i];

		if (!r->size)
			spare = i;
		else if (r->size == size && r->dev == dev && r->length == length && !memcmp(r->prefix, prefix, size))
			found = i;
	}
	if (b & 4) {
		CHECK((fp_remove_route(w->fp, dev, prefix, size, length) == 0) == (net && found >= 0));
		if (net && found >= 0)
			w->routes[found].size = 0;
	} else if (spare >= 0) {
		bool good = net && found < 0 && w->calls[call].handle;

		CHECK((fp_add_route(w->fp, dev, prefix, size, length, w->calls[call].handle) == 0) == good);
		if (good) {
			w->routes[spare] = (struct m_route){ .dev = dev, .length = length, .size = size, .call = call };
			memcpy(w->routes[spare].prefix, prefix, size);
		}
	}
}

/* One parameter that cannot be. */
static void refused_sa(struct world *w, uint32_t which)
{
	static const uint8_t key[64];
	struct tt_sa_params p = {
		.inbound = which & 8,
		.spi = 0x9999,
		.flow = w->users[0].flow,
		.window = 64,
		.cipher = "aes128",
		.integ = "sha1",
		.key = key,
		.key_len = 16,
		.mac_key = key,
		.mac_key_len = 20,
	};

	switch (which & 7) {
	case 0:
		p.spi = 0;
		break;
	case 1:
		p.window = which << 3 | 1;
		break;
	case 2:
		p.window = 65536 + 32;
		break;
	case 3:
		p.cipher = which & 16 ? "rot13" : "aes128gcm16";
		break;
	case 4:
		p.integ = which & 16 ? "none" : "crc";
		break;
	case 5:
		p.key_len = which & 16 ? 0 : 17;
		break;
	case 6:
		p.mac_key_len = which & 16 ? 0 : 64;
		break;
	case 7:
		p.flow = 0x7fff0001;
		break;
	}
	CHECK(fp_add_sa(w->fp, &p) < 0 && w->fp->why);
}

void world_configure(struct world *w, struct input *in)
{
	uint32_t what = take8(in), at = take8(in);
	uint8_t addr[TT_ADDR];
	uint64_t counts[4];

	switch (what % 10) {
	case 0:
		add_flow(w, &w->users[at % USERS], in);
		break;
	case 1:
		remove_flow(w, &w->users[at % USERS]);
		break;
	case 2:
	case 3:
		add_sa(w, (int)(at % USERS), what % 10 == 2, in);
		break;
	case 4:
		remove_sa(w, &w->sas[at % SAS]);
		break;
	case 5:
		add_call(w, (int)(at % CALLS), (int)(at >> 4) % USERS, in);
		break;
	case 6:
		remove_call(w, (int)(at % CALLS));
		break;
	case 7:
	case 8:
		route(w, in);
		break;
	case 9: /* handles that are none, and what only reads */
		refused_sa(w, at);
		/* as after four thousand million packets */
		if (w->sas[at % SAS].handle && !w->sas[at % SAS].inbound && at & 0x80) {
			w->sas[at % SAS].seq = 0xfffffffeu;
			((struct tt_sa *)pool_get(&w->fp->sas, w->sas[at % SAS].handle))->seq = 0xfffffffeu;
		}
		fp_set_flow_sa(w->fp, at, take32(in));
		fp_sa_counters(w->fp, take32(in), counts);
		fp_call_counters(w->fp, take32(in), counts);
		fp_mapping(w->fp, fp_next_mapping(w->fp), addr);
		fp_next_unknown_spi(w->fp, addr);
		break;
	}
}

void world_init(struct world *w, struct input *in)
{
	memset(w, 0, sizeof *w);
	w->fp = fp_new();
	CHECK(w->fp);
	for (int i = 0; i < ROUTE_KEY + 1; i++) /* the same chains for the same input */
		w->fp->route_seed[i] = 0x9e3779b97f4a7c15u * (uint64_t)(i + 1);
	w->mem = malloc(TT_RING_BYTES(2));
	CHECK(w->mem && tt_ring_map(&w->ring, w->mem, TT_RING_BYTES(2)));
	memset(w->mem, 0, TT_RING_BYTES(2));
	for (int i = 0; i < 3; i++) {
		uint32_t b = take8(in);
		uint8_t sa[3] = { (uint8_t)take8(in), (uint8_t)(b & (b > 0xe0 ? 0x1b : 3)), (uint8_t)i };
		uint8_t call[2] = { (uint8_t)((i + 1) << 4 | 4), i ? 0x0a : 0x08 }; /* some clamp */
		/* one has the default route, the others a network */
		uint8_t net4[4] = { (uint8_t)(0x40 | i << 3), i ? 16 : 0, (uint8_t)(i + 1), 0 };
		uint8_t net6[4] = { (uint8_t)(0x42 | i << 3), i ? 16 : 0, (uint8_t)(i + 1), 0 };
		struct input part;

		add_flow(w, &w->users[i], in);
		for (int inbound = 0; inbound < 2; inbound++) {
			part = (struct input){ sa, sizeof sa };
			add_sa(w, i, inbound, &part);
		}
		part = (struct input){ call, sizeof call };
		add_call(w, i, i, &part);
		part = (struct input){ net4, sizeof net4 };
		route(w, &part);
		part = (struct input){ net6, sizeof net6 };
		route(w, &part);
	}
}

void world_free(struct world *w)
{
	for (int i = 0; i < SAS; i++)
		if (w->sas[i].handle)
			esp_clear(&w->sas[i].peer);
	fp_free(w->fp);
	free(w->mem);
}
