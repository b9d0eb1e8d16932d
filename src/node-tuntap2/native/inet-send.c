/* What is sent by UDP and raw sockets, a batch a call: rows of equal datagrams as one message (UDP_SEGMENT, udp(7)). */
#define _GNU_SOURCE
#include "io.h"
#include "offload.h"
#include "sockaddr.h"
#include <errno.h>

#define SEGMENTS 64u   /* of one message: UDP_MAX_SEGMENTS of older kernels */
#define LONGEST 65000u /* bytes of all segments together */

struct batch { /* to be sent */
	struct mmsghdr m[TT_MAX_SLOTS];
	struct iovec io[TT_MAX_SLOTS];
	union sa to[TT_MAX_SLOTS];
	union control control[TT_MAX_SLOTS];
	uint32_t total[TT_MAX_SLOTS]; /* bytes of a message */
	unsigned messages;
};

static void address(struct msghdr *h, union sa *to, union control *c, const uint8_t *a, bool raw);
static bool joins(const struct tt_ring *r, const struct batch *b, uint32_t prior, uint32_t i, uint32_t most);
static void segment_size(struct msghdr *h, union control *c, size_t size);
static int alone(int fd, const struct msghdr *h, uint64_t *drops);

int tt_write_socket(int fd, const struct tt_ring *r, uint32_t n, uint32_t kind, bool raw, uint64_t *drops,
		    struct tt_err *e)
{
	struct tt_offload *o = raw ? NULL : tt_offload_of(fd);
	struct batch b;
	int domain = 0;
	socklen_t dlen = sizeof domain;
	unsigned pieces = 0, at = 0;
	uint32_t prior = 0;
	int done = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &dlen) < 0)
		return tt_fail(e, "getsockopt", -1);
	b.messages = 0;
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t *meta = r->meta + i * TT_META;
		const uint8_t *a = r->addr + (size_t)i * TT_ADDR;
		unsigned last = b.messages - 1;

		if (!meta[TT_LEN] || meta[TT_KIND] != kind || a[TT_A_FAMILY] != (domain == AF_INET ? 4 : 6))
			continue;
		b.io[pieces] = (struct iovec){ r->mem + meta[TT_OFF], meta[TT_LEN] };
		if (o && b.messages > 0 && joins(r, &b, prior, i, o->segment)) {
			b.m[last].msg_hdr.msg_iovlen++;
			b.total[last] += meta[TT_LEN];
		} else {
			last = b.messages++;
			memset(&b.m[last], 0, sizeof b.m[last]);
			b.m[last].msg_hdr.msg_iov = &b.io[pieces];
			b.m[last].msg_hdr.msg_iovlen = 1;
			b.total[last] = meta[TT_LEN];
			address(&b.m[last].msg_hdr, &b.to[last], &b.control[last], a, raw);
		}
		pieces++;
		prior = i;
	}
	for (unsigned i = 0; i < b.messages; i++)
		if (b.m[i].msg_hdr.msg_iovlen > 1)
			segment_size(&b.m[i].msg_hdr, &b.control[i], b.m[i].msg_hdr.msg_iov->iov_len);
	while (at < b.messages) {
		int sent = sendmmsg(fd, b.m + at, b.messages - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		int no = sent < 0 ? errno : 0; /* after 0 errno is of another call */

		if (sent > 0) {
			for (int i = 0; i < sent; i++)
				done += (int)b.m[at++].msg_hdr.msg_iovlen;
		} else if (no == EAGAIN || no == ENOBUFS) {
			for (; drops && at < b.messages; at++)
				drops[D_TX_SOCKET_FULL] += b.m[at].msg_hdr.msg_iovlen;
			break;
		} else if (no != EINTR && b.m[at].msg_hdr.msg_iovlen > 1) {
			/*
			 * EIO: neither the kernel nor the card can (a card without checksums, XFRM on the way). Otherwise the
			 * path's MTU is less than that: whoever goes by it sends singly, in fragments.
			 */
			size_t size = b.m[at].msg_hdr.msg_iov->iov_len;

			o->segment = no == EIO ? 0 : (uint32_t)(size < o->segment ? size - 1 : o->segment);
			o->refused = true;
			done += alone(fd, &b.m[at++].msg_hdr, drops);
		} else if (no != EINTR) {
			if (drops)
				drops[D_TX_ERROR]++; /* this one alone: the next may go elsewhere */
			at++;
		}
	}
	return done;
}

