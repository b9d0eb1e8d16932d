/* Towards the peer: IP packet > PPP > L2TP > UDP > ESP. The functions are in the order of a packet's way. */
#include "fastpath.h"

#define TCP 6
#define UDP 17
#define SYN 0x02
#define IP6_HEADER 40u
#define NO_NEXT_HEADER 59

struct pkt {
	uint8_t *begin; /* of the slot */
	uint8_t *p;
	size_t len;
};
static size_t headroom(const struct pkt *k)
{
	return (size_t)(k->p - k->begin);
}
static size_t tailroom(const struct pkt *k)
{
	return TT_SLOT - headroom(k) - k->len;
}

size_t ip4_length(const uint8_t *p, size_t len)
{
	size_t header, total;

	if (len < 20 || p[0] >> 4 != 4)
		return 0;
	header = (p[0] & 15) * 4u;
	total = rd16(p + 2);
	return header >= 20 && total >= header && total <= len ? total : 0;
}

size_t ip6_length(const uint8_t *p, size_t len)
{
	size_t total;

	if (len < IP6_HEADER || p[0] >> 4 != 6)
		return 0;
	total = IP6_HEADER + rd16(p + 4);
	if (total == IP6_HEADER && p[6] != NO_NEXT_HEADER)
		return 0; /* its length would be in a jumbo payload option (RFC 2675) */
	return total <= len ? total : 0;
}

static void tcp_clamp(uint8_t *tcp, size_t len, uint32_t mss)
{
	size_t at, end;

	if (len < 20 || !(tcp[13] & SYN))
		return;
	end = (tcp[12] >> 4) * 4u;
	if (end > len)
		return;
	for (at = 20; at < end;) {
		uint8_t kind = tcp[at], size;

		if (kind == 0)
			return;
		if (kind == 1) {
			at++;
			continue;
		}
		if (at + 2 > end || (size = tcp[at + 1]) < 2 || at + size > end)
			return;
		if (kind == 2 && size == 4 && rd16(tcp + at + 2) > mss) {
			/* At an odd offset the two bytes belong to different words of the sum: each word changes by itself. */
			uint32_t sum = (uint16_t)~rd16(tcp + 16);
			size_t odd = at & 1, first = at + 2 - odd, last = at + 2 + odd;

			for (size_t w = first; w <= last; w += 2)
				sum += (uint16_t)~rd16(tcp + w); /* RFC 1624 eqn. 3: HC' = ~(~HC + ~m + m') */
			wr16(tcp + at + 2, mss);
			for (size_t w = first; w <= last; w += 2)
				sum += rd16(tcp + w);
			sum = (sum & 0xffff) + (sum >> 16);
			sum = (sum & 0xffff) + (sum >> 16);
			wr16(tcp + 16, (uint16_t)~sum);
		}
		at += size;
	}
}

void ip4_clamp(uint8_t *p, size_t len, uint32_t mss)
{
	size_t header = (p[0] & 15) * 4u;

	if (p[9] == TCP && !(rd16(p + 6) & 0x1fff))
		tcp_clamp(p + header, len - header, mss);
}

/* Behind extension headers TCP is left alone, as everybody does. */
void ip6_clamp(uint8_t *p, size_t len, uint32_t mss)
{
	if (p[6] == TCP)
		tcp_clamp(p + IP6_HEADER, len - IP6_HEADER, mss > IP6_HEADER - 20 ? mss - (IP6_HEADER - 20) : 0);
}

static uint32_t sum_words(const uint8_t *p, size_t n, uint32_t sum)
{
	for (; n > 1; p += 2, n -= 2)
		sum += rd16(p);
	return n ? sum + ((uint32_t)p[0] << 8) : sum;
}

/* RFC 8200 8.1: over IPv6 the checksum is not optional; in transport mode the pseudo-header has the outer addresses. */
static uint16_t udp6_checksum(const struct tt_flow_params *f, const uint8_t *udp, size_t len)
{
	uint32_t sum = sum_words(f->local, 16, sum_words(f->remote, 16, UDP + (uint32_t)len));

	sum = sum_words(udp, len, sum);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? 0xffff : (uint16_t)~sum;
}

