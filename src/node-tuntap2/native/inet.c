/* UDP and raw sockets: opened, and read a batch a call; with UDP_GRO a message is many datagrams (udp(7)). */
#define _GNU_SOURCE
#include "io.h"
#include "offload.h"
#include "sockaddr.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/filter.h>

#define ROOM (TT_SLOT - TT_HEAD - TT_TAIL)
#define ROW 64u	    /* datagrams of most messages, at most */
#define MESSAGES 8u /* that one call reads, when each may be a super-packet */

struct message { /* that was read: one datagram, or several of `size` bytes each, the last one maybe shorter */
	uint8_t addr[TT_ADDR];
	const uint8_t *p;
	uint32_t len, size;
};
static uint8_t scratch[MESSAGES][TT_SUPER];

static void udp_offloads(int fd);
static int read_each(int fd, struct tt_ring *r, uint32_t before, struct tt_err *e);
static int read_super(int fd, struct tt_offload *o, struct tt_ring *r, struct tt_err *e);
static int receive(int fd, unsigned most, struct message *into, struct tt_err *e);
static uint32_t split(const struct message *m, struct tt_ring *r, uint32_t n, uint32_t *at);

static int on(int fd, int level, int option)
{
	int one = 1;

	return setsockopt(fd, level, option, &one, sizeof one);
}

/* The forced variants pass the sysctl limit but want CAP_NET_ADMIN; a smaller buffer is no error. */
static void buffers(int fd, int bytes)
{
	if (bytes <= 0)
		return;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

int tt_udp_open(const uint8_t *addr, size_t alen, uint16_t port, bool reuse, bool offload, int buffer, struct tt_err *e)
{
	union sa s;
	socklen_t n = sa_fill(&s, addr, alen, port);
	int fd = socket(s.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return tt_fail(e, "socket", -1);
	if (alen == 4 ? on(fd, IPPROTO_IP, IP_PKTINFO) :
			on(fd, IPPROTO_IPV6, IPV6_V6ONLY) | on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO))
		return tt_fail(e, "setsockopt", fd);
	if (reuse && on(fd, SOL_SOCKET, SO_REUSEADDR))
		return tt_fail(e, "setsockopt", fd);
	buffers(fd, buffer);
	if (bind(fd, &s.any, n) < 0)
		return tt_fail(e, "bind", fd);
	if (offload)
		udp_offloads(fd);
	return fd;
}

/* A kernel before 4.18 (5.0 for reading) has none of it: then each datagram goes by itself. */
static void udp_offloads(int fd)
{
	int off = 0;
	bool segment = setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &off, sizeof off) ==
		       0; /* a size comes with each message */
	struct tt_offload *o = segment || on(fd, IPPROTO_UDP, UDP_GRO) == 0 ? tt_offload_new(fd) : NULL;

	if (!o)
		return;
	o->gro = on(fd, IPPROTO_UDP, UDP_GRO) == 0;
	o->segment = segment ? ROOM + TT_HEAD + TT_TAIL : 0;
}

int tt_raw_open(int family, int protocol, const uint8_t *addr, size_t alen, struct tt_err *e)
{
	union sa s;
	int fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return tt_fail(e, "socket", -1);
	if (family == 4 ? on(fd, IPPROTO_IP, IP_PKTINFO) : on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO))
		return tt_fail(e, "setsockopt", fd);
	if (!tt_all_zero(addr, alen) && bind(fd, &s.any, sa_fill(&s, addr, alen, 0)) < 0)
		return tt_fail(e, "bind", fd);
	return fd;
}

/* Packets are seen from their IPv4 header on, or behind their IPv6 headers. */
int tt_raw_hide(int fd, int family, struct tt_err *e)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), /* X: bytes of IPv4 header */
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0),	/* the SPI */
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x80000000, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	};
	struct sock_fprog filter = { sizeof code / sizeof *code, code };

	if (family == 6)
		code[0] = (struct sock_filter)BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) < 0 ? tt_fail(e, "setsockopt", -1) :
											  0;
}

