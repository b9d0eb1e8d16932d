/* The flat functions of io.c, and descriptors in the engine's loop. */
#include "bind_fp.h"
#include "fpio.h"
#include "io.h"
#include "offload.h"
#include "serial.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static double bind_tun_open(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	uint8_t *name = arg_bytes_of(a, 0, 16, "name: must be 16 bytes, ended by zeros");
	bool tap = arg_bool(a, 1, "tap: true or false"), offload = arg_bool(a, 2, "offload: true or false");

	if (a->bad)
		return NOTHING;
	name[15] = 0;
	return give_fd(a, tt_tun_open((char *)name, tap ? TUN_TAP : offload ? TUN_OFFLOAD : TUN_PLAIN, &e), &e);
}

static double bind_udp_open(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	size_t alen;
	uint8_t *addr = arg_address(a, 0, &alen);
	uint16_t port = arg_u16(a, 1, "port: 0 to 65535");
	bool reuse = arg_bool(a, 2, "reuse: true or false"), offload = arg_bool(a, 3, "offload: true or false");
	int buffer = (int)arg_integer(a, 4, 0, 1 << 30, "buffer: 0 to 2^30");

	if (a->bad)
		return NOTHING;
	return give_fd(a, tt_udp_open(addr, alen, port, reuse, offload, buffer, &e), &e);
}

static double bind_raw_open(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	int family = (int)arg_integer(a, 0, 4, 6, "family: 4 or 6");
	int protocol = (int)arg_integer(a, 1, 0, 255, "protocol: 0 to 255");
	size_t alen;
	uint8_t *addr = arg_address(a, 2, &alen);

	if (alen != (family == 4 ? 4u : 16u) || family == 5)
		throw_range(a, "family: does not fit the address");
	if (a->bad)
		return NOTHING;
	return give_fd(a, tt_raw_open(family, protocol, addr, alen, &e), &e);
}

static double bind_raw_hide(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	int fd = arg_fd(a, 0);
	int family = (int)arg_integer(a, 1, 4, 6, "family: 4 or 6");

	if (a->bad)
		return NOTHING;
	return give_result(a, tt_raw_hide(fd, family, &e), &e);
}

static double bind_netlink_open(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	int protocol = (int)arg_integer(a, 0, 0, 255, "protocol: 0 to 255");
	uint32_t groups = arg_u32(a, 1, "groups: a 32-bit mask");

	if (a->bad)
		return NOTHING;
	return give_fd(a, tt_netlink_open(protocol, groups, &e), &e);
}

static double bind_socket_port(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	int fd = arg_fd(a, 0);

	if (a->bad)
		return NOTHING;
	return give_result(a, tt_socket_port(fd, &e), &e);
}

/* Bits: 1: what was read had no room and is held for the next call; 2: segments were refused since this was asked. */
static double bind_offload(struct tt_args *a)
{
	int fd = arg_fd(a, 0), bits;
	struct tt_offload *o;

	if (a->bad)
		return NOTHING;
	o = tt_offload_of(fd);
	if (!o)
		return 0;
	bits = (o->held ? 1 : 0) | (o->refused ? 2 : 0);
	o->refused = false;
	return bits;
}

static double read_into(struct tt_args *a, int (*reader)(int fd, struct tt_ring *r, struct tt_err *e))
{
	struct tt_err e = { 0, "" };
	int fd = arg_fd(a, 0);
	struct tt_ring r;

	arg_ring(a, 1, -1, &r);
	if (a->bad)
		return NOTHING;
	return give_result(a, reader(fd, &r, &e), &e);
}

static double bind_read_tun(struct tt_args *a)
{
	return read_into(a, tt_read_tun);
}

static double bind_read_udp(struct tt_args *a)
{
	return read_into(a, tt_read_udp);
}

static double bind_read_raw(struct tt_args *a)
{
	return read_into(a, tt_read_raw);
}

static uint64_t *drops_of(struct tt_args *a, int i)
{
	struct tt_fp *fp;

	if (arg_u32(a, i, "fast path: not a handle") == 0)
		return NULL;
	fp = arg_fp(a, i);
	return fp ? fp->drops : NULL;
}
static double bind_write_tun(struct tt_args *a)
{
	int fd = arg_fd(a, 0);
	struct tt_ring r;
	uint32_t n = arg_ring(a, 1, 2, &r), ref = arg_u32(a, 3, "ref: not a device id");
	uint64_t *drops = drops_of(a, 4);

	if (a->bad)
		return NOTHING;
	return tt_write_tun(fd, &r, n, ref, drops);
}

