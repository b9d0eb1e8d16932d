/*
 * libFuzzer's target for super-packets. One half: any vnet header before any bytes is refused, or segmented within its
  * bounds. The other half: packets of a few flows, some corrupted, are coalesced; segmented again they are the same
  * packets, each flow in order, and no invalid packet has become valid.
 */
#include "input.h"
#include "offload.h"

#define ROOM 1856u /* a packet's in a slot */
#define PACKETS 24u
#define REF 3
#define TCP 6
#define UDP 17

struct packet {
	uint8_t *p;
	size_t len;
};
static uint32_t pseudo(const uint8_t *p, size_t transport, size_t len)
{
	bool six = p[0] >> 4 == 6;
	size_t n = len - transport;
	uint8_t rest[4] = { 0, p[six ? 6 : 9], (uint8_t)(n >> 8), (uint8_t)n };

	return tt_fold(tt_sum(rest, 4, tt_sum(p + (six ? 8 : 12), six ? 32 : 8, 0)));
}

static void any_header(struct input *in)
{
	struct tt_vnet h;
	struct tt_super s;
	uint8_t *p, slot[ROOM];
	size_t len, n = 0;
	uint32_t more = take8(in);

	h.flags = (uint8_t)(more & 1);
	h.gso_type = (uint8_t)take8(in);
	if (more & 2)
		h.gso_type = (const uint8_t[]){ TT_GSO_NONE, TT_GSO_TCP4, TT_GSO_TCP6, TT_GSO_UDP }[h.gso_type & 3];
	h.hdr_len = (uint16_t)take16(in);
	h.gso_size = (uint16_t)take16(in);
	h.csum_start = (uint16_t)(more & 4 ? 20 : more & 8 ? 40 : take16(in));
	h.csum_offset = (uint16_t)(more & 16 ? 16 : more & 32 ? 6 : take16(in));
	len = in->n;
	p = malloc(len ? len : 1); /* what lies behind is seen */
	take(in, p, len);
	if (tt_super_begin(&s, &h, p, len))
		do {
			size_t at = s.at, got = tt_super_next(&s, slot, sizeof slot);

			CHECK(got <= sizeof slot);
			if (!got)
				break;
			CHECK(s.at > at || len == 0);
			CHECK(s.at <= s.len);
			CHECK(++n <= len + 1);
		} while (s.at < s.len);
	free(p);
}

static size_t make(struct input *in, uint8_t *p, uint32_t seqs[4], uint16_t id)
{
	uint32_t kind = take8(in), flow = kind & 3, size = take8(in) & 0x7f, spoil = take8(in);
	bool six = kind & 4, tcp = !(kind & 8);
	size_t header = six ? 40 : 20, transport = tcp ? 20 : 8, len = header + transport + size;
	uint16_t sum;

	memset(p, (int)(size + flow), len);
	memset(p, 0, header + transport);
	if (six) {
		p[0] = 0x60;
		wr16(p + 4, (uint32_t)(len - 40));
		p[6] = tcp ? TCP : UDP;
		p[39] = (uint8_t)flow;
	} else {
		p[0] = 0x45;
		wr16(p + 2, (uint32_t)len);
		wr16(p + 4, id);
		wr16(p + 6, kind & 0x10 ? 0x4000 : 0);
		p[9] = tcp ? TCP : UDP;
		p[19] = (uint8_t)flow;
	}
	wr16(p + header, 5);
	wr16(p + header + 2, 6);
	if (tcp) {
		wr32(p + header + 4, seqs[flow]);
		p[header + 12] = 0x50;
		p[header + 13] = kind & 0x20 ? 0x18 : 0x10;
		seqs[flow] += size;
	} else {
		wr16(p + header + 4, (uint32_t)(len - header));
	}
	if (!six) {
		sum = (uint16_t)~tt_fold(tt_sum(p, 20, 0));
		memcpy(p + 10, &sum, 2);
	}
	sum = (uint16_t)~tt_fold(tt_sum(p + header, len - header, pseudo(p, header, len)));
	if (!sum && !tcp)
		sum = 0xffff;
	memcpy(p + header + (tcp ? 16 : 6), &sum, 2);
	if (spoil & 0x80)
		p[take8(in) % len] ^= (uint8_t)(1 + take8(in) % 255);
	return len;
}

/* What may differ: the identification of what is not to be fragmented, and with it the header's checksum. */
static bool same(const uint8_t *p, const uint8_t *q, size_t len)
{
	if (len >= 20 && p[0] >> 4 == 4 && rd16(p + 6) & 0x4000)
		return !memcmp(p, q, 4) && !memcmp(p + 6, q + 6, 4) && !memcmp(p + 12, q + 12, len - 12);
	return !memcmp(p, q, len);
}

static void together(struct input *in)
{
	static uint8_t mem[PACKETS * TT_SLOT], before[PACKETS][TT_SLOT], super[TT_SUPER];
	static uint32_t meta[PACKETS * TT_META];
	struct tt_ring r = { mem, meta, NULL, PACKETS };
	struct tt_group groups[PACKETS];
	uint32_t seqs[4] = { 0 }, next[PACKETS], n = 0, count, seen = 0;
	bool udp = take8(in) & 1;

	for (; n < PACKETS && in->n; n++) {
		uint32_t *m = meta + n * TT_META;

		m[TT_OFF] = n * TT_SLOT + TT_HEAD;
		m[TT_LEN] = (uint32_t)make(in, mem + m[TT_OFF], seqs, (uint16_t)n);
		m[TT_KIND] = TT_K_TUN;
		m[TT_REF] = REF;
		memcpy(before[n], mem + m[TT_OFF], m[TT_LEN]);
	}
	count = tt_coalesce(&r, n, REF, udp, groups, next);
	CHECK(count <= n);
	for (uint32_t g = 0; g < count; g++) {
		const struct tt_group *a = &groups[g];
		uint32_t k = a->first, members = 0;
		size_t len = 0;
		struct tt_super s;

		for (; k != UINT32_MAX; k = next[k], members++) {
			size_t skip = k == a->first ? 0 : a->headers;

			CHECK(next[k] == UINT32_MAX || next[k] > k);
			memcpy(super + len, mem + meta[k * TT_META + TT_OFF] + skip, meta[k * TT_META + TT_LEN] - skip);
			len += meta[k * TT_META + TT_LEN] - skip;
		}
		CHECK(members == a->count && len == a->total && len < TT_SUPER);
		seen += members;
		CHECK(tt_super_begin(&s, &a->vnet, super, len));
		for (k = a->first; k != UINT32_MAX; k = next[k]) {
			uint8_t slot[ROOM];

			CHECK(tt_super_next(&s, slot, sizeof slot) == meta[k * TT_META + TT_LEN]);
			CHECK(same(before[k], slot, meta[k * TT_META + TT_LEN]));
		}
		CHECK(s.at == s.len);
	}
	CHECK(seen == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct input in = { p, n };

	(take8(&in) & 1 ? any_header : together)(&in);
	return 0;
}
