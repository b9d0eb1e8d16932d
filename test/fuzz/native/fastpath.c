/*
 * libFuzzer's target for the fast path: configuration in any order, packets of both directions, sealed with the right
 * keys so that what is inside is hostile too. Promises that are looked at after every packet: it lies in its slot; a
 * sequence number is taken once and inside the window; what does not authenticate goes nowhere; a packet reaches the
 * TUN by a call of its own flow, from a source that is this call's; what leaves carries what came in, to the peer of
 * the call that has the destination.
 */
#include "packets.h"
#include <sanitizer/asan_interface.h>

#define TEXT_AT (TT_HEAD + 24) /* of plaintext in its slot */
#define TEXT_MOST 700

/* ---- inbound ---- */

static void from(uint8_t *a, const struct tt_flow_params *p, uint32_t twist)
{
	memset(a, 0, TT_ADDR);
	a[TT_A_FAMILY] = p->alen == 4 ? 4 : 6;
	memcpy(a + TT_A_REMOTE, p->remote, p->alen);
	memcpy(a + TT_A_LOCAL, p->local, p->alen);
	wr16(a + TT_A_RPORT, p->rport);
	wr16(a + TT_A_LPORT, p->encap == ENCAP_CLEAR ? 1701 : p->lport);
	if (twist & 1)
		a[TT_A_REMOTE + (twist >> 2) % 16] ^= 1;
	if (twist & 2)
		a[TT_A_RPORT + 1] ^= 1;
}

/* ff02::2 and ff02::1:2 */
static bool to_router(const uint8_t *ip)
{
	static const uint8_t to[2][16] = { { 0xff, 2, [15] = 2 }, { 0xff, 2, [13] = 1, [15] = 2 } };

	return !memcmp(ip, to[0], 16) || !memcmp(ip, to[1], 16);
}

static struct m_call *call_of(struct world *w, uint32_t handle)
{
	for (int i = 0; i < CALLS; i++)
		if (w->calls[i].handle && w->calls[i].handle == handle)
			return &w->calls[i];
	return NULL;
}

/*
 * What came out of fp_rx. `text`: what was inside, `from_slot` where it began; NULL: it did not authenticate. `user`
 * -1: in the clear.
 */
static void verdict(struct world *w, int user, const uint8_t *text, size_t n, size_t from_slot, const uint8_t *a)
{
	const uint32_t *m = w->ring.meta;
	const uint8_t *p = w->mem + m[TT_OFF];
	size_t at = m[TT_OFF] - from_slot;
	struct m_call *c;

	CHECK(!tt_ring_check(&w->ring, 1));
	if (!m[TT_LEN])
		return;
	if (m[TT_KIND] == TT_K_UP_IKE)
		return;
	CHECK(text); /* nobody else reaches anything */
	CHECK(m[TT_OFF] >= from_slot && at + m[TT_LEN] <= n);
	if (m[TT_KIND] == TT_K_UP_L2TP) {
		CHECK(m[TT_REF] == (user < 0 ? 0 : w->users[user].flow) && p[0] & 0x80 &&
		      !memcmp(p, text + at, m[TT_LEN]));
		return;
	}
	if (m[TT_KIND] != TT_K_TUN) {
		CHECK(m[TT_KIND] == TT_K_UP_FRAME || m[TT_KIND] == TT_K_UP_DATA);
		c = call_of(w, m[TT_REF]);
		CHECK(c && !memcmp(p, text + at, m[TT_LEN]));
	} else {
		bool six = p[0] >> 4 == 6;
		size_t size = six ? 16 : 4, changed = 0;
		uint64_t counts[4];

		c = NULL;
		for (int i = 0; i < CALLS; i++) {
			if (!w->calls[i].handle)
				continue;
			CHECK(fp_call_counters(w->fp, w->calls[i].handle, counts) == 0);
			if (counts[0] == w->calls[i].rx)
				continue;
			CHECK(!c && counts[0] == w->calls[i].rx + 1);
			c = &w->calls[i];
			c->rx++;
		}
		CHECK(c && m[TT_REF] == c->p.dev && (six ? c->p.ip6 : c->p.ip));
		CHECK(!six || !c->p.check_source || !to_router(p + 24));
		CHECK((six ? ip6_length(p, m[TT_LEN]) : ip4_length(p, m[TT_LEN])) == m[TT_LEN]);
		CHECK(!c->p.check_source || world_lookup(w, c->p.dev, p + (six ? 8 : 12), size) == c - w->calls);
		for (size_t i = 0; i < m[TT_LEN]; i++)
			changed += p[i] != text[at + i];
		CHECK(changed <= (c->p.clamp ? 20u : 0u)); /* options and checksum of a SYN */
	}
	if (user >= 0) {
		CHECK(c->user == user);
	} else {
		const struct tt_flow_params *f = &w->users[c->user].p;

		CHECK(f->encap == ENCAP_CLEAR && !memcmp(a + TT_A_REMOTE, f->remote, f->alen) &&
		      rd16(a + TT_A_RPORT) == f->rport);
	}
}

