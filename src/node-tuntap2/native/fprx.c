/* From the peer: ESP > UDP > L2TP > PPP > IP packet. The functions are in the order of a packet's way. */
#include "fastpath.h"

#define UDP 17
#define L2TP_T 0x8000
#define L2TP_L 0x4000
#define L2TP_S 0x0800
#define L2TP_O 0x0200
#define L2TP_VERSION 0x000f

struct in {
	struct tt_fp *fp;
	uint32_t *meta;
	uint8_t *a;	/* addr entry */
	uint8_t *p;
	size_t len;
	uint32_t flow;	/* handle, 0: in the clear */
	uint16_t sport, dport; /* of the UDP datagram that holds L2TP */
};

static int drop(struct in *k, enum tt_drop why)
{
	k->fp->drops[why]++;
	k->meta[TT_LEN] = 0;
	k->meta[TT_KIND] = TT_K_NONE;
	k->meta[TT_REF] = 0;
	return 0;
}

/* Returns 1 when the control plane wants the packet. */
static int deliver(struct in *k, uint32_t kind, uint32_t ref, const uint8_t *slot)
{
	k->meta[TT_OFF] += (uint32_t)(k->p - (slot + k->meta[TT_OFF] % TT_SLOT));
	k->meta[TT_LEN] = (uint32_t)k->len;
	k->meta[TT_KIND] = kind;
	k->meta[TT_REF] = ref;
	return kind != TT_K_TUN;
}

static bool from_remote(const struct tt_flow_params *f, const uint8_t *a)
{
	return a[TT_A_FAMILY] == (f->alen == 4 ? 4 : 6) && !memcmp(a + TT_A_REMOTE, f->remote, f->alen);
}

/* RFC 3948 3.2 and 4: the NAT's mapping moved. Only the newest packet tells: an old one may have been held back on purpose. */
static void note_mapping(struct tt_fp *fp, struct tt_flow *f, const uint8_t *a)
{
	if (from_remote(&f->p, a) && rd16(a + TT_A_RPORT) == f->p.rport) {
		if (f->news)
			fp->news--;
		f->news = f->reported = false;
		return;
	}
	if (f->reported && f->moved[TT_A_FAMILY] == a[TT_A_FAMILY] && !memcmp(f->moved + TT_A_RPORT, a + TT_A_RPORT, 18))
		return;
	memcpy(f->moved, a, TT_ADDR);
	f->reported = true;
	if (!f->news)
		fp->news++;
	f->news = true;
}

static int rx_ip(struct in *k, struct tt_call *c, bool six, const uint8_t *slot)
{
	size_t bytes = six ? ip6_length(k->p, k->len) : ip4_length(k->p, k->len);

	if (!six && !c->p.ip)
		return drop(k, D_IP_NOT_OPEN);
	if (!bytes)
		return drop(k, D_IP_BAD);
	k->len = bytes;
	if (c->p.check_source && fp_lookup(k->fp, &k->fp->devs[c->dev], k->p + (six ? 8 : 12), six ? 16 : 4) != c->obj.handle)
		return drop(k, D_IP_SPOOFED);
	if (c->p.clamp)
		(six ? ip6_clamp : ip4_clamp)(k->p, k->len, c->p.clamp);
	c->rx_packets++;
	c->rx_bytes += bytes;
	return deliver(k, TT_K_TUN, c->p.dev, slot);
}

static int rx_ppp(struct in *k, struct tt_call *c, const uint8_t *slot)
{
	size_t at = k->len >= 2 && k->p[0] == 0xff && k->p[1] == 0x03 ? 2 : 0; /* RFC 1661 6.6 */
	uint32_t number;

	if (k->len < at + 1 || (!(k->p[at] & 1) && k->len < at + 2))
		return drop(k, D_PPP_SHORT);
	number = k->p[at] & 1 ? k->p[at] : rd16(k->p + at); /* RFC 1661 6.5 */
	/* Before IPV6CP is open the peer is told so (Protocol-Reject), and that is for TypeScript to do. */
	if (number != PPP_IP && !(number == PPP_IP6 && c->p.ip6))
		return deliver(k, TT_K_UP_FRAME, c->obj.handle, slot);
	at += k->p[at] & 1 ? 1 : 2;
	k->p += at;
	k->len -= at;
	return rx_ip(k, c, number == PPP_IP6, slot);
}