static void note_remote(uint8_t *a, const union sa *from, uint16_t lport)
{
	memset(a, 0, TT_ADDR);
	if (from->any.sa_family == AF_INET) {
		a[TT_A_FAMILY] = 4;
		memcpy(a + TT_A_RPORT, &from->in4.sin_port, 2);
		memcpy(a + TT_A_REMOTE, &from->in4.sin_addr, 4);
	} else if (from->any.sa_family == AF_INET6) {
		a[TT_A_FAMILY] = 6;
		memcpy(a + TT_A_RPORT, &from->in6.sin6_port, 2);
		memcpy(a + TT_A_REMOTE, &from->in6.sin6_addr, 16);
	}
	wr16(a + TT_A_LPORT, lport);
}

static void note_local(uint8_t *a, struct msghdr *h)
{
	uint32_t ifindex = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo p;

			memcpy(&p, CMSG_DATA(c), sizeof p);
			memcpy(a + TT_A_LOCAL, &p.ipi_spec_dst,
			       4); /* the address to answer from, even to a broadcast */
			ifindex = (uint32_t)p.ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo p;

			memcpy(&p, CMSG_DATA(c), sizeof p);
			memcpy(a + TT_A_LOCAL, &p.ipi6_addr, 16);
			ifindex = p.ipi6_ifindex;
		}
	}
	for (int i = 0; i < 4; i++)
		a[TT_A_IFINDEX + i] = (uint8_t)(ifindex >> 8 * i);
}

int tt_read_udp(int fd, struct tt_ring *r, struct tt_err *e)
{
	struct tt_offload *o = tt_offload_of(fd);

	return o && o->gro ? read_super(fd, o, r, e) : read_each(fd, r, 0, e);
}

/* `before`: how far in front of HEAD reading starts. */
static int read_each(int fd, struct tt_ring *r, uint32_t before, struct tt_err *e)
{
	struct mmsghdr m[TT_MAX_SLOTS];
	struct iovec io[TT_MAX_SLOTS];
	union sa from[TT_MAX_SLOTS];
	union control control[TT_MAX_SLOTS];
	union sa own;
	int n;

	memset(m, 0, r->slots * sizeof *m);
	for (uint32_t i = 0; i < r->slots; i++) {
		io[i].iov_base = r->mem + (size_t)i * TT_SLOT + TT_HEAD - before;
		io[i].iov_len = ROOM + before;
		from[i].any.sa_family = AF_UNSPEC;
		m[i].msg_hdr.msg_iov = &io[i];
		m[i].msg_hdr.msg_iovlen = 1;
		m[i].msg_hdr.msg_name = &from[i];
		m[i].msg_hdr.msg_namelen = sizeof from[i];
		m[i].msg_hdr.msg_control = &control[i];
		m[i].msg_hdr.msg_controllen = sizeof control[i];
	}
	do
		n = recvmmsg(fd, m, r->slots, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : tt_fail(e, "recvmmsg", -1);
	if (n > 0 && sa_own(fd, &own, e) < 0)
		return -1;
	for (int i = 0; i < n; i++) {
		uint8_t *a = r->addr + (size_t)i * TT_ADDR;

		note_remote(a, &from[i], sa_port(&own));
		note_local(a, &m[i].msg_hdr);
		tt_place(r, (uint32_t)i, TT_HEAD - before, m[i].msg_len, m[i].msg_hdr.msg_flags & MSG_TRUNC);
	}
	return n;
}

/* Holds what does not fit the ring, prefixed with its addresses. */
static int read_super(int fd, struct tt_offload *o, struct tt_ring *r, struct tt_err *e)
{
	uint32_t n = 0;

	if (o->held) { /* and nothing else: then the caller knows when it has all */
		struct message m;

		while (n < r->slots && o->at < o->length) {
			uint32_t from = 0;

			memcpy(&m, o->held + o->at, sizeof m);
			m.p = o->held + o->at + sizeof m;
			n = split(&m, r, n, &from);
			if (from < m.len) { /* the header moves up to what is left */
				m.len -= from;
				o->at += from;
				memcpy(o->held + o->at, &m, sizeof m);
				break;
			}
			o->at += sizeof m + m.len;
		}
		if (o->at == o->length)
			tt_offload_drop_held(o);
		return (int)n;
	}
	while (n < r->slots) {
		uint32_t left = r->slots - n, most = o->big ? left / ROW : left;
		struct message all[MESSAGES];
		int got;

		if (most == 0 && n > 0)
			break;
		most = most == 0 ? 1 : most > MESSAGES ? MESSAGES : most;
		got = receive(fd, most, all, e);
		if (got < 0 && n > 0)
			break; /* the next call finds it again */
		if (got < 0)
			return -1;
		o->big = false;
		for (int i = 0; i < got; i++) {
			uint32_t from = 0;

			o->big |= all[i].len > all[i].size;
			n = split(&all[i], r, n, &from);
			if (from < all[i].len) {
				all[i].p += from;
				all[i].len -= from;
				tt_offload_hold_more(o, &all[i], sizeof all[i], all[i].p, all[i].len);
			}
		}
		if ((uint32_t)got < most)
			break;
	}
	return (int)n;
}

static int receive(int fd, unsigned most, struct message *into, struct tt_err *e)
{
	struct mmsghdr m[MESSAGES];
	struct iovec io[MESSAGES];
	union sa from[MESSAGES], own;
	union control control[MESSAGES];
	int n;

	memset(m, 0, most * sizeof *m);
	for (unsigned i = 0; i < most; i++) {
		io[i] = (struct iovec){ scratch[i], sizeof scratch[i] };
		from[i].any.sa_family = AF_UNSPEC;
		m[i].msg_hdr = (struct msghdr){
			.msg_iov = &io[i],
			.msg_iovlen = 1,
			.msg_name = &from[i],
			.msg_namelen = sizeof from[i],
			.msg_control = &control[i],
			.msg_controllen = sizeof control[i],
		};
	}
	do
		n = recvmmsg(fd, m, most, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : tt_fail(e, "recvmmsg", -1);
	if (n > 0 && sa_own(fd, &own, e) < 0)
		return -1;
	for (int i = 0; i < n; i++) {
		int size = 0;

		note_remote(into[i].addr, &from[i], sa_port(&own));
		note_local(into[i].addr, &m[i].msg_hdr);
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m[i].msg_hdr); c; c = CMSG_NXTHDR(&m[i].msg_hdr, c))
			if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
				memcpy(&size, CMSG_DATA(c), sizeof size);
		into[i].p = scratch[i];
		into[i].len = m[i].msg_len;
		into[i].size = size > 0 && (uint32_t)size < m[i].msg_len ? (uint32_t)size : m[i].msg_len;
	}
	return n;
}