static void slot(struct world *w, size_t at, size_t n)
{
	uint32_t *m = w->ring.meta;

	m[TT_OFF] = (uint32_t)at;
	m[TT_LEN] = (uint32_t)n;
	m[TT_KIND] = m[TT_REF] = 0;
}

/* Nothing behind the packet may be looked at. */
static void receive(struct world *w, enum tt_origin origin)
{
	const uint8_t *end = w->mem + (w->ring.meta[TT_LEN] ? w->ring.meta[TT_OFF] + w->ring.meta[TT_LEN] : 0);
	size_t n = (size_t)(w->mem + TT_SLOT - end);

	ASAN_POISON_MEMORY_REGION(end, n);
	fp_rx(w->fp, origin, &w->ring, 1);
	ASAN_UNPOISON_MEMORY_REGION(end, n);
}

static void rx_clear(struct world *w, struct input *in)
{
	const struct m_call *c = &w->calls[take8(in) % CALLS];
	uint8_t text[TT_SLOT], a[TT_ADDR];
	size_t n = l2tp_packet(in, c, w->mem + TEXT_AT, TEXT_MOST);

	from(w->ring.addr, &w->users[c->user].p, take8(in));
	memcpy(text, w->mem + TEXT_AT, n);
	memcpy(a, w->ring.addr, sizeof a);
	slot(w, TEXT_AT, n);
	receive(w, ORIGIN_UDP1701);
	verdict(w, -1, text, n, TEXT_AT, a);
}

/* Bytes that nobody sealed. */
static void rx_any(struct world *w, struct input *in)
{
	enum tt_origin origin = take8(in) & 1 ? ORIGIN_UDP4500 : ORIGIN_RAW50;
	size_t n = take(in, w->mem + TEXT_AT, take8(in));

	from(w->ring.addr, &w->users[0].p, 0);
	slot(w, TEXT_AT, n);
	if (!n && take8(in) & 1)
		w->ring.meta[TT_KIND] = TT_K_TRUNCATED;
	receive(w, origin);
	verdict(w, -1, NULL, 0, TEXT_AT, w->ring.addr);
}

