/* A super-packet taken apart, as a network card would: headers copied, then what differs between segments stamped. */
#include "offload.h"

#define TCP 6
#define UDP 17
#define IP6_HEADER 40u
#define UDP_HEADER 8u

#define FIN 0x01
#define PSH 0x08
#define CWR 0x80

static bool plain(struct tt_super *s, const struct tt_vnet *h);
static bool begin_tcp(struct tt_super *s, const struct tt_vnet *h);
static bool begin_udp(struct tt_super *s, const struct tt_vnet *h);
static bool begin_segments(struct tt_super *s, const struct tt_vnet *h, uint8_t protocol, size_t csum_at);
static void stamp_ip(const struct tt_super *s, uint8_t *p, size_t len, uint16_t nth);
static void stamp_tcp(const struct tt_super *s, uint8_t *tcp, size_t from, bool last);
static void stamp_checksum(const struct tt_super *s, uint8_t *p, size_t len);

bool tt_super_begin(struct tt_super *s, const struct tt_vnet *h, uint8_t *p, size_t len)
{
	memset(s, 0, sizeof *s);
	s->p = p;
	s->len = len;
	s->gso_type = h->gso_type & (uint8_t)~TT_GSO_ECN;
	switch (s->gso_type) {
	case TT_GSO_NONE:
		return plain(s, h);
	case TT_GSO_TCP4:
	case TT_GSO_TCP6:
		return begin_tcp(s, h);
	case TT_GSO_UDP:
		return begin_udp(s, h);
	default:
		return false;
	}
}

size_t tt_super_next(struct tt_super *s, uint8_t *into, size_t room)
{
	size_t left = s->len - s->at, from, n, len;

	if (s->gso_type == TT_GSO_NONE) {
		if (s->len > room)
			return 0;
		memcpy(into, s->p, s->len);
		s->at = s->len;
		return s->len;
	}
	n = left < s->size ? left : s->size;
	len = s->headers + n;
	if (len > room)
		return 0;
	from = s->at - s->headers;
	memcpy(into, s->p, s->headers);
	memcpy(into + s->headers, s->p + s->at, n);
	s->at += n;
	stamp_ip(s, into, len, (uint16_t)(from / s->size));
	if (s->gso_type == TT_GSO_UDP)
		wr16(into + s->transport + 4, (uint32_t)(len - s->transport));
	else
		stamp_tcp(s, into + s->transport, from, s->at == s->len);
	stamp_checksum(s, into, len);
	return len;
}

/* A packet as it is, but for a checksum that the kernel may have left to the card. */
static bool plain(struct tt_super *s, const struct tt_vnet *h)
{
	size_t start = h->csum_start, at = start + h->csum_offset;
	uint16_t sum;

	if (!(h->flags & TT_VNET_NEEDS_CSUM))
		return true;
	if (start >= s->len || at + 2 > s->len)
		return false;
	sum = (uint16_t)~tt_fold(tt_sum(s->p + start, s->len - start, 0)); /* the pseudo-header's is in the field */
	if (!sum && h->csum_offset == 6)
		sum = 0xffff; /* UDP: 0 means none (RFC 768) */
	memcpy(s->p + at, &sum, 2);
	return true;
}

static bool begin_tcp(struct tt_super *s, const struct tt_vnet *h)
{
	const uint8_t *tcp = s->p + h->csum_start;
	size_t length;

	if ((s->gso_type == TT_GSO_TCP4) != (s->len > 0 && s->p[0] >> 4 == 4) || (size_t)h->csum_start + 20 > s->len)
		return false;
	length = (tcp[12] >> 4) * 4u;
	if (length < 20)
		return false;
	s->headers = h->csum_start + length;
	s->seq = rd32(tcp + 4);
	return h->csum_offset == 16 && begin_segments(s, h, TCP, 16);
}

static bool begin_udp(struct tt_super *s, const struct tt_vnet *h)
{
	s->headers = h->csum_start + UDP_HEADER;
	return h->csum_offset == 6 && begin_segments(s, h, UDP, 6);
}

