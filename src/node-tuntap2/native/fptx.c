/* Towards the peer: IP packet > PPP > L2TP > UDP > ESP, in the order of a packet's way. */
#include "fastpath.h"
#include "ip.h"

#define UDP 17
#define UDP_HEADER 8
#define L2TP_PLAIN 0x0002 /* version 2; RFC 2661 3.1: no Length, no Offset */
#define L2TP_WITH_NS 0x0802

struct packet {
	struct tt_fp *fp;
	uint32_t *meta;
	uint8_t *addr; /* entry, filled when it leaves */
	uint8_t *slot; /* where it begins */
	uint8_t *p;
	size_t len;
};

/* False: dropped, and counted. */
static bool open_slot(struct tt_fp *fp, const struct tt_ring *r, uint32_t i, struct packet *pkt);
static bool tx_ip(struct packet *pkt, const struct tt_dev *dev);
static bool tx_call(struct packet *pkt, struct tt_call *c);
static bool push_l2tp(struct packet *pkt, const struct tt_call *c);
static bool tx_udp(struct packet *pkt, const struct tt_flow *f, uint16_t lport, uint16_t rport);
static bool seal(struct packet *pkt, const struct tt_flow *f, uint16_t lport, uint16_t rport);
static uint16_t udp6_checksum(const struct tt_flow_params *f, const uint8_t *udp, size_t len);
static bool drop(struct packet *pkt, enum tt_drop why);

int fp_tx(struct tt_fp *fp, uint32_t dev, struct tt_ring *r, uint32_t n)
{
	const struct tt_dev *d = fp_dev(fp, dev);
	struct packet pkt;
	int left = 0;

	for (uint32_t i = 0; i < n; i++)
		if (open_slot(fp, r, i, &pkt))
			left += tx_ip(&pkt, d);
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
	for (uint32_t i = 0; i < n; i++)
		left += fp_tx_frame(fp, c, r, i);
	return left;
}

bool fp_tx_frame(struct tt_fp *fp, struct tt_call *c, struct tt_ring *r, uint32_t i)
{
	struct packet pkt;

	return open_slot(fp, r, i, &pkt) && tx_call(&pkt, c);
}

int fp_tx_control(struct tt_fp *fp, uint32_t flow, uint16_t lport, uint16_t rport, struct tt_ring *r, uint32_t n)
{
	const struct tt_flow *f = pool_get(&fp->flows, flow);
	struct packet pkt;
	int left = 0;

	if (!f) {
		fp->why = "flow: no such handle";
		return -1;
	}
	for (uint32_t i = 0; i < n; i++)
		if (open_slot(fp, r, i, &pkt))
			left += tx_udp(&pkt, f, lport, rport);
	return left;
}

/* False: there is nothing to do, as it is empty; one that was cut while reading is counted once. */
static bool open_slot(struct tt_fp *fp, const struct tt_ring *r, uint32_t i, struct packet *pkt)
{
	uint32_t *meta = r->meta + i * TT_META;

	*pkt = (struct packet){
		.fp = fp,
		.meta = meta,
		.addr = r->addr + (size_t)i * TT_ADDR,
		.slot = r->mem + (size_t)i * TT_SLOT,
		.len = meta[TT_LEN],
	};
	if (pkt->len) {
		pkt->p = r->mem + meta[TT_OFF]; /* what an empty slot says of its place has not been checked */
		return true;
	}
	if (meta[TT_KIND] == TT_K_TRUNCATED)
		drop(pkt, D_RX_TRUNCATED);
	return false;
}

static size_t headroom(const struct packet *pkt)
{
	return (size_t)(pkt->p - pkt->slot);
}

static size_t tailroom(const struct packet *pkt)
{
	return TT_SLOT - headroom(pkt) - pkt->len;
}

/* NULL: no room for n bytes in front. */
static uint8_t *push(struct packet *pkt, size_t n)
{
	if (headroom(pkt) < n)
		return NULL;
	pkt->p -= n;
	pkt->len += n;
	return pkt->p;
}

static bool tx_ip(struct packet *pkt, const struct tt_dev *dev)
{
	bool six = pkt->p[0] >> 4 == 6;
	size_t bytes = pkt->len = six ? ip6_length(pkt->p, pkt->len) : ip4_length(pkt->p, pkt->len);
	struct tt_call *c;

	if (!bytes)
		return drop(pkt, D_IP_BAD);
	c = dev ? pool_get(&pkt->fp->calls, fp_lookup(pkt->fp, dev, pkt->p + (six ? 24 : 16), six ? 16 : 4)) : NULL;
	if (!c)
		return drop(pkt, D_IP_NO_SESSION);
	if (!(six ? c->p.ip6 : c->p.ip))
		return drop(pkt, D_IP_NOT_OPEN);
	if (!fp_within(&c->out, bytes))
		return drop(pkt, D_RATE_OUT);
	if (c->p.clamp)
		(six ? ip6_clamp : ip4_clamp)(pkt->p, pkt->len, c->p.clamp);
	/* TypeScript compresses, encrypts or cuts it first */
	if (c->p.all_up || (c->p.passes && bytes > c->p.passes)) {
		pkt->meta[TT_LEN] = (uint32_t)pkt->len;
		pkt->meta[TT_KIND] = TT_K_UP_IP;
		pkt->meta[TT_REF] = c->obj.handle;
		return false;
	}
	if (!push(pkt, c->p.ppp_len))
		return drop(pkt, D_IP_TOO_BIG);
	memcpy(pkt->p, c->p.ppp, c->p.ppp_len);
	if (six && c->p.ppp_len)
		pkt->p[c->p.ppp_len - 1] = PPP_IP6; /* the header differs in its last byte alone */
	if (!tx_call(pkt, c))
		return false;
	c->tx_packets++;
	c->tx_bytes += bytes;
	return true;
}