static void rx_sealed(struct world *w, struct input *in)
{
	struct m_sa *s = &w->sas[take8(in) % SAS];
	const struct tt_flow_params *f;
	struct tt_sa *real;
	uint32_t b = take8(in), twist = take8(in), seq;
	enum tt_origin origin;
	uint8_t text[TT_SLOT], a[TT_ADDR], *p = w->mem + TEXT_AT;
	size_t n, len, pad;
	bool known, fits, authentic = !(b & 8), shaped;

	if (!s->handle || !s->inbound || s->nseen == SEEN)
		return;
	f = &w->users[s->user].p;
	n = udp_packet(in, &w->calls[b >> 4 & 7 ? (b >> 4) % CALLS : s->user], p, TEXT_MOST);
	pad = (s->peer.align - (n + 2) % s->peer.align) % s->peer.align + (twist & 0x10 ? s->peer.align : 0);
	for (size_t i = 0; i < pad; i++)
		p[n + i] = (uint8_t)(i + 1);
	p[n + pad] = (uint8_t)pad;
	p[n + pad + 1] = twist & 0x20 ? (uint8_t)take8(in) : UDP;
	if (twist & 0x40)
		p[n + take8(in) % (pad + 1)] = (uint8_t)take8(in);
	n += pad + 2;
	if (twist & 0x80 && !(s->peer.cipher && !s->peer.aead))
		n = take8(in) % (n + 1); /* no whole blocks, or nothing */
	memcpy(text, p, n);
	seq = b & 1 ? s->top + 1 + take8(in) :
	      b & 2 ? s->top - take8(in) :
	      b & 4 ? take32(in) :
		      s->top + s->window - take8(in);
	p = seal_text(&s->peer, s->spi, seq, p, n, &len);
	known = true;
	if (!authentic) {
		size_t at = take16(in) % len;

		p[at] ^= (uint8_t)(1 << (b >> 5));
		known = at >= 4;
		seq = rd32(p + 4);
	}
	origin = f->encap == ENCAP_ESP ? ORIGIN_RAW50 : ORIGIN_UDP4500;
	if ((twist & 0x0c) == 0x0c)
		origin ^= 1;
	from(w->ring.addr, f, twist & 3 ? twist : 0);
	memcpy(a, w->ring.addr, sizeof a);
	fits = origin == ORIGIN_RAW50 ? f->encap == ENCAP_ESP && !memcmp(a + TT_A_REMOTE, f->remote, f->alen) :
					f->encap == ENCAP_UDP;
	shaped = n >= 2 && n % s->peer.align == 0;
	slot(w, (size_t)(p - w->mem), len);
	real = pool_get(&w->fp->sas, s->handle);
	if (known && fits && shaped && authentic && !model_spent(s) && model_fresh(s, seq)) {
		bool padded = text[n - 2] + 2u <= n;

		for (size_t i = 0; padded && i < text[n - 2]; i++)
			padded = text[n - 2 - text[n - 2] + i] == i + 1;
		model_mark(s, seq);
		if (padded) {
			s->packets++;
			s->bytes += n - 2 - text[n - 2];
		}
		n = padded ? n - 2 - text[n - 2] : 0;
	} else {
		n = 0;
	}
	receive(w, origin);
	verdict(w, s->user, n ? text : NULL, n, TEXT_AT, a);
	CHECK(real->replay.top == s->top && real->packets == s->packets && real->bytes == s->bytes);
}

/* ---- outbound ---- */

static uint32_t sum_of(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? 0 : sum;
}

/* An IP packet after the clamp: nothing but the MSS and the checksum differ, and a sum that was right still is. */
static void clamped(const uint8_t *before, const uint8_t *p, size_t n, uint32_t clamp)
{
	size_t header = p[0] >> 4 == 6 ? 40 : (p[0] & 15) * 4u;

	CHECK(!memcmp(before, p, header < n ? header : n));
	if (!clamp || n < header + 20)
		CHECK(!memcmp(before, p, n));
	else
		CHECK(sum_of(before + header, n - header) == sum_of(p + header, n - header));
}

/* What left by `user`, opened as its peer would; returns what is behind UDP. */
static uint8_t *opened(struct world *w, int user, uint16_t lport, uint16_t rport, size_t *n)
{
	struct m_user *u = &w->users[user];
	const uint32_t *m = w->ring.meta;
	const uint8_t *a = w->ring.addr;
	uint8_t *p = w->mem + m[TT_OFF], *out, next;
	struct m_sa *s;
	size_t len;

	CHECK(a[TT_A_FAMILY] == (u->p.alen == 4 ? 4 : 6));
	CHECK(!memcmp(a + TT_A_REMOTE, u->p.remote, u->p.alen) && !memcmp(a + TT_A_LOCAL, u->p.local, u->p.alen));
	*n = m[TT_LEN];
	if (u->p.encap == ENCAP_CLEAR) {
		CHECK(m[TT_KIND] == TT_K_UDP1701);
		return p;
	}
	CHECK(m[TT_KIND] == (u->p.encap == ENCAP_UDP ? TT_K_UDP4500 : TT_K_RAW50) && u->out >= 0);
	s = &w->sas[u->out];
	CHECK(!model_spent(s) && rd32(p) == s->spi && rd32(p + 4) == ++s->seq && s->seq);
	CHECK(open_packet(&s->peer, p, m[TT_LEN], &out, &len, &next) == ESP_OK && next == UDP && len >= 8);
	CHECK(rd16(out) == lport && rd16(out + 2) == rport && rd16(out + 4) == len);
	s->packets++;
	s->bytes += len;
	*n = len - 8;
	return out + 8;
}

static uint8_t *l2tp_opened(struct world *w, const struct m_call *c, size_t *n)
{
	uint8_t *p = opened(w, c->user, c->p.lport, c->p.rport, n);
	size_t header = c->p.sequencing ? 10 : 6;

	CHECK(*n >= header && rd16(p) == (c->p.sequencing ? 0x0802 : 2) && rd16(p + 2) == c->p.ptunnel &&
	      rd16(p + 4) == c->p.pcall);
	*n -= header;
	return p + header;
}