static int rx_l2tp(struct in *k, const uint8_t *slot)
{
	struct tt_fp *fp = k->fp;
	const struct tt_flow *f;
	struct tt_call *c;
	size_t at = 2;
	uint32_t flags, ids;

	if (k->len < 2 || ((flags = rd16(k->p)) & L2TP_VERSION) != 2)
		return drop(k, D_L2TP_BAD_HEADER);
	if (flags & L2TP_T) {
		wr16(k->a + TT_A_RPORT, k->sport);
		wr16(k->a + TT_A_LPORT, k->dport);
		return deliver(k, TT_K_UP_L2TP, k->flow, slot);
	}
	at += (flags & L2TP_L ? 2u : 0u) + 4 + (flags & L2TP_S ? 4u : 0u) + (flags & L2TP_O ? 2u : 0u);
	if (k->len < at)
		return drop(k, D_L2TP_BAD_HEADER);
	if (flags & L2TP_L) {
		size_t length = rd16(k->p + 2);

		if (length < at || length > k->len)
			return drop(k, D_L2TP_BAD_HEADER);
		k->len = length;
	}
	if (flags & L2TP_O) {
		at += rd16(k->p + at - 2);
		if (k->len < at)
			return drop(k, D_L2TP_BAD_HEADER);
	}
	ids = rd32(k->p + (flags & L2TP_L ? 4 : 2));
	c = pool_get(&fp->calls, map_get(&fp->ids, ids));
	if (!c)
		return drop(k, D_L2TP_UNKNOWN_CALL);
	f = pool_get(&fp->flows, c->p.flow);
	if (k->flow ? c->p.flow != k->flow : f->p.encap != ENCAP_CLEAR || !from_remote(&f->p, k->a) || f->p.rport != k->sport)
		return drop(k, D_L2TP_WRONG_FLOW);
	if (k->dport != c->p.lport)
		return drop(k, D_UDP_PORT);
	if (flags & L2TP_S || c->p.all_up)
		return deliver(k, TT_K_UP_DATA, c->obj.handle, slot);
	k->p += at;
	k->len -= at;
	return rx_ppp(k, c, slot);
}

/* Received checksums are ignored (RFC 3948 3.1.2): ESP has authenticated the datagram, a NAT has broken its checksum. */
static int rx_udp(struct in *k, const uint8_t *slot)
{
	size_t length;

	if (k->len < 8 || (length = rd16(k->p + 4)) < 8 || length > k->len)
		return drop(k, D_UDP_SHORT);
	k->sport = rd16(k->p);
	k->dport = rd16(k->p + 2);
	k->p += 8;
	k->len = length - 8; /* behind it may be traffic flow padding (RFC 4303 2.7) */
	return rx_l2tp(k, slot);
}

static int rx_esp(struct in *k, enum tt_origin origin, const uint8_t *slot)
{
	struct tt_fp *fp = k->fp;
	struct tt_sa *s;
	struct tt_flow *f;
	uint32_t seq;
	uint8_t next;
	bool newest;

	if (k->len < 8)
		return drop(k, D_ESP_SHORT);
	s = pool_get(&fp->sas, map_get(&fp->spis, rd32(k->p)));
	if (!s) {
		if (rd32(k->p)) { /* 0 is no SPI (RFC 4303 2.1) */
			fp->unknown_spi = rd32(k->p);
			memcpy(fp->unknown_from, k->a, TT_ADDR);
		}
		return drop(k, D_ESP_UNKNOWN_SPI);
	}
	f = pool_get(&fp->flows, s->flow);
	if (origin == ORIGIN_RAW50 ? f->p.encap != ENCAP_ESP || !from_remote(&f->p, k->a) : f->p.encap != ENCAP_UDP)
		return drop(k, D_ESP_OUTER_MISMATCH);
	if ((s->hard_packets && s->packets >= s->hard_packets) || (s->hard_bytes && s->bytes >= s->hard_bytes))
		return drop(k, D_ESP_LIMIT);
	seq = rd32(k->p + 4);
	if (!replay_ok(&s->replay, seq))
		return drop(k, D_ESP_REPLAY);
	switch (esp_open(s->esp, k->p, k->len, &k->p, &k->len, &next)) {
	case ESP_SHORT:
		return drop(k, D_ESP_SHORT);
	case ESP_AUTH:
		return drop(k, D_ESP_AUTH);
	case ESP_PADDING:
		replay_mark(&s->replay, seq);
		return drop(k, D_ESP_PADDING);
	case ESP_OK:
		break;
	}
	newest = seq > s->replay.top;
	replay_mark(&s->replay, seq);
	s->packets++;
	s->bytes += k->len;
	if (newest && origin == ORIGIN_UDP4500)
		note_mapping(fp, f, k->a);
	if (next != UDP)
		return drop(k, D_ESP_NEXT_HEADER);
	k->flow = s->flow;
	return rx_udp(k, slot);
}

int fp_rx(struct tt_fp *fp, enum tt_origin origin, struct tt_ring *r, uint32_t n)
{
	int up = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t *meta = r->meta + i * TT_META;
		const uint8_t *slot = r->mem + (size_t)i * TT_SLOT;
		struct in k = {
			.fp = fp, .meta = meta, .a = r->addr + (size_t)i * TT_ADDR, .len = meta[TT_LEN],
		};

		if (!k.len) {
			if (meta[TT_KIND] == TT_K_TRUNCATED)
				drop(&k, D_RX_TRUNCATED);
			continue;
		}
		k.p = r->mem + meta[TT_OFF];
		if (origin == ORIGIN_UDP1701) {
			k.sport = rd16(k.a + TT_A_RPORT);
			k.dport = rd16(k.a + TT_A_LPORT);
			up += rx_l2tp(&k, slot);
		} else if (origin == ORIGIN_UDP4500 && k.len == 1 && k.p[0] == 0xff) {
			drop(&k, D_NAT_KEEPALIVE); /* RFC 3948 2.3 */
		} else if (origin == ORIGIN_UDP4500 && k.len > 4 && rd32(k.p) == 0) {
			k.p += 4; /* non-ESP marker, RFC 3948 2.2 */
			k.len -= 4;
			up += deliver(&k, TT_K_UP_IKE, 0, slot);
		} else {
			up += rx_esp(&k, origin, slot);
		}
	}
	return up;
}