static bool drop(struct tt_fp *fp, uint32_t *meta, enum tt_drop why)
{
	fp->drops[why]++;
	meta[TT_LEN] = 0;
	meta[TT_KIND] = TT_K_NONE;
	return false;
}

/* UDP and ESP, and the address to send to. */
static bool leave(struct tt_fp *fp, struct tt_flow *f, struct pkt *k, uint16_t lport, uint16_t rport, uint32_t *meta, uint8_t *a)
{
	struct tt_sa *s;
	uint8_t *sealed;
	size_t payload;

	memset(a, 0, TT_ADDR);
	a[TT_A_FAMILY] = f->p.alen == 4 ? 4 : 6;
	memcpy(a + TT_A_REMOTE, f->p.remote, f->p.alen);
	memcpy(a + TT_A_LOCAL, f->p.local, f->p.alen);
	if (f->p.encap != ENCAP_ESP) {
		wr16(a + TT_A_RPORT, f->p.rport);
		wr16(a + TT_A_LPORT, f->p.lport);
	}
	if (f->p.encap != ENCAP_CLEAR) {
		s = f->sa_out ? pool_get(&fp->sas, f->sa_out) : NULL;
		if (!s)
			return drop(fp, meta, D_TX_NO_SA);
		if ((s->hard_packets && s->packets >= s->hard_packets) || (s->hard_bytes && s->bytes >= s->hard_bytes))
			return drop(fp, meta, D_ESP_LIMIT);
		if (s->seq == 0xffffffff)
			return drop(fp, meta, D_ESP_SEQ_EXHAUSTED);
		if (headroom(k) < 8)
			return drop(fp, meta, D_IP_TOO_BIG);
		k->p -= 8;
		k->len += 8;
		wr16(k->p, lport);
		wr16(k->p + 2, rport);
		wr16(k->p + 4, (uint32_t)k->len);
		wr16(k->p + 6, 0);
		if (f->p.alen == 16)
			wr16(k->p + 6, udp6_checksum(&f->p, k->p, k->len));
		payload = k->len;
		sealed = esp_seal(s->esp, s->spi, s->seq + 1, UDP, k->p, &k->len, headroom(k), tailroom(k));
		if (!sealed)
			return drop(fp, meta, D_IP_TOO_BIG);
		k->p = sealed;
		s->seq++;
		s->packets++;
		s->bytes += payload;
	}
	meta[TT_OFF] += (uint32_t)(k->p - (k->begin + meta[TT_OFF] % TT_SLOT));
	meta[TT_LEN] = (uint32_t)k->len;
	meta[TT_KIND] = f->p.encap == ENCAP_UDP ? TT_K_UDP4500 : f->p.encap == ENCAP_ESP ? TT_K_RAW50 : TT_K_UDP1701;
	meta[TT_REF] = 0;
	return true;
}

/* RFC 2661 3.1: no Length, no Offset; Ns when asked for. */
static bool push_l2tp(struct tt_call *c, struct pkt *k)
{
	size_t n = c->p.sequencing ? 10 : 6;

	if (headroom(k) < n)
		return false;
	k->p -= n;
	k->len += n;
	wr16(k->p, c->p.sequencing ? 0x0802 : 0x0002);
	wr16(k->p + 2, c->p.ptunnel);
	wr16(k->p + 4, c->p.pcall);
	if (c->p.sequencing) {
		wr16(k->p + 6, c->ns);
		wr16(k->p + 8, 0);
	}
	return true;
}

static bool tx_call(struct tt_fp *fp, struct tt_call *c, struct pkt *k, uint32_t *meta, uint8_t *a)
{
	if (!c->p.pcall || !c->p.ptunnel)
		return drop(fp, meta, D_TX_NO_PEER);
	if (!push_l2tp(c, k))
		return drop(fp, meta, D_IP_TOO_BIG);
	if (!leave(fp, pool_get(&fp->flows, c->p.flow), k, c->p.lport, c->p.rport, meta, a))
		return false;
	if (c->p.sequencing)
		c->ns++;
	return true;
}