/*
 * Copies the datagrams of one message into slots n onwards while slots remain; *at: bytes copied. Returns the next free
 * slot.
 */
static uint32_t split(const struct message *m, struct tt_ring *r, uint32_t n, uint32_t *at)
{
	do {
		uint32_t left = m->len - *at, len = left < m->size ? left : m->size;

		if (n == r->slots)
			return n;
		if (len <= ROOM)
			memcpy(r->mem + (size_t)n * TT_SLOT + TT_HEAD, m->p + *at, len);
		memcpy(r->addr + (size_t)n * TT_ADDR, m->addr, TT_ADDR);
		tt_place(r, n++, TT_HEAD, len, len > ROOM);
		*at += len;
	} while (*at < m->len);
	return n;
}

/* IPv4 raw sockets deliver the IP header: read it into the headroom and strip it. IPv6 ones do not (RFC 3542 3). */
int tt_read_raw(int fd, struct tt_ring *r, struct tt_err *e)
{
	int domain = 0;
	socklen_t dlen = sizeof domain;
	int n;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &dlen) < 0)
		return tt_fail(e, "getsockopt", -1);
	n = read_each(fd, r, domain == AF_INET ? 20 : 0, e);
	for (int i = 0; i < n; i++) {
		uint8_t *a = r->addr + (size_t)i * TT_ADDR;
		uint32_t *meta = r->meta + i * TT_META;

		memset(a + TT_A_RPORT, 0, 2); /* sin_port means nothing here */
		memset(a + TT_A_LPORT, 0, 2);
		if (domain == AF_INET && meta[TT_LEN]) {
			const uint8_t *ip = r->mem + meta[TT_OFF];
			uint32_t header = meta[TT_LEN] < 20 ? meta[TT_LEN] : (ip[0] & 15) * 4u;

			if (header > meta[TT_LEN])
				header = meta[TT_LEN];
			meta[TT_OFF] += header;
			meta[TT_LEN] -= header;
		}
	}
	return n;
}