/* Where to and, when the entry says so, from which address (RFC 3542 6.2, ip(7) IP_PKTINFO). */
static void address(struct msghdr *h, union sa *to, union control *c, const uint8_t *a, bool raw)
{
	size_t alen = a[TT_A_FAMILY] == 4 ? 4 : 16;
	struct cmsghdr *m = &c->align;

	h->msg_name = to;
	h->msg_namelen = sa_fill(to, a + TT_A_REMOTE, alen, raw ? 0 : rd16(a + TT_A_RPORT));
	if (alen == 16 && a[TT_A_REMOTE] == 0xfe && (a[TT_A_REMOTE + 1] & 0xc0) == 0x80) {
		const uint8_t *x = a + TT_A_IFINDEX;

		to->in6.sin6_scope_id = x[0] | (uint32_t)x[1] << 8 | (uint32_t)x[2] << 16 | (uint32_t)x[3] << 24;
	}
	if (tt_all_zero(a + TT_A_LOCAL, alen))
		return;
	memset(c, 0, sizeof *c);
	h->msg_control = c;
	if (alen == 4) {
		struct in_pktinfo p = { 0 };

		memcpy(&p.ipi_spec_dst, a + TT_A_LOCAL, 4);
		m->cmsg_level = IPPROTO_IP;
		m->cmsg_type = IP_PKTINFO;
		m->cmsg_len = CMSG_LEN(sizeof p);
		memcpy(CMSG_DATA(m), &p, sizeof p);
		h->msg_controllen = CMSG_SPACE(sizeof p);
	} else {
		struct in6_pktinfo p = { 0 };

		memcpy(&p.ipi6_addr, a + TT_A_LOCAL, 16);
		m->cmsg_level = IPPROTO_IPV6;
		m->cmsg_type = IPV6_PKTINFO;
		m->cmsg_len = CMSG_LEN(sizeof p);
		memcpy(CMSG_DATA(m), &p, sizeof p);
		h->msg_controllen = CMSG_SPACE(sizeof p);
	}
}

/* Whether packet i can be a segment of the message whose newest is `prior`: to the same place, as long or the last. */
static bool joins(const struct tt_ring *r, const struct batch *b, uint32_t prior, uint32_t i, uint32_t most)
{
	const struct msghdr *h = &b->m[b->messages - 1].msg_hdr;
	size_t first = h->msg_iov->iov_len, len = r->meta[i * TT_META + TT_LEN];

	return first <= most && len <= first && r->meta[prior * TT_META + TT_LEN] == first &&
	       (size_t)h->msg_iovlen < SEGMENTS && b->total[b->messages - 1] + len <= LONGEST &&
	       !memcmp(r->addr + (size_t)prior * TT_ADDR, r->addr + (size_t)i * TT_ADDR, TT_ADDR);
}

static void segment_size(struct msghdr *h, union control *c, size_t size)
{
	struct cmsghdr *m = (struct cmsghdr *)(void *)((uint8_t *)c + h->msg_controllen);
	uint16_t value = (uint16_t)size;

	memset(m, 0, CMSG_SPACE(sizeof value));
	m->cmsg_level = IPPROTO_UDP;
	m->cmsg_type = UDP_SEGMENT;
	m->cmsg_len = CMSG_LEN(sizeof value);
	memcpy(CMSG_DATA(m), &value, sizeof value);
	h->msg_control = c;
	h->msg_controllen += CMSG_SPACE(sizeof value);
}

/* Each segment of a message as a datagram of its own. */
static int alone(int fd, const struct msghdr *h, uint64_t *drops)
{
	int done = 0;

	for (size_t i = 0; i < (size_t)h->msg_iovlen; i++) {
		struct msghdr one = *h;
		ssize_t sent;

		one.msg_iov = h->msg_iov + i;
		one.msg_iovlen = 1;
		one.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
		if (one.msg_controllen == 0)
			one.msg_control = NULL;
		do
			sent = sendmsg(fd, &one, MSG_DONTWAIT | MSG_NOSIGNAL);
		while (sent < 0 && errno == EINTR);
		if (sent >= 0)
			done++;
		else if (drops)
			drops[errno == EAGAIN || errno == ENOBUFS ? D_TX_SOCKET_FULL : D_TX_ERROR]++;
	}
	return done;
}