static bool tx_call(struct packet *pkt, struct tt_call *c)
{
	if (!c->p.pcall || !c->p.ptunnel)
		return drop(pkt, D_TX_NO_PEER);
	if (!push_l2tp(pkt, c))
		return drop(pkt, D_IP_TOO_BIG);
	if (!tx_udp(pkt, pool_get(&pkt->fp->flows, c->p.flow), c->p.lport, c->p.rport))
		return false;
	if (c->p.sequencing)
		c->ns++;
	return true;
}

/* RFC 2661 3.1: Ns when asked for. */
static bool push_l2tp(struct packet *pkt, const struct tt_call *c)
{
	if (!push(pkt, c->p.sequencing ? 10 : 6))
		return false;
	wr16(pkt->p, c->p.sequencing ? L2TP_WITH_NS : L2TP_PLAIN);
	wr16(pkt->p + 2, c->p.ptunnel);
	wr16(pkt->p + 4, c->p.pcall);
	if (c->p.sequencing) {
		wr16(pkt->p + 6, c->ns);
		wr16(pkt->p + 8, 0);
	}
	return true;
}

/* UDP and ESP unless it goes in the clear, and the address to send to. */
static bool tx_udp(struct packet *pkt, const struct tt_flow *f, uint16_t lport, uint16_t rport)
{
	static const uint32_t kinds[] = {
		[ENCAP_UDP] = TT_K_UDP4500,
		[ENCAP_ESP] = TT_K_RAW50,
		[ENCAP_CLEAR] = TT_K_UDP1701,
	};

	memset(pkt->addr, 0, TT_ADDR);
	pkt->addr[TT_A_FAMILY] = f->p.alen == 4 ? 4 : 6;
	memcpy(pkt->addr + TT_A_REMOTE, f->p.remote, f->p.alen);
	memcpy(pkt->addr + TT_A_LOCAL, f->p.local, f->p.alen);
	if (f->p.encap != ENCAP_ESP) {
		wr16(pkt->addr + TT_A_RPORT, f->p.rport);
		wr16(pkt->addr + TT_A_LPORT, f->p.lport);
	}
	if (f->p.encap != ENCAP_CLEAR && !seal(pkt, f, lport, rport))
		return false;
	pkt->meta[TT_OFF] += (uint32_t)(pkt->p - (pkt->slot + pkt->meta[TT_OFF] % TT_SLOT));
	pkt->meta[TT_LEN] = (uint32_t)pkt->len;
	pkt->meta[TT_KIND] = kinds[f->p.encap];
	pkt->meta[TT_REF] = 0;
	return true;
}

static bool seal(struct packet *pkt, const struct tt_flow *f, uint16_t lport, uint16_t rport)
{
	struct tt_sa *s = f->sa_out ? pool_get(&pkt->fp->sas, f->sa_out) : NULL;
	uint8_t *sealed;
	size_t payload;

	if (!s)
		return drop(pkt, D_TX_NO_SA);
	if ((s->hard_packets && s->packets >= s->hard_packets) || (s->hard_bytes && s->bytes >= s->hard_bytes))
		return drop(pkt, D_ESP_LIMIT);
	if (s->seq == 0xffffffff)
		return drop(pkt, D_ESP_SEQ_EXHAUSTED);
	if (!push(pkt, UDP_HEADER))
		return drop(pkt, D_IP_TOO_BIG);
	wr16(pkt->p, lport);
	wr16(pkt->p + 2, rport);
	wr16(pkt->p + 4, (uint32_t)pkt->len);
	wr16(pkt->p + 6, 0);
	if (f->p.alen == 16)
		wr16(pkt->p + 6, udp6_checksum(&f->p, pkt->p, pkt->len));
	payload = pkt->len;
	sealed = esp_seal(s->esp, s->spi, s->seq + 1, UDP, pkt->p, &pkt->len, headroom(pkt), tailroom(pkt));
	if (!sealed)
		return drop(pkt, D_IP_TOO_BIG);
	pkt->p = sealed;
	s->seq++;
	s->packets++;
	s->bytes += payload;
	return true;
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

static bool drop(struct packet *pkt, enum tt_drop why)
{
	pkt->fp->drops[why]++;
	pkt->meta[TT_LEN] = 0;
	pkt->meta[TT_KIND] = TT_K_NONE;
	return false;
}
