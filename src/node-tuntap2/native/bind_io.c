/* The flat functions: sockets, TUN, netlink. */
#include "bind.h"
#include "functions.h"
#include "serial.h"
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static double io_result(struct tt_args *a, int r, const struct tt_err *e)
{
	return r < 0 ? fail_system(a, e->no, e->call) : r;
}

static double opened(struct tt_args *a, int fd, const struct tt_err *e)
{
	if (fd >= 0 && !map_set(&a->inst->fds, (uint64_t)fd, 1)) {
		close(fd);
		return fail_system(a, ENOMEM, "open");
	}
	return io_result(a, fd, e);
}

FN(TunOpen)
	struct tt_err e = { 0, "" };
	uint8_t *name = bytes_of(a, 0, 16, "name: must be 16 bytes, ended by zeros");
	bool tap = number(a, 1, 0, 1, "tap: 0 or 1");

	GOOD;
	name[15] = 0;
	return opened(a, tt_tun_open((char *)name, tap, &e), &e);
END
FN(UdpOpen)
	struct tt_err e = { 0, "" };
	size_t alen;
	uint8_t *addr = address(a, 0, &alen);
	uint16_t port = u16(a, 1, "port: 0 to 65535");
	bool reuse = number(a, 2, 0, 1, "reuse: 0 or 1");
	int buffer = (int)number(a, 3, 0, 1 << 30, "buffer: 0 to 2^30");

	GOOD;
	return opened(a, tt_udp_open(addr, alen, port, reuse, buffer, &e), &e);
END
FN(RawOpen)
	struct tt_err e = { 0, "" };
	int family = (int)number(a, 0, 4, 6, "family: 4 or 6");
	int protocol = (int)number(a, 1, 0, 255, "protocol: 0 to 255");
	size_t alen;
	uint8_t *addr = address(a, 2, &alen);

	if (alen != (family == 4 ? 4u : 16u) || family == 5)
		fail_range(a, "family: does not fit the address");
	GOOD;
	return opened(a, tt_raw_open(family, protocol, addr, alen, &e), &e);
END
FN(NetlinkOpen)
	struct tt_err e = { 0, "" };
	int protocol = (int)number(a, 0, 0, 255, "protocol: 0 to 255");
	uint32_t groups = u32(a, 1, "groups: a 32-bit mask");

	GOOD;
	return opened(a, tt_netlink_open(protocol, groups, &e), &e);
END
FN(SocketPort)
	struct tt_err e = { 0, "" };
	int fd = fd_of(a, 0);

	GOOD;
	return io_result(a, tt_socket_port(fd, &e), &e);
END

#define READER(name, call)                                  \
	FN(name)                                            \
		struct tt_err e = { 0, "" };                \
		int fd = fd_of(a, 0);                       \
		struct tt_ring r;                           \
		ring_of(a, 1, -1, &r);                      \
		GOOD;                                       \
		return io_result(a, call(fd, &r, &e), &e);  \
	END
READER(ReadTun, tt_read_tun)
READER(ReadUdp, tt_read_udp)
READER(ReadRaw, tt_read_raw)

static uint64_t *drops_of(struct tt_args *a, int i)
{
	struct tt_fp *fp;

	if (u32(a, i, "fast path: not a handle") == 0)
		return NULL;
	fp = fp_of(a, i);
	return fp ? fp->drops : NULL;
}
FN(WriteTun)
	int fd = fd_of(a, 0);
	struct tt_ring r;
	uint32_t n = ring_of(a, 1, 2, &r), ref = u32(a, 3, "ref: not a device id");
	uint64_t *drops = drops_of(a, 4);

	GOOD;
	return tt_write_tun(fd, &r, n, ref, drops);
END
#define WRITER(name, raw)                                                                       \
	FN(name)                                                                                \
		struct tt_err e = { 0, "" };                                                    \
		int fd = fd_of(a, 0);                                                           \
		struct tt_ring r;                                                               \
		uint32_t n = ring_of(a, 1, 2, &r), kind = u32(a, 3, "kind: not a Kind");        \
		uint64_t *drops = drops_of(a, 4);                                               \
		GOOD;                                                                           \
		return io_result(a, tt_write_socket(fd, &r, n, kind, raw, drops, &e), &e);      \
	END
WRITER(WriteUdp, false)
WRITER(WriteRaw, true)

