/* TUN, UDP, raw and netlink sockets, a batch a call. Everything is non-blocking and close-on-exec. */
#define _GNU_SOURCE
#include "io.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>

#define ROOM (TT_SLOT - TT_HEAD - TT_TAIL)

union sa {
	struct sockaddr any;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};
union control { /* aligned room for one PKTINFO */
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static socklen_t fill(union sa *s, const uint8_t *addr, size_t alen, uint16_t port)
{
	memset(s, 0, sizeof *s);
	if (alen == 4) {
		s->in4.sin_family = AF_INET;
		s->in4.sin_port = htons(port);
		memcpy(&s->in4.sin_addr, addr, 4);
		return sizeof s->in4;
	}
	s->in6.sin6_family = AF_INET6;
	s->in6.sin6_port = htons(port);
	memcpy(&s->in6.sin6_addr, addr, 16);
	return sizeof s->in6;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= p[i];
	return !any;
}

int tt_tun_open(char name[16], bool tap, struct tt_err *e)
{
	struct ifreq r;
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return tt_fail(e, "open /dev/net/tun", -1);
	memset(&r, 0, sizeof r);
	r.ifr_flags = (short)((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI);
	memcpy(r.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, TUNSETIFF, &r) < 0)
		return tt_fail(e, "TUNSETIFF", fd);
	memcpy(name, r.ifr_name, IFNAMSIZ);
	name[IFNAMSIZ - 1] = 0;
	return fd;
}

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

int tt_udp_open(const uint8_t *addr, size_t alen, uint16_t port, bool reuse, int buffer, struct tt_err *e)
{
	union sa s;
	socklen_t n = fill(&s, addr, alen, port);
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
	return fd;
}

int tt_raw_open(int family, int protocol, const uint8_t *addr, size_t alen, struct tt_err *e)
{
	union sa s;
	int fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return tt_fail(e, "socket", -1);
	if (family == 4 ? on(fd, IPPROTO_IP, IP_PKTINFO) : on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO))
		return tt_fail(e, "setsockopt", fd);
	if (!all_zero(addr, alen) && bind(fd, &s.any, fill(&s, addr, alen, 0)) < 0)
		return tt_fail(e, "bind", fd);
	return fd;
}

int tt_netlink_open(int protocol, uint32_t groups, struct tt_err *e)
{
	struct sockaddr_nl s = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return tt_fail(e, "socket", -1);
	if (bind(fd, (struct sockaddr *)&s, sizeof s) < 0)
		return tt_fail(e, "bind", fd);
	return fd;
}

static int own_address(int fd, union sa *s, struct tt_err *e)
{
	socklen_t n = sizeof *s;

	memset(s, 0, sizeof *s);
	return getsockname(fd, &s->any, &n) < 0 ? tt_fail(e, "getsockname", -1) : 0;
}

static uint16_t port_of(const union sa *s)
{
	return s->any.sa_family == AF_INET  ? ntohs(s->in4.sin_port) :
	       s->any.sa_family == AF_INET6 ? ntohs(s->in6.sin6_port) :
					      0;
}

int tt_socket_port(int fd, struct tt_err *e)
{
	union sa s;

	return own_address(fd, &s, e) < 0 ? -1 : port_of(&s);
}

static void place(struct tt_ring *r, uint32_t i, uint32_t at, uint32_t len, bool truncated)
{
	uint32_t *m = r->meta + i * TT_META;

	m[TT_OFF] = i * TT_SLOT + at;
	m[TT_LEN] = truncated ? 0 : len;
	m[TT_KIND] = truncated ? TT_K_TRUNCATED : TT_K_NONE;
	m[TT_REF] = 0;
}

int tt_read_tun(int fd, struct tt_ring *r, struct tt_err *e)
{
	uint32_t n = 0;

	while (n < r->slots) {
		/* One byte more than fits tells a longer packet from one that just fits. */
		ssize_t got = read(fd, r->mem + (size_t)n * TT_SLOT + TT_HEAD, ROOM + 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			if (got == 0 || errno == EAGAIN || n > 0)
				break;
			return tt_fail(e, "read", -1);
		}
		memset(r->addr + (size_t)n * TT_ADDR, 0, TT_ADDR);
		place(r, n, TT_HEAD, (uint32_t)got, got > ROOM);
		n++;
	}
	return (int)n;
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
			/* the address to answer from, even to a broadcast */
			memcpy(a + TT_A_LOCAL, &p.ipi_spec_dst, 4);
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

/* `before`: how far in front of HEAD reading starts. */
static int receive(int fd, struct tt_ring *r, uint32_t before, struct mmsghdr *m, struct tt_err *e)
{
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
	if (n > 0 && own_address(fd, &own, e) < 0)
		return -1;
	for (int i = 0; i < n; i++) {
		uint8_t *a = r->addr + (size_t)i * TT_ADDR;

		note_remote(a, &from[i], port_of(&own));
		note_local(a, &m[i].msg_hdr);
		place(r, (uint32_t)i, TT_HEAD - before, m[i].msg_len, m[i].msg_hdr.msg_flags & MSG_TRUNC);
		m[i].msg_hdr.msg_name = NULL; /* they end with this call */
		m[i].msg_hdr.msg_control = NULL;
		m[i].msg_hdr.msg_iov = NULL;
	}
	return n;
}

int tt_read_udp(int fd, struct tt_ring *r, struct tt_err *e)
{
	struct mmsghdr m[TT_MAX_SLOTS];

	return receive(fd, r, 0, m, e);
}

/*
 * IPv4 raw sockets hand out the IP header; it is read into the headroom and taken off. IPv6 ones do not (RFC 3542 3).
 */
int tt_read_raw(int fd, struct tt_ring *r, struct tt_err *e)
{
	struct mmsghdr m[TT_MAX_SLOTS];
	int domain = 0;
	socklen_t dlen = sizeof domain;
	int n;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &dlen) < 0)
		return tt_fail(e, "getsockopt", -1);
	n = receive(fd, r, domain == AF_INET ? 20 : 0, m, e);
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

