/* From the peer: ESP > UDP > L2TP > PPP > IP packet, in the order of a packet's way. */
#include "fastpath.h"
#include "ip.h"

#define UDP 17
#define L2TP_T 0x8000
#define L2TP_L 0x4000
#define L2TP_S 0x0800
#define L2TP_O 0x0200
#define L2TP_VERSION 0x000f
#define LCP_ECHO_REQUEST 9
#define LCP_ECHO_REPLY 10
#define LCP_ECHO 8 /* bytes: code, identifier, length, magic number */

struct packet {
	struct tt_fp *fp;
	struct tt_ring *ring;
	uint32_t i; /* slot */
	uint32_t *meta;
	uint8_t *addr;	     /* entry */
	const uint8_t *slot; /* where it begins */
	uint8_t *p;
	size_t len;
	uint32_t flow;	       /* handle, 0: in the clear */
	uint16_t sport, dport; /* of the UDP datagram that holds L2TP */
};

/* Each returns 1 when the control plane wants the packet. */
static int rx_datagram(struct packet *pkt, enum tt_origin origin);
static int rx_esp(struct packet *pkt, enum tt_origin origin);
static void note_mapping(struct tt_fp *fp, struct tt_flow *f, const uint8_t *addr);
static int rx_udp(struct packet *pkt);
static int rx_l2tp(struct packet *pkt);
static int rx_ppp(struct packet *pkt, struct tt_call *c);
static bool asks_router(const uint8_t *ip, size_t len);
static bool is_network(const uint8_t *ppp, size_t len);
static bool is_echo_request(const struct packet *pkt, const struct tt_call *c, size_t at);
static int answer_echo(struct packet *pkt, struct tt_call *c, size_t at);
static int rx_ip(struct packet *pkt, struct tt_call *c, bool six);
static bool from_remote(const struct tt_flow_params *f, const uint8_t *addr);
static int deliver(struct packet *pkt, uint32_t kind, uint32_t ref);
static int drop(struct packet *pkt, enum tt_drop why);

int fp_rx(struct tt_fp *fp, enum tt_origin origin, struct tt_ring *r, uint32_t n)
{
	int up = 0;

	fp->answered = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t *meta = r->meta + i * TT_META;
		struct packet pkt = {
			.fp = fp,
			.ring = r,
			.i = i,
			.meta = meta,
			.addr = r->addr + (size_t)i * TT_ADDR,
			.slot = r->mem + (size_t)i * TT_SLOT,
			.len = meta[TT_LEN],
		};

		if (pkt.len) {
			pkt.p = r->mem + meta[TT_OFF];
			up += rx_datagram(&pkt, origin);
		} else if (meta[TT_KIND] == TT_K_TRUNCATED) {
			drop(&pkt, D_RX_TRUNCATED);
		}
	}
	return up;
}

static int rx_datagram(struct packet *pkt, enum tt_origin origin)
{
	if (origin == ORIGIN_UDP1701) {
		pkt->sport = rd16(pkt->addr + TT_A_RPORT);
		pkt->dport = rd16(pkt->addr + TT_A_LPORT);
		return rx_l2tp(pkt);
	}
	if (origin == ORIGIN_UDP4500 && pkt->len == 1 && pkt->p[0] == 0xff)
		return drop(pkt, D_NAT_KEEPALIVE); /* RFC 3948 2.3 */
	if (origin == ORIGIN_UDP4500 && pkt->len > 4 && rd32(pkt->p) == 0) {
		pkt->p += 4; /* non-ESP marker, RFC 3948 2.2 */
		pkt->len -= 4;
		return deliver(pkt, TT_K_UP_IKE, 0);
	}
	return rx_esp(pkt, origin);
}

