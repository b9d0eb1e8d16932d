/* The kernel's own L2TP and PPP: PPPoX sockets and /dev/ppp. On a system error they return -1 and fill *e. */
#ifndef TT_PPP_H
#define TT_PPP_H
#include "tt.h"
#include <sys/types.h>

#define TT_FROM 48 /* an addr entry, and the packet's mark, big endian */
enum { TT_F_MARK = 44 };

/* Connects the UDP socket: it sends to this address and receives only from there. */
int tt_udp_connect(int fd, const uint8_t *addr, size_t alen, uint16_t port, struct tt_err *e);
/* One datagram with its addresses and, after SO_RCVMARK, its mark. -1 with e->no == EAGAIN: nothing there. */
ssize_t tt_udp_recv(int fd, uint8_t *into, size_t room, uint8_t from[TT_FROM], struct tt_err *e);

struct tt_l2tp {
	uint16_t local_tunnel, local_call, peer_tunnel, peer_call;
};

/*
 * A PPPoX socket of L2TP (RFC 2661). With both calls 0 it is the tunnel over the connected UDP socket `udp`: the kernel
 * takes the data messages of its calls from there, everything else stays on it. Otherwise a call of that tunnel, and
 * `udp` is -1.
 */
int tt_l2tp_open(int udp, const uint8_t *addr, size_t alen, uint16_t port, const struct tt_l2tp *ids, struct tt_err *e);
/* The PPP channel of a call: LCP and authentication, and all there is while no unit is connected to it. */
int tt_ppp_channel(int call, struct tt_err *e);
/* An unattached /dev/ppp descriptor. */
int tt_ppp_open(struct tt_err *e);
/* Of a unit: which network packets pass (PPPIOCSPASS), a classic BPF program of `len` bytes that may lie anywhere. */
int tt_ppp_filter(int unit, const uint8_t *program, size_t len, struct tt_err *e);

#endif
