/* The kernel's own L2TP and PPP: PPPoX sockets and /dev/ppp. */
#define _GNU_SOURCE
#include "ppp.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/filter.h>
#include <linux/if_pppox.h>
#include <linux/ppp-ioctl.h>

union sa {
	struct sockaddr any;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};
union control { /* aligned room for one PKTINFO and a mark */
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint32_t))];
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

int tt_udp_connect(int fd, const uint8_t *addr, size_t alen, uint16_t port, struct tt_err *e)
{
	union sa s;
	socklen_t n = fill(&s, addr, alen, port);

	return connect(fd, &s.any, n) < 0 ? tt_fail(e, "connect", -1) : 0;
}

static void note(uint8_t *from, const union sa *s, struct msghdr *h)
{
	memset(from, 0, TT_FROM);
	if (s->any.sa_family == AF_INET) {
		from[TT_A_FAMILY] = 4;
		memcpy(from + TT_A_RPORT, &s->in4.sin_port, 2);
		memcpy(from + TT_A_REMOTE, &s->in4.sin_addr, 4);
	} else if (s->any.sa_family == AF_INET6) {
		from[TT_A_FAMILY] = 6;
		memcpy(from + TT_A_RPORT, &s->in6.sin6_port, 2);
		memcpy(from + TT_A_REMOTE, &s->in6.sin6_addr, 16);
	}
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo p;

			memcpy(&p, CMSG_DATA(c), sizeof p);
			memcpy(from + TT_A_LOCAL, &p.ipi_spec_dst, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo p;

			memcpy(&p, CMSG_DATA(c), sizeof p);
			memcpy(from + TT_A_LOCAL, &p.ipi6_addr, 16);
		} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_MARK) {
			uint32_t mark;

			memcpy(&mark, CMSG_DATA(c), sizeof mark);
			wr32(from + TT_F_MARK, mark);
		}
	}
}

ssize_t tt_udp_recv(int fd, uint8_t *into, size_t room, uint8_t from[TT_FROM], struct tt_err *e)
{
	union sa s = { .any.sa_family = AF_UNSPEC };
	union control control;
	struct iovec io = { into, room };
	struct msghdr h = {
		.msg_name = &s,
		.msg_namelen = sizeof s,
		.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control,
	};
	ssize_t n;

	do
		n = recvmsg(fd, &h, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return tt_fail(e, "recvmsg", -1);
	note(from, &s, &h);
	return n;
}

int tt_l2tp_open(int udp, const uint8_t *addr, size_t alen, uint16_t port, const struct tt_l2tp *ids, struct tt_err *e)
{
	struct sockaddr_pppol2tp four = { .sa_family = AF_PPPOX, .sa_protocol = PX_PROTO_OL2TP };
	struct sockaddr_pppol2tpin6 six = { .sa_family = AF_PPPOX, .sa_protocol = PX_PROTO_OL2TP };
	const void *to = alen == 4 ? (const void *)&four : (const void *)&six;
	socklen_t n = alen == 4 ? sizeof four : sizeof six;
	union sa s;
	int fd = socket(AF_PPPOX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, PX_PROTO_OL2TP);

	if (fd < 0)
		return tt_fail(e, "socket", -1);
	fill(&s, addr, alen, port);
	four.pppol2tp.fd = six.pppol2tp.fd = udp;
	four.pppol2tp.addr = s.in4;
	six.pppol2tp.addr = s.in6;
	four.pppol2tp.s_tunnel = six.pppol2tp.s_tunnel = ids->local_tunnel;
	four.pppol2tp.s_session = six.pppol2tp.s_session = ids->local_call;
	four.pppol2tp.d_tunnel = six.pppol2tp.d_tunnel = ids->peer_tunnel;
	four.pppol2tp.d_session = six.pppol2tp.d_session = ids->peer_call;
	if (connect(fd, to, n) < 0)
		return tt_fail(e, "connect", fd);
	return fd;
}

int tt_ppp_open(struct tt_err *e)
{
	int fd = open("/dev/ppp", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? tt_fail(e, "open /dev/ppp", -1) : fd;
}

int tt_ppp_channel(int call, struct tt_err *e)
{
	int index = 0, fd;

	if (ioctl(call, PPPIOCGCHAN, &index) < 0)
		return tt_fail(e, "PPPIOCGCHAN", -1);
	fd = tt_ppp_open(e);
	if (fd >= 0 && ioctl(fd, PPPIOCATTCHAN, &index) < 0)
		return tt_fail(e, "PPPIOCATTCHAN", fd);
	return fd;
}

int tt_ppp_filter(int unit, const uint8_t *program, size_t len, struct tt_err *e)
{
	struct sock_filter code[BPF_MAXINSNS];
	struct sock_fprog prog = { .len = (unsigned short)(len / sizeof code[0]), .filter = code };

	if (len == 0 || len % sizeof code[0] != 0 || len > sizeof code) {
		errno = EINVAL;
		return tt_fail(e, "PPPIOCSPASS", -1);
	}
	memcpy(code, program, len);
	return ioctl(unit, PPPIOCSPASS, &prog) < 0 ? tt_fail(e, "PPPIOCSPASS", -1) : 0;
}