static int rx_esp(struct packet *pkt, enum tt_origin origin)
{
	struct tt_fp *fp = pkt->fp;
	struct tt_sa *s;
	struct tt_flow *f;
	uint32_t seq;
	uint8_t next;
	bool newest;

	if (pkt->len < 8)
		return drop(pkt, D_ESP_SHORT);
	s = pool_get(&fp->sas, map_get(&fp->spis, rd32(pkt->p)));
	if (!s) {
		if (rd32(pkt->p)) { /* 0 is no SPI (RFC 4303 2.1) */
			fp->unknown_spi = rd32(pkt->p);
			memcpy(fp->unknown_from, pkt->addr, TT_ADDR);
		}
		return drop(pkt, D_ESP_UNKNOWN_SPI);
	}
	f = pool_get(&fp->flows, s->flow);
	if (origin == ORIGIN_RAW50 ? f->p.encap != ENCAP_ESP || !from_remote(&f->p, pkt->addr) :
				     f->p.encap != ENCAP_UDP)
		return drop(pkt, D_ESP_OUTER_MISMATCH);
	if ((s->hard_packets && s->packets >= s->hard_packets) || (s->hard_bytes && s->bytes >= s->hard_bytes))
		return drop(pkt, D_ESP_LIMIT);
	seq = rd32(pkt->p + 4);
	if (!replay_ok(&s->replay, seq))
		return drop(pkt, D_ESP_REPLAY);
	switch (esp_open(s->esp, pkt->p, pkt->len, &pkt->p, &pkt->len, &next)) {
	case ESP_SHORT:
		return drop(pkt, D_ESP_SHORT);
	case ESP_AUTH:
		return drop(pkt, D_ESP_AUTH);
	case ESP_PADDING:
		replay_mark(&s->replay, seq);
		return drop(pkt, D_ESP_PADDING);
	case ESP_OK:
		break;
	}
	newest = seq > s->replay.top;
	replay_mark(&s->replay, seq);
	s->packets++;
	s->bytes += pkt->len;
	if (newest && origin == ORIGIN_UDP4500)
		note_mapping(fp, f, pkt->addr);
	if (next != UDP)
		return drop(pkt, D_ESP_NEXT_HEADER);
	pkt->flow = s->flow;
	return rx_udp(pkt);
}

/*
 * RFC 3948 3.2 and 4: the NAT's mapping moved. Only the newest packet tells: an old one may have been held back on
 * purpose.
 */
static void note_mapping(struct tt_fp *fp, struct tt_flow *f, const uint8_t *a)
{
	if (from_remote(&f->p, a) && rd16(a + TT_A_RPORT) == f->p.rport) {
		if (f->news)
			fp->news--;
		f->news = f->reported = false;
		return;
	}
	if (f->reported && f->moved[TT_A_FAMILY] == a[TT_A_FAMILY] &&
	    !memcmp(f->moved + TT_A_RPORT, a + TT_A_RPORT, 18))
		return;
	memcpy(f->moved, a, TT_ADDR);
	f->reported = true;
	if (!f->news)
		fp->news++;
	f->news = true;
}

/*
 * Received checksums are ignored (RFC 3948 3.1.2): ESP has authenticated the datagram, a NAT has broken its checksum.
 */
static int rx_udp(struct packet *pkt)
{
	size_t length;

	if (pkt->len < 8 || (length = rd16(pkt->p + 4)) < 8 || length > pkt->len)
		return drop(pkt, D_UDP_SHORT);
	pkt->sport = rd16(pkt->p);
	pkt->dport = rd16(pkt->p + 2);
	pkt->p += 8;
	pkt->len = length - 8; /* behind it may be traffic flow padding (RFC 4303 2.7) */
	return rx_l2tp(pkt);
}

