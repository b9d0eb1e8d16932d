/*
 * Packets of a flow put together, as a network card's driver would (GRO): only what can be taken apart again into the
 * very same packets, but for the IPv4 identification of packets that are not to be fragmented (RFC 6864 4.1).
 */
#include "offload.h"

#define TCP 6
#define UDP 17
#define IP6_HEADER 40u
#define UDP_HEADER 8u
#define ACK 0x10
#define PSH 0x08
#define DF 0x4000
#define FRAGMENT 0x3fff
#define MOST 64u  /* packets of one group: a write has so many pieces */
#define FLOWS 16u /* groups that are looked through for one that takes a packet */
#define END UINT32_MAX

struct seen {
	uint8_t *p;
	size_t len, transport, headers;
	bool tcp, last; /* last: none may follow in its group */
};
static bool look(struct seen *s, uint8_t *p, size_t len, bool udp);
static bool right_checksum(const struct seen *s);
static bool first_right(const struct tt_ring *r, struct tt_group *g);
static struct tt_group *same_flow(const struct tt_ring *r, struct tt_group *groups, uint32_t n, const struct seen *s);
static bool follows(const struct tt_ring *r, const struct tt_group *g, const struct seen *s);
static void finish(struct tt_ring *r, struct tt_group *g);

uint32_t tt_coalesce(struct tt_ring *r, uint32_t n, uint32_t ref, bool udp, struct tt_group *groups, uint32_t *next)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++) {
		const uint32_t *m = r->meta + i * TT_META;
		struct seen s;
		bool joins;
		struct tt_group *g;

		if (!m[TT_LEN] || m[TT_KIND] != TT_K_TUN || m[TT_REF] != ref)
			continue;
		next[i] = END;
		joins = look(&s, r->mem + m[TT_OFF], m[TT_LEN], udp);
		g = s.transport ? same_flow(r, groups, count, &s) : NULL;
		if (g && joins && follows(r, g, &s) && first_right(r, g) && right_checksum(&s)) {
			next[g->last] = i;
			g->last = i;
			g->count++;
			g->total += (uint32_t)(s.len - s.headers);
			if (s.tcp)
				r->mem[r->meta[g->first * TT_META + TT_OFF] + g->transport + 13] |=
					s.p[s.transport + 13] & PSH;
			g->open = !s.last && s.len - s.headers == g->size && g->count < MOST;
			continue;
		}
		if (g)
			g->open = false; /* what comes behind this one must not overtake it */
		g = &groups[count++];
		memset(g, 0, sizeof *g);
		g->first = g->last = i;
		g->count = 1;
		g->total = (uint32_t)s.len;
		g->transport = (uint8_t)s.transport;
		g->headers = (uint16_t)s.headers;
		g->size = (uint16_t)(s.len - s.headers);
		g->open = joins && !s.last;
	}
	for (uint32_t i = 0; i < count; i++)
		if (groups[i].count > 1)
			finish(r, &groups[i]);
	return count;
}

/* Whose flow it is, as far as that can be said (transport 0: it cannot); true when it could be one of a group. */
static bool look(struct seen *s, uint8_t *p, size_t len, bool udp)
{
	uint8_t protocol, flags;

	memset(s, 0, sizeof *s);
	s->p = p;
	s->len = len;
	s->headers = len;
	if (len >= 20 && p[0] >> 4 == 4) {
		s->transport = (p[0] & 15) * 4u;
		protocol = p[9];
	} else if (len >= IP6_HEADER && p[0] >> 4 == 6) {
		s->transport = IP6_HEADER;
		protocol = p[6];
	} else {
		return false;
	}
	s->tcp = protocol == TCP;
	if ((!s->tcp && protocol != UDP) || len < s->transport + (s->tcp ? 20 : UDP_HEADER)) {
		s->transport = 0;
		return false;
	}
	/* Options and fragments are left alone; the first fragment has the ports, and closes its flow's group. */
	if (p[0] >> 4 == 4 ? p[0] != 0x45 || rd16(p + 6) & FRAGMENT || rd16(p + 2) != len :
			     rd16(p + 4) != len - IP6_HEADER)
		return false;
	if (!s->tcp) {
		s->headers = s->transport + UDP_HEADER;
		return udp && rd16(p + s->transport + 4) == len - s->transport && rd16(p + s->transport + 6) &&
		       len > s->headers;
	}
	s->headers = s->transport + (p[s->transport + 12] >> 4) * 4u;
	if (s->headers < s->transport + 20 || s->headers >= len) {
		s->headers = len;
		return false;
	}
	flags = p[s->transport + 13];
	s->last = flags & PSH;
	return (flags & ~PSH) == ACK && !(p[s->transport + 12] & 15);
}