static bool begin_segments(struct tt_super *s, const struct tt_vnet *h, uint8_t protocol, size_t csum_at)
{
	uint16_t partial;
	bool six;

	s->transport = h->csum_start;
	s->size = h->gso_size;
	if (!(h->flags & TT_VNET_NEEDS_CSUM) || s->size == 0 || s->len > TT_SUPER || s->headers >= s->len)
		return false;
	six = s->p[0] >> 4 == 6;
	if (six) {
		/* Behind extension headers only the kernel knows that the last one names this protocol. */
		if (s->transport < IP6_HEADER || (s->transport == IP6_HEADER && s->p[6] != protocol))
			return false;
	} else {
		if (s->p[0] >> 4 != 4 || s->transport < 20 || s->transport != (s->p[0] & 15) * 4u ||
		    s->p[9] != protocol)
			return false;
		s->id = rd16(s->p + 4);
	}
	/*
	 * The field holds the pseudo-header's sum, its length that of the whole. A segment's differs in the length alone:
	 * the sum without it is kept, so that the addresses (behind a routing header: not those of the header) do not matter.
	 */
	memcpy(&partial, s->p + s->transport + csum_at, 2);
	s->pseudo = partial;
	{
		uint8_t length[2];
		uint16_t word;

		wr16(length, (uint32_t)(s->len - s->transport));
		memcpy(&word, length, 2);
		s->pseudo += (uint16_t)~word;
	}
	s->at = s->headers;
	return true;
}

static void stamp_ip(const struct tt_super *s, uint8_t *p, size_t len, uint16_t nth)
{
	uint16_t sum;

	if (p[0] >> 4 == 6) {
		wr16(p + 4, (uint32_t)(len - IP6_HEADER));
		return;
	}
	wr16(p + 2, (uint32_t)len);
	wr16(p + 4, (uint16_t)(s->id + nth));
	wr16(p + 10, 0);
	sum = (uint16_t)~tt_fold(tt_sum(p, s->transport, 0));
	memcpy(p + 10, &sum, 2);
}

/* FIN and PSH are the last segment's, CWR is the first one's (RFC 3168 6.1.2). */
static void stamp_tcp(const struct tt_super *s, uint8_t *tcp, size_t from, bool last)
{
	wr32(tcp + 4, s->seq + (uint32_t)from);
	if (!last)
		tcp[13] &= (uint8_t) ~(FIN | PSH);
	if (from > 0)
		tcp[13] &= (uint8_t)~CWR;
}

static void stamp_checksum(const struct tt_super *s, uint8_t *p, size_t len)
{
	uint8_t *field = p + s->transport + (s->gso_type == TT_GSO_UDP ? 6 : 16), length[2];
	size_t n = len - s->transport;
	uint16_t word, sum;

	wr16(length, (uint32_t)n);
	memcpy(&word, length, 2);
	memset(field, 0, 2);
	sum = (uint16_t)~tt_fold(tt_sum(p + s->transport, n, s->pseudo + word));
	if (!sum && s->gso_type == TT_GSO_UDP)
		sum = 0xffff;
	memcpy(field, &sum, 2);
}

/* Four bytes a step into 64 bits: no carry is lost, and compilers make vector code of it. */
uint64_t tt_sum(const uint8_t *p, size_t n, uint64_t sum)
{
	uint16_t word;

	for (; n >= 32; p += 32, n -= 32) {
		uint32_t w[8];

		memcpy(w, p, 32);
		sum += (uint64_t)w[0] + w[1] + w[2] + w[3] + w[4] + w[5] + w[6] + w[7];
	}
	for (; n >= 2; p += 2, n -= 2) {
		memcpy(&word, p, 2);
		sum += word;
	}
	if (n) {
		uint8_t rest[2] = { p[0], 0 };

		memcpy(&word, rest, 2);
		sum += word;
	}
	return sum;
}

uint16_t tt_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}
