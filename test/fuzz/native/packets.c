#include "packets.h"

size_t ip_packet(struct input *in, uint8_t *p, size_t most)
{
	uint32_t b = take8(in), proto = b & 4 ? TCP : UDP;
	bool six = b & 1;
	size_t header = six ? 40 : 20 + (b >> 6) * 4, n = header + take8(in);

	if (n > most)
		n = most;
	memset(p, 0, n);
	if (six) {
		static const uint8_t nets[2][16] = { { 0x20, 1, 0xd, 0xb8 }, { 0xfe, 0x80 } };

		p[0] = 0x60;
		wr16(p + 4, (uint32_t)(n - header));
		p[6] = (uint8_t)proto;
		memcpy(p + 8, nets[b >> 3 & 1], 16);
		memcpy(p + 24, nets[b >> 4 & 1], 16);
	} else {
		p[0] = (uint8_t)(0x40 | header / 4);
		wr16(p + 2, (uint32_t)n);
		p[9] = (uint8_t)proto;
		p[12] = b & 8 ? 10 : 0xfe;
		p[16] = b & 0x10 ? 10 : 0xfe;
		p[13] = b & 8 ? 0 : 0x80;
		p[17] = b & 0x10 ? 0 : 0x80;
	}
	if (proto == TCP && n >= header + 20) {
		uint32_t o = take8(in);
		size_t room = n - header - 20, nops = o >> 1 & 3;

		if (o & 1 && room >= nops + 4) { /* a SYN with its MSS, at an odd place too */
			memset(p + header + 20, 1, nops);
			memcpy(p + header + 20 + nops, (const uint8_t[]){ 2, 4, 5, (uint8_t)o }, 4);
			p[header + 12] = 0x70;
			p[header + 13] = 2;
		} else {
			p[header + 12] = (uint8_t)(o & 0xf0);
			p[header + 13] = (uint8_t)take8(in);
			take(in, p + header + 20, room < 16 ? room : 16);
		}
	}
	for (uint32_t k = b & 0x20 ? take8(in) & 7 : 0; k > 0 && n; k--) { /* any byte may be another one */
		size_t at = take8(in) % n;

		p[at] = (uint8_t)take8(in);
	}
	return n;
}

static size_t ppp_frame(struct input *in, uint8_t *p, size_t most)
{
	static const uint8_t headers[8][4] = {
		{ 0xff, 3, 0, 0x21 }, { 0xff, 3, 0x21 },       { 0, 0x21 }, { 0x21 }, { 0x57 },
		{ 0, 0x57 },	      { 0xff, 3, 0xc0, 0x21 }, { 0xff, 3 },
	};
	static const uint8_t sizes[8] = { 4, 3, 2, 1, 1, 2, 4, 2 };
	uint32_t which = take8(in) & 7;

	memcpy(p, headers[which], sizes[which]);
	return sizes[which] + ip_packet(in, p + sizes[which], most - sizes[which]);
}

size_t l2tp_packet(struct input *in, const struct m_call *c, uint8_t *p, size_t most)
{
	uint32_t b = take8(in), flags = b & 0x80 ? take16(in) : 2, pad = flags & 0x200 ? take8(in) : 0;
	size_t at = 2, length_at = 0, n;

	if (b & 0x40)
		flags |= (b & 8) << 8 | (b & 2) << 13; /* S, L */
	wr16(p, flags);
	if (flags & 0x4000) {
		length_at = at;
		at += 2;
	}
	wr16(p + at, 7u ^ (b & 0x20 ? take8(in) : 0));
	wr16(p + at + 2, c->p.lcall ^ (b & 0x10 ? take8(in) : 0));
	at += 4;
	if (flags & 0x800) {
		wr32(p + at, take32(in));
		at += 4;
	}
	if (flags & 0x200) {
		wr16(p + at, pad);
		memset(p + at + 2, 0, pad);
		at += 2 + pad;
	}
	n = at + ppp_frame(in, p + at, most - at);
	if (length_at)
		wr16(p + length_at, (uint32_t)(b & 4 ? take16(in) : n));
	if (b & 1)
		n = take16(in) % (n + 1);
	return n;
}

size_t udp_packet(struct input *in, const struct m_call *c, uint8_t *p, size_t most)
{
	size_t n = 8 + l2tp_packet(in, c, p + 8, most - 8);
	uint32_t b = take8(in);

	wr16(p, b & 1 ? take16(in) : 1701);
	wr16(p + 2, b & 2 ? take16(in) : 1701);
	wr16(p + 4, (uint32_t)(b & 4 ? take16(in) : n));
	wr16(p + 6, 0);
	return b & 8 ? take16(in) % (n + 1) : n;
}
