/* Netlink sockets, addresses, paths. Everything is non-blocking and close-on-exec. */
#define _GNU_SOURCE
#include "io.h"
#include "sockaddr.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/netlink.h>

socklen_t sa_fill(union sa *s, const uint8_t *addr, size_t alen, uint16_t port)
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

bool tt_all_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= p[i];
	return !any;
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

int sa_own(int fd, union sa *s, struct tt_err *e)
{
	socklen_t n = sizeof *s;

	memset(s, 0, sizeof *s);
	return getsockname(fd, &s->any, &n) < 0 ? tt_fail(e, "getsockname", -1) : 0;
}

uint16_t sa_port(const union sa *s)
{
	return s->any.sa_family == AF_INET  ? ntohs(s->in4.sin_port) :
	       s->any.sa_family == AF_INET6 ? ntohs(s->in6.sin6_port) :
					      0;
}

int tt_socket_port(int fd, struct tt_err *e)
{
	union sa s;

	return sa_own(fd, &s, e) < 0 ? -1 : sa_port(&s);
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
	socklen_t n = sa_fill(&s, remote, alen, 500), mlen;
	int mtu = 0;
	int fd = socket(s.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return tt_fail(e, "socket", -1);
	if (connect(fd, &s.any, n) < 0)
		return tt_fail(e, "connect", fd);
	if (sa_own(fd, &s, e) < 0) {
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

void tt_many_files(void)
{
	struct rlimit l, more = { 32768, 32768 };

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= more.rlim_cur)
		return;
	if (l.rlim_max > more.rlim_max)
		more.rlim_max = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &more) == 0)
		return;
	l.rlim_cur = l.rlim_max; /* without CAP_SYS_RESOURCE */
	setrlimit(RLIMIT_NOFILE, &l);
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
