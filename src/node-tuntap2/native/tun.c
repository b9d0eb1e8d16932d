/* TUN netdevs, a batch a call; with offloads super-packets, which are taken apart and put together here. */
#include "io.h"
#include "offload.h"
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>
#include <linux/if_tun.h>

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#define ROOM (TT_SLOT - TT_HEAD - TT_TAIL)
#define PIECES 66 /* of one write: the vnet header, the first packet, payloads */

/* What a super-packet is read into; nothing of it is needed once the call is over. */
static uint8_t scratch[TT_SUPER];

static int offloads(int fd, struct tt_err *e);
static int read_plain(int fd, struct tt_ring *r, struct tt_err *e);
static int read_super(int fd, struct tt_offload *o, struct tt_ring *r, struct tt_err *e);
static uint32_t segments(struct tt_super *s, struct tt_ring *r, uint32_t n);
static int write_plain(int fd, const struct tt_ring *r, uint32_t n, uint32_t ref, uint64_t *drops);
static int write_super(int fd, const struct tt_offload *o, struct tt_ring *r, uint32_t n, uint32_t ref,
		       uint64_t *drops);
static ssize_t write_group(int fd, const struct tt_ring *r, struct tt_group *g, const uint32_t *next);

int tt_tun_open(char name[16], enum tt_tun_mode mode, struct tt_err *e)
{
	struct ifreq r;
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return tt_fail(e, "open /dev/net/tun", -1);
	memset(&r, 0, sizeof r);
	r.ifr_flags =
		(short)((mode == TUN_TAP ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (mode == TUN_OFFLOAD ? IFF_VNET_HDR : 0));
	memcpy(r.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, TUNSETIFF, &r) < 0)
		return tt_fail(e, "TUNSETIFF", fd);
	memcpy(name, r.ifr_name, IFNAMSIZ);
	name[IFNAMSIZ - 1] = 0;
	return mode == TUN_OFFLOAD ? offloads(fd, e) : fd;
}

/* What the kernel does not have it does itself before it hands over a packet. */
static int offloads(int fd, struct tt_err *e)
{
	unsigned long tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
	struct tt_offload *o = tt_offload_new(fd);

	if (!o) {
		errno = ENOMEM;
		return tt_fail(e, "TUNSETOFFLOAD", fd);
	}
	o->tun = true;
	o->udp = ioctl(fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) == 0;
	if (!o->udp && ioctl(fd, TUNSETOFFLOAD, tcp) < 0) {
		tt_offload_release(fd);
		return tt_fail(e, "TUNSETOFFLOAD", fd);
	}
	return fd;
}

int tt_read_tun(int fd, struct tt_ring *r, struct tt_err *e)
{
	struct tt_offload *o = tt_offload_of(fd);

	return o ? read_super(fd, o, r, e) : read_plain(fd, r, e);
}

static int read_plain(int fd, struct tt_ring *r, struct tt_err *e)
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
		tt_place(r, n, TT_HEAD, (uint32_t)got, got > ROOM);
		n++;
	}
	return (int)n;
}

static int read_super(int fd, struct tt_offload *o, struct tt_ring *r, struct tt_err *e)
{
	uint32_t n = 0;

	if (o->held) { /* and nothing else: then the caller knows when it has all */
		n = segments(&o->super, r, 0);
		if (o->super.at == o->super.len)
			tt_offload_drop_held(o);
		return (int)n;
	}
	while (n < r->slots) {
		uint8_t *slot = r->mem + (size_t)n * TT_SLOT + TT_HEAD;
		struct tt_vnet h;
		/* Most packets that are no super-packets stay where they are read. */
		struct iovec io[3] = { { &h, sizeof h }, { slot, ROOM }, { scratch + ROOM, sizeof scratch - ROOM } };
		struct tt_super s;
		ssize_t got = readv(fd, io, 3);
		size_t len;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < (ssize_t)sizeof h) {
			if (got >= 0 || errno == EAGAIN || n > 0)
				break;
			return tt_fail(e, "read", -1);
		}
		len = (size_t)got - sizeof h;
		if (h.gso_type == TT_GSO_NONE && len <= ROOM) {
			memset(r->addr + (size_t)n * TT_ADDR, 0, TT_ADDR);
			tt_place(r, n++, TT_HEAD, (uint32_t)len, !tt_super_begin(&s, &h, slot, len));
			continue;
		}
		memcpy(scratch, slot, len < ROOM ? len : ROOM);
		if (!tt_super_begin(&s, &h, scratch, len)) {
			tt_place(r, n++, TT_HEAD, 0, true);
			continue;
		}
		n = segments(&s, r, n);
		if (s.at < s.len && !tt_offload_hold(o, scratch, len))
			s.at = s.len; /* no memory: drop the rest */
		if (s.at < s.len) {
			o->super = s;
			o->super.p = o->held;
			break;
		}
	}
	return (int)n;
}

/* Fills slots while any are free. Returns the next free slot. */
static uint32_t segments(struct tt_super *s, struct tt_ring *r, uint32_t n)
{
	for (; n < r->slots && s->at < s->len; n++) {
		size_t len = tt_super_next(s, r->mem + (size_t)n * TT_SLOT + TT_HEAD, ROOM);

		memset(r->addr + (size_t)n * TT_ADDR, 0, TT_ADDR);
		tt_place(r, n, TT_HEAD, (uint32_t)len, !len);
		if (!len)
			s->at = s->len;
	}
	return n;
}

int tt_write_tun(int fd, struct tt_ring *r, uint32_t n, uint32_t ref, uint64_t *drops)
{
	const struct tt_offload *o = tt_offload_of(fd);

	return o ? write_super(fd, o, r, n, ref, drops) : write_plain(fd, r, n, ref, drops);
}

static int write_plain(int fd, const struct tt_ring *r, uint32_t n, uint32_t ref, uint64_t *drops)
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

static int write_super(int fd, const struct tt_offload *o, struct tt_ring *r, uint32_t n, uint32_t ref, uint64_t *drops)
{
	struct tt_group groups[TT_MAX_SLOTS];
	uint32_t next[TT_MAX_SLOTS], count = tt_coalesce(r, n, ref, o->udp, groups, next);
	int done = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (write_group(fd, r, &groups[i], next) >= 0)
			done += (int)groups[i].count;
		else if (drops)
			drops[errno == EAGAIN || errno == ENOBUFS ? D_TUN_FULL : D_TUN_ERROR] += groups[i].count;
	}
	return done;
}

static ssize_t write_group(int fd, const struct tt_ring *r, struct tt_group *g, const uint32_t *next)
{
	const uint32_t *m = r->meta + g->first * TT_META;
	struct iovec io[PIECES] = { { &g->vnet, sizeof g->vnet }, { r->mem + m[TT_OFF], m[TT_LEN] } };
	int n = 2;
	ssize_t w;

	for (uint32_t i = next[g->first]; i != UINT32_MAX; i = next[i]) {
		m = r->meta + i * TT_META;
		io[n++] = (struct iovec){ r->mem + m[TT_OFF] + g->headers, m[TT_LEN] - g->headers };
	}
	do
		w = writev(fd, io, n);
	while (w < 0 && errno == EINTR);
	return w;
}