static int rx_l2tp(struct packet *pkt)
{
	struct tt_fp *fp = pkt->fp;
	const struct tt_flow *f;
	struct tt_call *c;
	size_t at = 2;
	uint32_t flags, ids;

	if (pkt->len < 2 || ((flags = rd16(pkt->p)) & L2TP_VERSION) != 2)
		return drop(pkt, D_L2TP_BAD_HEADER);
	if (flags & L2TP_T) {
		wr16(pkt->addr + TT_A_RPORT, pkt->sport);
		wr16(pkt->addr + TT_A_LPORT, pkt->dport);
		return deliver(pkt, TT_K_UP_L2TP, pkt->flow);
	}
	at += (flags & L2TP_L ? 2u : 0u) + 4 + (flags & L2TP_S ? 4u : 0u) + (flags & L2TP_O ? 2u : 0u);
	if (pkt->len < at)
		return drop(pkt, D_L2TP_BAD_HEADER);
	if (flags & L2TP_L) {
		size_t length = rd16(pkt->p + 2);

		if (length < at || length > pkt->len)
			return drop(pkt, D_L2TP_BAD_HEADER);
		pkt->len = length;
	}
	if (flags & L2TP_O) {
		at += rd16(pkt->p + at - 2);
		if (pkt->len < at)
			return drop(pkt, D_L2TP_BAD_HEADER);
	}
	ids = rd32(pkt->p + (flags & L2TP_L ? 4 : 2));
	c = pool_get(&fp->calls, map_get(&fp->ids, ids));
	if (!c)
		return drop(pkt, D_L2TP_UNKNOWN_CALL);
	f = pool_get(&fp->flows, c->p.flow);
	if (pkt->flow ? c->p.flow != pkt->flow :
			f->p.encap != ENCAP_CLEAR || !from_remote(&f->p, pkt->addr) || f->p.rport != pkt->sport)
		return drop(pkt, D_L2TP_WRONG_FLOW);
	if (pkt->dport != c->p.lport)
		return drop(pkt, D_UDP_PORT);
	if (flags & L2TP_S || c->p.all_up) {
		if (is_network(pkt->p + at, pkt->len - at) && !fp_within(&c->in, pkt->len - at))
			return drop(pkt, D_RATE_IN);
		return deliver(pkt, TT_K_UP_DATA, c->obj.handle);
	}
	pkt->p += at;
	pkt->len -= at;
	return rx_ppp(pkt, c);
}

static int rx_ppp(struct packet *pkt, struct tt_call *c)
{
	size_t at = pkt->len >= 2 && pkt->p[0] == 0xff && pkt->p[1] == 0x03 ? 2 : 0; /* RFC 1661 6.6 */
	uint32_t number;

	if (pkt->len < at + 1 || (!(pkt->p[at] & 1) && pkt->len < at + 2))
		return drop(pkt, D_PPP_SHORT);
	number = pkt->p[at] & 1 ? pkt->p[at] : rd16(pkt->p + at); /* RFC 1661 6.5 */
	at += pkt->p[at] & 1 ? 1 : 2;
	if (number == PPP_LCP && is_echo_request(pkt, c, at))
		return answer_echo(pkt, c, at);
	/* Before IPV6CP is open the peer is told so (Protocol-Reject), and that is for TypeScript to do. */
	if (number != PPP_IP && !(number == PPP_IP6 && c->p.ip6))
		return deliver(pkt, TT_K_UP_FRAME, c->obj.handle);
	if (number == PPP_IP6 && c->p.check_source && asks_router(pkt->p + at, pkt->len - at))
		return deliver(pkt, TT_K_UP_FRAME, c->obj.handle);
	pkt->p += at;
	pkt->len -= at;
	return rx_ip(pkt, c, number == PPP_IP6);
}

/* To all routers on the link, or to all DHCPv6 servers: TypeScript may be the user's router. */
static bool asks_router(const uint8_t *ip, size_t len)
{
	static const uint8_t routers[16] = { [0] = 0xff, [1] = 0x02, [15] = 0x02 };
	static const uint8_t servers[16] = { [0] = 0xff, [1] = 0x02, [13] = 0x01, [15] = 0x02 };

	return len >= 40 && ip[0] >> 4 == 6 && (!memcmp(ip + 24, routers, 16) || !memcmp(ip + 24, servers, 16));
}

