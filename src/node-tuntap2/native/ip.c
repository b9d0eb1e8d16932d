#include "ip.h"
#include "tt.h"

#define TCP 6
#define SYN 0x02
#define IP6_HEADER 40u
#define NO_NEXT_HEADER 59

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
			/*
			 * At an odd offset the two bytes belong to different words of the sum: each word changes by
			 * itself.
			 */
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