static double write_from(struct tt_args *a, bool raw)
{
	struct tt_err e = { 0, "" };
	int fd = arg_fd(a, 0);
	struct tt_ring r;
	uint32_t n = arg_ring(a, 1, 2, &r), kind = arg_u32(a, 3, "kind: not a Kind");
	uint64_t *drops = drops_of(a, 4);

	if (a->bad)
		return NOTHING;
	return give_result(a, tt_write_socket(fd, &r, n, kind, raw, drops, &e), &e);
}

static double bind_write_udp(struct tt_args *a)
{
	return write_from(a, false);
}

static double bind_write_raw(struct tt_args *a)
{
	return write_from(a, true);
}

static double bind_send(struct tt_args *a)
{
	int fd = arg_fd(a, 0);
	size_t len;
	uint8_t *p = arg_bytes(a, 1, &len, "data: not a Uint8Array");
	ssize_t r;

	if (a->bad)
		return NOTHING;
	do
		r = send(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? throw_system(a, errno, "send") : (double)r;
}

static double bind_recv(struct tt_args *a)
{
	int fd = arg_fd(a, 0);
	size_t len;
	uint8_t *p = arg_bytes(a, 1, &len, "into: not a Uint8Array");
	ssize_t r;

	if (a->bad)
		return NOTHING;
	do
		r = recv(fd, p, len, MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	return r < 0 && errno != EAGAIN ? throw_system(a, errno, "recv") : (double)r;
}

static double bind_getsockopt(struct tt_args *a)
{
	int fd = arg_fd(a, 0), level = arg_s32(a, 1, "level: a number"), name = arg_s32(a, 2, "name: a number");
	size_t len;
	uint8_t *p = arg_bytes(a, 3, &len, "into: not a Uint8Array");
	socklen_t n = (socklen_t)len;

	if (len > 65536)
		throw_range(a, "into: more than 65536 bytes");
	if (a->bad)
		return NOTHING;
	return getsockopt(fd, level, name, p, &n) < 0 ? throw_system(a, errno, "getsockopt") : n;
}

static double bind_setsockopt(struct tt_args *a)
{
	int fd = arg_fd(a, 0), level = arg_s32(a, 1, "level: a number"), name = arg_s32(a, 2, "name: a number");
	size_t len;
	uint8_t *p = arg_bytes(a, 3, &len, "value: not a Uint8Array");

	if (len > 65536)
		throw_range(a, "value: more than 65536 bytes");
	if (a->bad)
		return NOTHING;
	return setsockopt(fd, level, name, p, (socklen_t)len) < 0 ? throw_system(a, errno, "setsockopt") : NOTHING;
}

static double bind_ioctl(struct tt_args *a)
{
	int fd = arg_fd(a, 0);
	uint32_t request = arg_u32(a, 1, "request: a number");
	size_t len;
	uint8_t *p = arg_bytes(a, 2, &len, "data: not a Uint8Array");
	/*
	 * Numbers do not tell how much the kernel reads and writes: give it room. Requests that take pointers are not
	 * for us.
	 */
	uint8_t room[4096] __attribute__((aligned(16))) = { 0 };
	int r;

	if (len > 1024)
		throw_range(a, "data: more than 1024 bytes");
	if (a->bad)
		return NOTHING;
	memcpy(room, p, len);
	r = ioctl(fd, request, room);
	if (r < 0)
		return throw_system(a, errno, "ioctl");
	memcpy(p, room, len);
	return r;
}

static double bind_probe_path(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	size_t alen;
	uint8_t *remote = arg_address(a, 0, &alen), *into = arg_bytes_of(a, 1, 20, "into: must be 20 bytes");
	uint32_t ifindex = 0;
	int mtu;

	if (a->bad)
		return NOTHING;
	mtu = tt_probe_path(remote, alen, into, &ifindex, &e);
	wr32(into + 16, ifindex);
	return give_result(a, mtu, &e);
}

static double bind_no_dumps(struct tt_args *a)
{
	struct tt_err e = { 0, "" };

	if (a->bad)
		return NOTHING;
	return give_result(a, tt_no_dumps(&e), &e);
}

static double bind_many_files(struct tt_args *a)
{
	(void)a;
	tt_many_files();
	return 0;
}

/* ---- descriptors in the loop ---- */

struct watched_path { /* what the fast path does first */
	struct tt_inst *inst;
	uint32_t fp; /* handle */
	int fd;
	enum tt_origin origin; /* of a socket */
	uint32_t dev;	       /* of a TUN */
};

struct watched {
	struct tt_obj obj;
	struct tt_watch *w;
	int fd;
};

static void unwatch(struct tt_inst *inst, struct watched *slot)
{
	engine_unwatch(slot->w);
	pool_remove(&inst->watches, slot);
}

static double watch(struct tt_args *a, int i, int fd, const struct tt_first *first)
{
	struct tt_watch *w = engine_watch(a, i, fd, first);
	struct watched *slot;

	if (!w) {
		free(first ? first->opaque : NULL);
		return NOTHING;
	}
	slot = pool_add(&a->inst->watches);
	if (!slot) {
		engine_unwatch(w);
		return throw_system(a, ENOMEM, "watch");
	}
	slot->w = w;
	slot->fd = fd;
	return slot->obj.handle;
}

static double bind_watch(struct tt_args *a)
{
	int fd = arg_fd(a, 0);

	if (a->bad)
		return NOTHING;
	return watch(a, 1, fd, NULL);
}

/* flat.ts Received: the slots that were filled, and how many of them the control plane wants. */
static double received(int n, int up)
{
	return n < 0 ? -1 : n | up << 16;
}

static double bind_receive(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	struct tt_fp *fp = arg_fp(a, 0);
	int fd = arg_fd(a, 1), n, up;
	enum tt_origin origin = (enum tt_origin)arg_integer(a, 2, ORIGIN_UDP4500, ORIGIN_UDP1701, "origin: not known");
	struct tt_ring r;

	arg_ring(a, 3, -1, &r);
	if (a->bad)
		return NOTHING;
	n = fp_receive(fp, origin, fd, &r, &up, &e);
	return n < 0 ? throw_system(a, e.no, e.call) : received(n, up);
}

enum { TURNS = 4 }; /* batches a wake, so that other descriptors get their turn */

static bool holds(int fd)
{
	const struct tt_offload *o = tt_offload_of(fd);

	return o && o->held;
}

/* NOTHING: nothing is left for JavaScript to do. */
static double receive_first(void *opaque, void *memory, size_t len)
{
	const struct watched_path *v = opaque;
	struct tt_fp *fp = held_fp(v->inst, v->fp);
	struct tt_err e;
	struct tt_ring r;
	int n, up;

	if (!fp || !tt_ring_map(&r, memory, len))
		return NOTHING;
	for (int turn = 0; turn < TURNS || holds(v->fd); turn++) {
		n = fp_receive(fp, v->origin, v->fd, &r, &up, &e);
		if (n < 0 || up || fp->news || fp->unknown_spi)
			return received(n, up);
		if (n < (int)r.slots)
			break;
	}
	return NOTHING;
}

static double transmit_first(void *opaque, void *memory, size_t len)
{
	const struct watched_path *v = opaque;
	struct tt_fp *fp = held_fp(v->inst, v->fp);
	struct tt_err e;
	struct tt_ring r;
	int n, up;

	if (!fp || !tt_ring_map(&r, memory, len))
		return NOTHING;
	for (int turn = 0; turn < TURNS || holds(v->fd); turn++) {
		n = fp_transmit(fp, v->dev, v->fd, &r, &up, &e);
		if (n < 0 || up)
			return received(n, up);
		if (n < (int)r.slots)
			break;
	}
	return NOTHING;
}

static double watch_path(struct tt_args *a, struct watched_path p,
			 double (*ready)(void *opaque, void *memory, size_t len))
{
	struct watched_path *v;
	struct tt_ring r;

	arg_fp(a, 0);
	arg_ring(a, 3, -1, &r);
	if (a->bad)
		return NOTHING;
	v = malloc(sizeof *v);
	if (!v)
		return throw_system(a, ENOMEM, "watch");
	*v = p;
	return watch(a, 4, p.fd, &(struct tt_first){ ready, v, 3 });
}

static double bind_watch_received(struct tt_args *a)
{
	struct watched_path p = { .inst = a->inst };

	p.fp = arg_u32(a, 0, "fast path: not a handle");
	p.fd = arg_fd(a, 1);
	p.origin = (enum tt_origin)arg_integer(a, 2, ORIGIN_UDP4500, ORIGIN_UDP1701, "origin: not known");
	return watch_path(a, p, receive_first);
}

static double bind_transmit(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	struct tt_fp *fp = arg_fp(a, 0);
	int fd = arg_fd(a, 1), n, up;
	uint32_t dev = arg_u32(a, 2, "dev: not a device id");
	struct tt_ring r;

	arg_ring(a, 3, -1, &r);
	if (a->bad)
		return NOTHING;
	n = fp_transmit(fp, dev, fd, &r, &up, &e);
	return n < 0 ? throw_system(a, e.no, e.call) : received(n, up);
}

static double bind_watch_transmitted(struct tt_args *a)
{
	struct watched_path p = { .inst = a->inst };

	p.fp = arg_u32(a, 0, "fast path: not a handle");
	p.fd = arg_fd(a, 1);
	p.dev = arg_u32(a, 2, "dev: not a device id");
	return watch_path(a, p, transmit_first);
}

static double bind_unwatch(struct tt_args *a)
{
	uint32_t handle = arg_u32(a, 0, "watcher: not a handle");
	struct watched *slot = pool_get(&a->inst->watches, handle);

	if (a->bad)
		return NOTHING;
	if (slot) {
		unwatch(a->inst, slot);
	}
	return NOTHING;
}

static double bind_close(struct tt_args *a)
{
	int fd = arg_fd(a, 0);

	if (!a->bad && !map_get(&a->inst->fds, (uint64_t)fd))
		throw_range(a, "fd: not opened here, or closed already");
	if (a->bad)
		return NOTHING;
	for (uint32_t i = 0; i < a->inst->watches.count; i++) {
		struct watched *slot = pool_at(&a->inst->watches, i);

		/* a watch on a closed descriptor would spin, or serve the next owner */
		if (slot->obj.handle && slot->fd == fd) {
			unwatch(a->inst, slot);
		}
	}
	map_remove(&a->inst->fds, (uint64_t)fd);
	forget_exits(a->inst, fd);
	tt_serial_release(fd); /* when it is a line */
	tt_offload_release(fd);
	close(fd);
	return NOTHING;
}

static void begin(struct tt_inst *inst)
{
	pool_init(&inst->watches, sizeof(struct watched));
}

static void end(struct tt_inst *inst)
{
	for (uint32_t i = 0; i < inst->watches.count; i++) {
		struct watched *slot = pool_at(&inst->watches, i);

		if (slot->obj.handle)
			unwatch(inst, slot);
	}
	for (uint32_t i = 0; inst->fds.mask && i <= inst->fds.mask; i++) {
		if (!inst->fds.values[i])
			continue;
		tt_serial_release((int)inst->fds.keys[i]);
		tt_offload_release((int)inst->fds.keys[i]);
		close((int)inst->fds.keys[i]);
	}
	pool_free(&inst->watches);
	map_free(&inst->fds);
}

static const struct tt_function functions[] = {
	{ "tunOpen", bind_tun_open, 3 },
	{ "udpOpen", bind_udp_open, 5 },
	{ "rawOpen", bind_raw_open, 3 },
	{ "rawHide", bind_raw_hide, 2 },
	{ "netlinkOpen", bind_netlink_open, 2 },
	{ "socketPort", bind_socket_port, 1 },
	{ "offload", bind_offload, 1 },
	{ "readTun", bind_read_tun, 2 },
	{ "readUdp", bind_read_udp, 2 },
	{ "readRaw", bind_read_raw, 2 },
	{ "writeTun", bind_write_tun, 5 },
	{ "writeUdp", bind_write_udp, 5 },
	{ "writeRaw", bind_write_raw, 5 },
	{ "send", bind_send, 2 },
	{ "recv", bind_recv, 2 },
	{ "getsockopt", bind_getsockopt, 4 },
	{ "setsockopt", bind_setsockopt, 4 },
	{ "ioctl", bind_ioctl, 3 },
	{ "probePath", bind_probe_path, 2 },
	{ "noDumps", bind_no_dumps, 0 },
	{ "manyFiles", bind_many_files, 0 },
	{ "receive", bind_receive, 4 },
	{ "watch", bind_watch, 2 },
	{ "watchReceived", bind_watch_received, 5 },
	{ "transmit", bind_transmit, 4 },
	{ "watchTransmitted", bind_watch_transmitted, 5 },
	{ "unwatch", bind_unwatch, 1 },
	{ "close", bind_close, 1 },
	{ NULL, NULL, 0 },
};

const struct tt_binding bind_io = { functions, begin, end };