static bool right_checksum(const struct seen *s)
{
	size_t n = s->len - s->transport;
	bool six = s->p[0] >> 4 == 6;
	uint8_t rest[4] = { 0, s->tcp ? TCP : UDP, (uint8_t)(n >> 8), (uint8_t)n };
	uint64_t sum = tt_sum(rest, 4, tt_sum(s->p + (six ? 8 : 12), six ? 32 : 8, 0));

	if (!six && tt_fold(tt_sum(s->p, s->transport, 0)) != 0xffff)
		return false;
	return tt_fold(tt_sum(s->p + s->transport, n, sum)) == 0xffff;
}

/* Looked at when a second packet comes: most that come alone are not summed up for nothing. */
static bool first_right(const struct tt_ring *r, struct tt_group *g)
{
	const uint32_t *m = r->meta + g->first * TT_META;
	struct seen s = { .p = r->mem + m[TT_OFF], .len = m[TT_LEN], .transport = g->transport, .headers = g->headers };

	s.tcp = s.p[s.p[0] >> 4 == 6 ? 6 : 9] == TCP;
	if (g->count == 1 && !right_checksum(&s))
		g->open = false;
	return g->open;
}

/* The open group of this flow: addresses, protocol and ports are equal. */
static struct tt_group *same_flow(const struct tt_ring *r, struct tt_group *groups, uint32_t n, const struct seen *s)
{
	size_t addresses = s->p[0] >> 4 == 6 ? 8 : 12, size = s->p[0] >> 4 == 6 ? 32 : 8;

	for (uint32_t i = 0; i < FLOWS && i < n; i++) {
		struct tt_group *g = &groups[n - 1 - i];
		const uint8_t *p = r->mem + r->meta[g->first * TT_META + TT_OFF];

		if (g->open && p[0] >> 4 == s->p[0] >> 4 && p[p[0] >> 4 == 6 ? 6 : 9] == (s->tcp ? TCP : UDP) &&
		    !memcmp(p + addresses, s->p + addresses, size) && !memcmp(p + g->transport, s->p + s->transport, 4))
			return g;
	}
	return NULL;
}

static bool follows(const struct tt_ring *r, const struct tt_group *g, const struct seen *s)
{
	const uint8_t *p = r->mem + r->meta[g->first * TT_META + TT_OFF], *q = s->p;
	size_t payload = s->len - s->headers, t = s->transport;

	if (g->transport != t || g->headers != s->headers || payload > g->size || g->total + payload >= TT_SUPER)
		return false;
	if (q[0] >> 4 == 6) {
		if (rd32(p) != rd32(q) || p[7] != q[7]) /* traffic class, flow label, hop limit */
			return false;
	} else if (p[1] != q[1] || p[8] != q[8] || rd16(p + 6) != rd16(q + 6)) {
		return false;
	} else if (!(rd16(q + 6) & DF) && rd16(q + 4) != (uint16_t)(rd16(p + 4) + g->count)) {
		return false;
	}
	if (!s->tcp)
		return true;
	return rd32(q + t + 4) == rd32(p + t + 4) + (g->total - g->headers) && /* sequence */
	       rd32(q + t + 8) == rd32(p + t + 8) &&
	       rd16(q + t + 14) == rd16(p + t + 14) && /* acknowledgement, window */
	       rd16(q + t + 18) == rd16(p + t + 18) && !memcmp(q + t + 20, p + t + 20, s->headers - t - 20);
}

/* The first packet's headers become the super-packet's; the transport's checksum is left to the kernel. */
static void finish(struct tt_ring *r, struct tt_group *g)
{
	uint8_t *p = r->mem + r->meta[g->first * TT_META + TT_OFF];
	bool six = p[0] >> 4 == 6, tcp = p[six ? 6 : 9] == TCP;
	size_t n = g->total - g->transport, at = tcp ? 16 : 6;
	uint8_t rest[4] = { 0, tcp ? TCP : UDP, (uint8_t)(n >> 8), (uint8_t)n };
	uint16_t sum = tt_fold(tt_sum(rest, 4, tt_sum(p + (six ? 8 : 12), six ? 32 : 8, 0)));

	memcpy(p + g->transport + at, &sum, 2);
	if (!tcp)
		wr16(p + g->transport + 4, (uint32_t)n);
	if (six) {
		wr16(p + 4, g->total - IP6_HEADER);
	} else {
		wr16(p + 2, g->total);
		wr16(p + 10, 0);
		sum = (uint16_t)~tt_fold(tt_sum(p, g->transport, 0));
		memcpy(p + 10, &sum, 2);
	}
	g->vnet = (struct tt_vnet){
		.flags = TT_VNET_NEEDS_CSUM,
		.gso_type = !tcp ? TT_GSO_UDP :
			    six	 ? TT_GSO_TCP6 :
				   TT_GSO_TCP4,
		.hdr_len = g->headers,
		.gso_size = g->size,
		.csum_start = g->transport,
		.csum_offset = (uint16_t)at,
	};
}