/* RFC 1661 2: 0xxx to 3xxx are network protocols, with what compresses them. */
static bool is_network(const uint8_t *ppp, size_t len)
{
	size_t at = len >= 2 && ppp[0] == 0xff && ppp[1] == 0x03 ? 2 : 0;

	return len > at && (ppp[at] & 1 || ppp[at] < 0x40);
}

/* RFC 1661 5.8: one that nothing is wrong with. Of all else, and of a loop above all, TypeScript must hear. */
static bool is_echo_request(const struct packet *pkt, const struct tt_call *c, size_t at)
{
	const uint8_t *lcp = pkt->p + at;
	size_t len = pkt->len - at, length;

	if (len < LCP_ECHO || lcp[0] != LCP_ECHO_REQUEST)
		return false;
	length = rd16(lcp + 2);
	if (length < LCP_ECHO || length > len || length > c->p.echo_longest)
		return false;
	return !c->p.echo_magic || rd32(lcp + 4) != c->p.echo_magic;
}

/* Where it lies, and as long as it was: in front of it were headers of the same length or more. */
static int answer_echo(struct packet *pkt, struct tt_call *c, size_t at)
{
	static const uint8_t header[] = { 0xff, 0x03, PPP_LCP >> 8, PPP_LCP & 0xff };
	uint8_t *lcp = pkt->p + at;

	lcp[0] = LCP_ECHO_REPLY;
	wr32(lcp + 4, c->p.echo_magic);
	pkt->p = lcp - sizeof header;
	pkt->len = sizeof header + rd16(lcp + 2);
	memcpy(pkt->p, header, sizeof header);
	deliver(pkt, TT_K_NONE, 0);
	c->echoes++;
	c->echo_ms = fp_now();
	pkt->fp->answered += fp_tx_frame(pkt->fp, c, pkt->ring, pkt->i);
	return 0;
}

static int rx_ip(struct packet *pkt, struct tt_call *c, bool six)
{
	size_t bytes = six ? ip6_length(pkt->p, pkt->len) : ip4_length(pkt->p, pkt->len);

	if (!six && !c->p.ip)
		return drop(pkt, D_IP_NOT_OPEN);
	if (!bytes)
		return drop(pkt, D_IP_BAD);
	pkt->len = bytes;
	if (c->p.check_source &&
	    fp_lookup(pkt->fp, &pkt->fp->devs[c->dev], pkt->p + (six ? 8 : 12), six ? 16 : 4) != c->obj.handle)
		return drop(pkt, D_IP_SPOOFED);
	if (!fp_within(&c->in, bytes))
		return drop(pkt, D_RATE_IN);
	if (c->p.clamp)
		(six ? ip6_clamp : ip4_clamp)(pkt->p, pkt->len, c->p.clamp);
	c->rx_packets++;
	c->rx_bytes += bytes;
	return deliver(pkt, TT_K_TUN, c->p.dev);
}

static bool from_remote(const struct tt_flow_params *f, const uint8_t *a)
{
	return a[TT_A_FAMILY] == (f->alen == 4 ? 4 : 6) && !memcmp(a + TT_A_REMOTE, f->remote, f->alen);
}

static int deliver(struct packet *pkt, uint32_t kind, uint32_t ref)
{
	pkt->meta[TT_OFF] += (uint32_t)(pkt->p - (pkt->slot + pkt->meta[TT_OFF] % TT_SLOT));
	pkt->meta[TT_LEN] = (uint32_t)pkt->len;
	pkt->meta[TT_KIND] = kind;
	pkt->meta[TT_REF] = ref;
	return kind != TT_K_TUN;
}

static int drop(struct packet *pkt, enum tt_drop why)
{
	pkt->fp->drops[why]++;
	pkt->meta[TT_LEN] = 0;
	pkt->meta[TT_KIND] = TT_K_NONE;
	pkt->meta[TT_REF] = 0;
	return 0;
}