/* Of a slot that is not empty: what an empty one says of its place has not been checked. */
static struct pkt packet(struct tt_ring *r, uint32_t i)
{
	const uint32_t *meta = r->meta + i * TT_META;

	return (struct pkt){ r->mem + (size_t)i * TT_SLOT, r->mem + meta[TT_OFF], meta[TT_LEN] };
}

/* Nothing to do for a slot that is empty; one that was cut while reading is counted once. */
static bool empty(struct tt_fp *fp, uint32_t *meta)
{
	if (meta[TT_LEN])
		return false;
	if (meta[TT_KIND] == TT_K_TRUNCATED)
		drop(fp, meta, D_RX_TRUNCATED);
	return true;
}

static bool tx_ip(struct tt_fp *fp, const struct tt_dev *dev, struct tt_ring *r, uint32_t i)
{
	uint32_t *meta = r->meta + i * TT_META;
	struct pkt k = packet(r, i);
	struct tt_call *c;
	bool six = k.p[0] >> 4 == 6;
	size_t bytes = k.len = six ? ip6_length(k.p, k.len) : ip4_length(k.p, k.len);

	if (!bytes)
		return drop(fp, meta, D_IP_BAD);
	c = dev ? pool_get(&fp->calls, fp_lookup(fp, dev, k.p + (six ? 24 : 16), six ? 16 : 4)) : NULL;
	if (!c)
		return drop(fp, meta, D_IP_NO_SESSION);
	if (!(six ? c->p.ip6 : c->p.ip))
		return drop(fp, meta, D_IP_NOT_OPEN);
	if (c->p.clamp)
		(six ? ip6_clamp : ip4_clamp)(k.p, k.len, c->p.clamp);
	if (c->p.all_up) { /* TypeScript compresses or encrypts it first */
		meta[TT_LEN] = (uint32_t)k.len;
		meta[TT_KIND] = TT_K_UP_IP;
		meta[TT_REF] = c->obj.handle;
		return false;
	}
	if (headroom(&k) < c->p.ppp_len)
		return drop(fp, meta, D_IP_TOO_BIG);
	k.p -= c->p.ppp_len;
	k.len += c->p.ppp_len;
	memcpy(k.p, c->p.ppp, c->p.ppp_len);
	if (six && c->p.ppp_len)
		k.p[c->p.ppp_len - 1] = PPP_IP6; /* the header differs in its last byte alone */
	if (!tx_call(fp, c, &k, meta, r->addr + (size_t)i * TT_ADDR))
		return false;
	c->tx_packets++;
	c->tx_bytes += bytes;
	return true;
}

int fp_tx(struct tt_fp *fp, uint32_t dev, struct tt_ring *r, uint32_t n)
{
	const struct tt_dev *d = fp_dev(fp, dev);
	int left = 0;

	for (uint32_t i = 0; i < n; i++)
		if (!empty(fp, r->meta + i * TT_META))
			left += tx_ip(fp, d, r, i);
	return left;
}

int fp_tx_frames(struct tt_fp *fp, uint32_t call, struct tt_ring *r, uint32_t n)
{
	struct tt_call *c = pool_get(&fp->calls, call);
	int left = 0;

	if (!c) {
		fp->why = "call: no such handle";
		return -1;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct pkt k;

		if (empty(fp, r->meta + i * TT_META))
			continue;
		k = packet(r, i);
		left += tx_call(fp, c, &k, r->meta + i * TT_META, r->addr + (size_t)i * TT_ADDR);
	}
	return left;
}

int fp_tx_control(struct tt_fp *fp, uint32_t flow, uint16_t lport, uint16_t rport, struct tt_ring *r, uint32_t n)
{
	struct tt_flow *f = pool_get(&fp->flows, flow);
	int left = 0;

	if (!f) {
		fp->why = "flow: no such handle";
		return -1;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct pkt k;

		if (empty(fp, r->meta + i * TT_META))
			continue;
		k = packet(r, i);
		left += leave(fp, f, &k, lport, rport, r->meta + i * TT_META, r->addr + (size_t)i * TT_ADDR);
	}
	return left;
}