FN(Send)
	int fd = fd_of(a, 0);
	size_t len;
	uint8_t *p = bytes(a, 1, &len, "data: not a Uint8Array");
	ssize_t r;

	GOOD;
	do
		r = send(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? fail_system(a, errno, "send") : (double)r;
END
FN(Recv)
	int fd = fd_of(a, 0);
	size_t len;
	uint8_t *p = bytes(a, 1, &len, "into: not a Uint8Array");
	ssize_t r;

	GOOD;
	do
		r = recv(fd, p, len, MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	return r < 0 && errno != EAGAIN ? fail_system(a, errno, "recv") : (double)r;
END
FN(Getsockopt)
	int fd = fd_of(a, 0), level = s32(a, 1, "level: a number"), name = s32(a, 2, "name: a number");
	size_t len;
	uint8_t *p = bytes(a, 3, &len, "into: not a Uint8Array");
	socklen_t n = (socklen_t)len;

	if (len > 65536)
		fail_range(a, "into: more than 65536 bytes");
	GOOD;
	return getsockopt(fd, level, name, p, &n) < 0 ? fail_system(a, errno, "getsockopt") : n;
END
FN(Setsockopt)
	int fd = fd_of(a, 0), level = s32(a, 1, "level: a number"), name = s32(a, 2, "name: a number");
	size_t len;
	uint8_t *p = bytes(a, 3, &len, "value: not a Uint8Array");

	if (len > 65536)
		fail_range(a, "value: more than 65536 bytes");
	GOOD;
	return setsockopt(fd, level, name, p, (socklen_t)len) < 0 ? fail_system(a, errno, "setsockopt") : NOTHING;
END
FN(Ioctl)
	int fd = fd_of(a, 0);
	uint32_t request = u32(a, 1, "request: a number");
	size_t len;
	uint8_t *p = bytes(a, 2, &len, "data: not a Uint8Array");
	/* Numbers do not tell how much the kernel reads and writes: give it room. Requests that take pointers are not for us. */
	uint8_t room[4096] __attribute__((aligned(16))) = { 0 };
	int r;

	if (len > 1024)
		fail_range(a, "data: more than 1024 bytes");
	GOOD;
	memcpy(room, p, len);
	r = ioctl(fd, request, room);
	if (r < 0)
		return fail_system(a, errno, "ioctl");
	memcpy(p, room, len);
	return r;
END
FN(ProbePath)
	struct tt_err e = { 0, "" };
	size_t alen;
	uint8_t *remote = address(a, 0, &alen), *into = bytes_of(a, 1, 20, "into: must be 20 bytes");
	uint32_t ifindex = 0;
	int mtu;

	GOOD;
	mtu = tt_probe_path(remote, alen, into, &ifindex, &e);
	wr32(into + 16, ifindex);
	return io_result(a, mtu, &e);
END

FN(NoDumps)
	struct tt_err e = { 0, "" };
	GOOD;
	return io_result(a, tt_no_dumps(&e), &e);
END

FN(LockOpen)
	struct tt_err e = { 0, "" };
	char prefix[108];
	int32_t holder = 0;
	uint8_t *path, *pid;
	int fd;

	string(a, 0, prefix, sizeof prefix, "prefix: at most 106 bytes");
	path = bytes_of(a, 1, 160, "path: must be 160 bytes");
	pid = bytes_of(a, 2, 4, "holder: must be 4 bytes");
	GOOD;
	fd = tt_lock_open(prefix, (char *)path, 160, &holder, &e);
	wr32(pid, (uint32_t)holder);
	return opened(a, fd, &e);
END

/* ---- serial lines ---- */

FN(SerialOpen)
	struct tt_err e = { 0, "" };
	char path[108], lock[128];
	uint32_t baud = u32(a, 2, "baud: not a number");
	enum tt_handshake flow = (enum tt_handshake)number(a, 3, FLOW_NONE, FLOW_XONXOFF, "flow: not known");

	string(a, 0, path, sizeof path, "device: at most 106 bytes");
	string(a, 1, lock, sizeof lock, "lock: at most 126 bytes");
	GOOD;
	return opened(a, tt_serial_open(path, lock, baud, flow, &e), &e);
END
FN(SerialRead)
	int fd = fd_of(a, 0);
	size_t len;
	uint8_t *p = bytes(a, 1, &len, "into: not a Uint8Array");
	ssize_t r;

	GOOD;
	do
		r = read(fd, p, len);
	while (r < 0 && errno == EINTR);
	return r < 0 && errno != EAGAIN ? fail_system(a, errno, "read") : (double)r;
END
FN(SerialWrite)
	int fd = fd_of(a, 0);
	size_t len;
	uint8_t *p = bytes(a, 1, &len, "data: not a Uint8Array");
	uint32_t from = u32(a, 2, "from: not an index");
	ssize_t r;

	if (from > len)
		fail_range(a, "from: behind the end");
	GOOD;
	do
		r = write(fd, p + from, len - from);
	while (r < 0 && errno == EINTR);
	return r < 0 && errno != EAGAIN ? fail_system(a, errno, "write") : r < 0 ? 0 : (double)r;
END
FN(SerialLines)
	int fd = fd_of(a, 0);

	GOOD;
	return tt_serial_lines(fd);
END
/* what: 0 DTR, 1 break */
FN(SerialSet)
	struct tt_err e = { 0, "" };
	int fd = fd_of(a, 0);
	bool brk = number(a, 1, 0, 1, "what: 0 or 1"), on = number(a, 2, 0, 1, "on: 0 or 1");

	GOOD;
	return io_result(a, brk ? tt_serial_break(fd, on, &e) : tt_serial_dtr(fd, on, &e), &e);
END
FN(SerialQueued)
	struct tt_err e = { 0, "" };
	int fd = fd_of(a, 0);

	GOOD;
	return io_result(a, tt_serial_queued(fd, &e), &e);
END
