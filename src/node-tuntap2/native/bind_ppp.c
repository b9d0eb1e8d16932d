/* The flat functions: the kernel's own L2TP and PPP. */
#include "bind.h"
#include "functions.h"
#include "ppp.h"
#include <errno.h>
#include <unistd.h>

static double opened(struct tt_args *a, int fd, const struct tt_err *e)
{
	if (fd < 0)
		return fail_system(a, e->no, e->call);
	if (!map_set(&a->inst->fds, (uint64_t)fd, 1)) {
		close(fd);
		return fail_system(a, ENOMEM, "open");
	}
	return fd;
}

double UdpConnect(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	int fd = fd_of(a, 0);
	size_t alen;
	uint8_t *addr = address(a, 1, &alen);
	uint16_t port = u16(a, 2, "port: 0 to 65535");

	if (a->bad)
		return NOTHING;
	return tt_udp_connect(fd, addr, alen, port, &e) < 0 ? fail_system(a, e.no, e.call) : 0;
}

double UdpRecv(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	int fd = fd_of(a, 0);
	size_t len;
	uint8_t *into = bytes(a, 1, &len, "into: not a Uint8Array");
	uint8_t *from = bytes_of(a, 2, TT_FROM, "from: must be 48 bytes");
	ssize_t n;

	if (a->bad)
		return NOTHING;
	n = tt_udp_recv(fd, into, len, from, &e);
	return n < 0 && e.no != EAGAIN ? fail_system(a, e.no, e.call) : (double)n;
}

double L2tpOpen(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	int udp = (int)number(a, 0, -1, 2147483647.0, "udp: not a file descriptor");
	size_t alen;
	uint8_t *addr = address(a, 1, &alen);
	uint16_t port = u16(a, 2, "port: 0 to 65535");
	struct tt_l2tp ids = {
		.local_tunnel = u16(a, 3, "tunnel: 0 to 65535"),
		.local_call = u16(a, 4, "call: 0 to 65535"),
		.peer_tunnel = u16(a, 5, "tunnel: 0 to 65535"),
		.peer_call = u16(a, 6, "call: 0 to 65535"),
	};

	if (a->bad)
		return NOTHING;
	return opened(a, tt_l2tp_open(udp, addr, alen, port, &ids, &e), &e);
}

double PppChannel(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	int call = fd_of(a, 0);

	if (a->bad)
		return NOTHING;
	return opened(a, tt_ppp_channel(call, &e), &e);
}

double PppOpen(struct tt_args *a)
{
	struct tt_err e = { 0, "" };

	if (a->bad)
		return NOTHING;
	return opened(a, tt_ppp_open(&e), &e);
}

double PppRead(struct tt_args *a)
{
	int fd = fd_of(a, 0);
	size_t len;
	uint8_t *p = bytes(a, 1, &len, "into: not a Uint8Array");
	ssize_t r;

	if (a->bad)
		return NOTHING;
	do
		r = read(fd, p, len);
	while (r < 0 && errno == EINTR);
	return r < 0 && errno != EAGAIN ? fail_system(a, errno, "read") : (double)r;
}

double PppWrite(struct tt_args *a)
{
	int fd = fd_of(a, 0);
	size_t len;
	uint8_t *p = bytes(a, 1, &len, "data: not a Uint8Array");
	ssize_t r;

	if (a->bad)
		return NOTHING;
	do
		r = write(fd, p, len);
	while (r < 0 && errno == EINTR);
	return r < 0 && errno != EAGAIN ? fail_system(a, errno, "write") : (double)r;
}
