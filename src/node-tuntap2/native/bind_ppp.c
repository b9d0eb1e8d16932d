/* The flat functions of ppp.c. */
#include "bind.h"
#include "ppp.h"
#include <errno.h>
#include <unistd.h>

static double bind_udp_connect(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	int fd = arg_fd(a, 0);
	size_t alen;
	uint8_t *addr = arg_address(a, 1, &alen);
	uint16_t port = arg_u16(a, 2, "port: 0 to 65535");

	if (a->bad)
		return NOTHING;
	return give_result(a, tt_udp_connect(fd, addr, alen, port, &e), &e);
}

static double bind_udp_recv(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	int fd = arg_fd(a, 0);
	size_t len;
	uint8_t *into = arg_bytes(a, 1, &len, "into: not a Uint8Array");
	uint8_t *from = arg_bytes_of(a, 2, TT_FROM, "from: must be 48 bytes");
	ssize_t n;

	if (a->bad)
		return NOTHING;
	n = tt_udp_recv(fd, into, len, from, &e);
	return n < 0 && e.no != EAGAIN ? throw_system(a, e.no, e.call) : (double)n;
}

static double bind_l2tp_open(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	int udp = (int)arg_integer(a, 0, -1, 2147483647.0, "udp: not a file descriptor");
	size_t alen;
	uint8_t *addr = arg_address(a, 1, &alen);
	uint16_t port = arg_u16(a, 2, "port: 0 to 65535");
	struct tt_l2tp ids = {
		.local_tunnel = arg_u16(a, 3, "tunnel: 0 to 65535"),
		.local_call = arg_u16(a, 4, "call: 0 to 65535"),
		.peer_tunnel = arg_u16(a, 5, "tunnel: 0 to 65535"),
		.peer_call = arg_u16(a, 6, "call: 0 to 65535"),
	};

	if (a->bad)
		return NOTHING;
	return give_fd(a, tt_l2tp_open(udp, addr, alen, port, &ids, &e), &e);
}

static double bind_ppp_channel(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	int call = arg_fd(a, 0);

	if (a->bad)
		return NOTHING;
	return give_fd(a, tt_ppp_channel(call, &e), &e);
}

static double bind_ppp_open(struct tt_args *a)
{
	struct tt_err e = { 0, "" };

	if (a->bad)
		return NOTHING;
	return give_fd(a, tt_ppp_open(&e), &e);
}

static double bind_ppp_filter(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	int unit = arg_fd(a, 0);
	size_t len;
	uint8_t *program = arg_bytes(a, 1, &len, "program: not a Uint8Array");

	if (a->bad)
		return NOTHING;
	return give_result(a, tt_ppp_filter(unit, program, len, &e), &e);
}

static double bind_ppp_read(struct tt_args *a)
{
	int fd = arg_fd(a, 0);
	size_t len;
	uint8_t *p = arg_bytes(a, 1, &len, "into: not a Uint8Array");
	ssize_t r;

	if (a->bad)
		return NOTHING;
	do
		r = read(fd, p, len);
	while (r < 0 && errno == EINTR);
	return r < 0 && errno != EAGAIN ? throw_system(a, errno, "read") : (double)r;
}

static double bind_ppp_write(struct tt_args *a)
{
	int fd = arg_fd(a, 0);
	size_t len;
	uint8_t *p = arg_bytes(a, 1, &len, "data: not a Uint8Array");
	ssize_t r;

	if (a->bad)
		return NOTHING;
	do
		r = write(fd, p, len);
	while (r < 0 && errno == EINTR);
	return r < 0 && errno != EAGAIN ? throw_system(a, errno, "write") : (double)r;
}

static const struct tt_function functions[] = {
	{ "udpConnect", bind_udp_connect, 3 }, { "udpRecv", bind_udp_recv, 3 },	    { "l2tpOpen", bind_l2tp_open, 7 },
	{ "pppChannel", bind_ppp_channel, 1 }, { "pppOpen", bind_ppp_open, 0 },	    { "pppRead", bind_ppp_read, 2 },
	{ "pppWrite", bind_ppp_write, 2 },     { "pppFilter", bind_ppp_filter, 2 }, { NULL, NULL, 0 },
};

const struct tt_binding bind_ppp = { functions, NULL, NULL };