static void tx_ip_packet(struct world *w, struct input *in)
{
	uint32_t dev = 1 + (take8(in) & 1), b = take8(in);
	/* anywhere in its slot, so that room ends at either side */
	size_t at = b & 1 ? TT_HEAD : take16(in) % (TT_SLOT - TEXT_MOST), n = ip_packet(in, w->mem + at, TEXT_MOST),
	       len;
	uint8_t before[TT_SLOT], *p;
	struct m_call *c;
	bool six;
	int want;

	if (b & 2) { /* as long as may be */
		memmove(w->mem + TT_SLOT - n, w->mem + at, n);
		at = TT_SLOT - n;
	}
	memcpy(before, w->mem + at, n);
	slot(w, at, n);
	fp_tx(w->fp, dev, &w->ring, 1);
	CHECK(!tt_ring_check(&w->ring, 1));
	if (!w->ring.meta[TT_LEN])
		return;
	six = before[0] >> 4 == 6;
	want = world_lookup(w, dev, before + (six ? 24 : 16), six ? 16 : 4);
	CHECK(want >= 0);
	c = &w->calls[want];
	CHECK(six ? c->p.ip6 : c->p.ip);
	if (w->ring.meta[TT_KIND] == TT_K_UP_IP) {
		CHECK((c->p.all_up || (c->p.passes && w->ring.meta[TT_LEN] > c->p.passes)) &&
		      w->ring.meta[TT_REF] == c->handle);
		p = w->mem + w->ring.meta[TT_OFF];
		len = w->ring.meta[TT_LEN];
	} else {
		CHECK(!c->p.all_up);
		p = l2tp_opened(w, c, &len);
		CHECK(len >= c->p.ppp_len && p[c->p.ppp_len - 1] == (six ? PPP_IP6 : PPP_IP) &&
		      !memcmp(p, c->p.ppp, c->p.ppp_len - 1));
		p += c->p.ppp_len;
		len -= c->p.ppp_len;
	}
	CHECK(len == (six ? ip6_length(before, n) : ip4_length(before, n)));
	clamped(before, p, len, c->p.clamp);
}

static void tx_frame(struct world *w, struct input *in)
{
	struct m_call *c = &w->calls[take8(in) % CALLS];
	size_t n = take(in, w->mem + TT_HEAD, take8(in)), len;
	uint8_t before[256], *p;
	int r;

	memcpy(before, w->mem + TT_HEAD, n);
	slot(w, TT_HEAD, n);
	w->ring.meta[TT_KIND] = take8(in) & 1 ? TT_K_TRUNCATED : 0;
	r = fp_tx_frames(w->fp, c->handle, &w->ring, 1);
	CHECK((r >= 0) == (c->handle != 0));
	if (r <= 0 || !w->ring.meta[TT_LEN])
		return;
	p = l2tp_opened(w, c, &len);
	CHECK(len == n && !memcmp(p, before, n));
}

static void tx_control(struct world *w, struct input *in)
{
	int user = (int)(take8(in) % USERS);
	size_t n = take(in, w->mem + TT_HEAD, take8(in)), len;
	uint16_t lport = (uint16_t)take16(in), rport = (uint16_t)take16(in);
	uint8_t before[256], *p;
	int r;

	memcpy(before, w->mem + TT_HEAD, n);
	slot(w, TT_HEAD, n);
	r = fp_tx_control(w->fp, w->users[user].flow, lport, rport, &w->ring, 1);
	CHECK((r >= 0) == (w->users[user].flow != 0));
	if (r <= 0 || !w->ring.meta[TT_LEN])
		return;
	p = opened(w, user, lport, rport, &len);
	CHECK(len == n && !memcmp(p, before, n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct world w;

	world_init(&w, &in);
	while (in.n) {
		switch (take8(&in) % 10) {
		case 0:
		case 1:
		case 2:
			rx_sealed(&w, &in);
			break;
		case 3:
			rx_clear(&w, &in);
			break;
		case 4:
			rx_any(&w, &in);
			break;
		case 5:
		case 6:
			tx_ip_packet(&w, &in);
			break;
		case 7:
			tx_frame(&w, &in);
			break;
		case 8:
			tx_control(&w, &in);
			break;
		case 9:
			world_configure(&w, &in);
			break;
		}
	}
	world_free(&w);
	return 0;
}