int tt_write_tun(int fd, const struct tt_ring *r, uint32_t n, uint32_t ref, uint64_t *drops)
{
	int done = 0;

	for (uint32_t i = 0; i < n; i++) {
		const uint32_t *m = r->meta + i * TT_META;
		ssize_t w;

		if (!m[TT_LEN] || m[TT_KIND] != TT_K_TUN || m[TT_REF] != ref)
			continue;
		do
			w = write(fd, r->mem + m[TT_OFF], m[TT_LEN]);
		while (w < 0 && errno == EINTR);
		if (w >= 0)
			done++;
		else if (drops)
			drops[errno == EAGAIN || errno == ENOBUFS ? D_TUN_FULL : D_TUN_ERROR]++;
	}
	return done;
}

/* Where to and, when the entry says so, from which address (RFC 3542 6.2, ip(7) IP_PKTINFO). */
static void address(struct msghdr *h, union sa *to, union control *c, const uint8_t *a, bool raw)
{
	size_t alen = a[TT_A_FAMILY] == 4 ? 4 : 16;
	struct cmsghdr *m = &c->align;

	h->msg_name = to;
	h->msg_namelen = fill(to, a + TT_A_REMOTE, alen, raw ? 0 : rd16(a + TT_A_RPORT));
	if (alen == 16 && a[TT_A_REMOTE] == 0xfe && (a[TT_A_REMOTE + 1] & 0xc0) == 0x80) {
		const uint8_t *x = a + TT_A_IFINDEX;

		to->in6.sin6_scope_id = x[0] | (uint32_t)x[1] << 8 | (uint32_t)x[2] << 16 | (uint32_t)x[3] << 24;
	}
	if (all_zero(a + TT_A_LOCAL, alen))
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

int tt_write_socket(int fd, const struct tt_ring *r, uint32_t n, uint32_t kind, bool raw, uint64_t *drops,
		    struct tt_err *e)
{
	struct mmsghdr m[TT_MAX_SLOTS];
	struct iovec io[TT_MAX_SLOTS];
	union sa to[TT_MAX_SLOTS];
	union control control[TT_MAX_SLOTS];
	int domain = 0;
	socklen_t dlen = sizeof domain;
	unsigned k = 0, at = 0;
	int done = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &dlen) < 0)
		return tt_fail(e, "getsockopt", -1);
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t *meta = r->meta + i * TT_META;
		const uint8_t *a = r->addr + (size_t)i * TT_ADDR;

		if (!meta[TT_LEN] || meta[TT_KIND] != kind || a[TT_A_FAMILY] != (domain == AF_INET ? 4 : 6))
			continue;
		io[k].iov_base = r->mem + meta[TT_OFF];
		io[k].iov_len = meta[TT_LEN];
		memset(&m[k], 0, sizeof m[k]);
		m[k].msg_hdr.msg_iov = &io[k];
		m[k].msg_hdr.msg_iovlen = 1;
		address(&m[k].msg_hdr, &to[k], &control[k], a, raw);
		k++;
	}
	while (at < k) {
		int sent = sendmmsg(fd, m + at, k - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		int no = sent < 0 ? errno : 0; /* after 0 errno is of another call */

		if (sent > 0) {
			done += sent;
			at += (unsigned)sent;
		} else if (no == EAGAIN || no == ENOBUFS) {
			if (drops)
				drops[D_TX_SOCKET_FULL] += k - at;
			break;
		} else if (no != EINTR) {
			if (drops)
				drops[D_TX_ERROR]++; /* this one alone: the next may go elsewhere */
			at++;
		}
	}
	return done;
}

static uint32_t ifindex_of(const uint8_t *local, size_t alen)
{
	struct ifaddrs *all = NULL;
	uint32_t found = 0;

	if (getifaddrs(&all) < 0)
		return 0;
	for (struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
		const union sa *s = (const union sa *)(const void *)i->ifa_addr;

		if (!s)
			continue;
		if (alen == 4 ? s->any.sa_family == AF_INET && !memcmp(&s->in4.sin_addr, local, 4) :
				s->any.sa_family == AF_INET6 && !memcmp(&s->in6.sin6_addr, local, 16))
			found = if_nametoindex(i->ifa_name);
	}
	freeifaddrs(all);
	return found;
}

int tt_probe_path(const uint8_t *remote, size_t alen, uint8_t local[16], uint32_t *ifindex, struct tt_err *e)
{
	union sa s;
	socklen_t n = fill(&s, remote, alen, 500), mlen;
	int mtu = 0;
	int fd = socket(s.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return tt_fail(e, "socket", -1);
	if (connect(fd, &s.any, n) < 0)
		return tt_fail(e, "connect", fd);
	if (own_address(fd, &s, e) < 0) {
		close(fd);
		return -1;
	}
	mlen = sizeof mtu;
	if (getsockopt(fd, alen == 4 ? IPPROTO_IP : IPPROTO_IPV6, alen == 4 ? IP_MTU : IPV6_MTU, &mtu, &mlen) < 0)
		return tt_fail(e, "getsockopt", fd);
	close(fd);
	memcpy(local, alen == 4 ? (const void *)&s.in4.sin_addr : (const void *)&s.in6.sin6_addr, alen);
	*ifindex = ifindex_of(local, alen);
	return mtu;
}

int tt_no_dumps(struct tt_err *e)
{
	struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return tt_fail(e, "setrlimit", -1);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return tt_fail(e, "prctl", -1);
	return 0;
}
