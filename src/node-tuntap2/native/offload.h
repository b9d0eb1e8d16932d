/*
 * Super-packets: what a TUN with a vnet header hands over and takes as one, and what it is on the wire, one by one
 * (linux/virtio_net.h). Every field of a header that the kernel hands over is checked here.
 */
#ifndef TT_OFFLOAD_H
#define TT_OFFLOAD_H
#include "tt.h"

#define TT_SUPER 65536u /* no IP packet is longer */

/* As linux/virtio_net.h has it; fields in the machine's byte order. */
struct tt_vnet {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
};
enum { TT_VNET_NEEDS_CSUM = 1 };
enum { TT_GSO_NONE = 0, TT_GSO_TCP4 = 1, TT_GSO_TCP6 = 4, TT_GSO_UDP = 5, TT_GSO_ECN = 0x80 };

/* Adds p[0..n) to the one's complement sum `sum`, in host byte order, not folded (RFC 1071 2). */
uint64_t tt_sum(const uint8_t *p, size_t n, uint64_t sum);
uint16_t tt_fold(uint64_t sum);

/* ---- segment.c: one super-packet, taken apart ---- */

struct tt_super {
	uint8_t *p;	/* the packet; must stay where it is until the last segment is out */
	size_t len, at; /* at: of the payload that comes next; len == at: all is out */
	size_t transport, headers, size;
	uint64_t pseudo; /* of the pseudo-header, without its length */
	uint32_t seq;
	uint16_t id;
	uint8_t gso_type;
};
/* Ready for tt_super_next(). False: the header does not belong to this packet; nothing has been read outside of it. */
bool tt_super_begin(struct tt_super *s, const struct tt_vnet *h, uint8_t *p, size_t len);
/* Writes the next packet with complete checksums and returns its length; 0: it does not fit, nor will any later one. */
size_t tt_super_next(struct tt_super *s, uint8_t *into, size_t room);

/* ---- coalesce.c: packets of a flow, put together ---- */

struct tt_group {
	struct tt_vnet vnet;	/* of what is written; whole once tt_coalesce() returns */
	uint32_t first, last;	/* slots */
	uint32_t count, total;	/* packets; bytes of the first one's headers and all payloads */
	uint16_t headers, size; /* bytes; size: payload of the first packet */
	uint8_t transport;
	bool open; /* takes more */
};
/*
 * Sorts the ring's packets for device `ref` into groups, each one write: consecutive TCP segments of a flow, and with
 * `udp` equal datagrams, whose checksums are right; everything else is a group of its own. The order within a flow is
 * kept. next[i] is the slot behind i in its group, UINT32_MAX at its end. Headers of first packets are changed to be
 * the super-packet's. Room for n groups and n places. Returns the number of groups.
 */
uint32_t tt_coalesce(struct tt_ring *r, uint32_t n, uint32_t ref, bool udp, struct tt_group *groups, uint32_t *next);

/* ---- held.c: what a descriptor with offloads keeps between two calls ---- */

struct tt_offload {
	bool tun;	  /* with a vnet header */
	bool udp;	  /* the TUN takes super-packets of UDP too */
	bool gro;	  /* the socket hands over several datagrams as one */
	bool big;	  /* and has just done so */
	bool refused;	  /* segments were refused since somebody asked */
	uint32_t segment; /* longest segment that the socket cuts from a message; 0: none */
	uint8_t *held;	  /* what was read and found no room in the ring; NULL: nothing */
	size_t length, at;
	struct tt_super super; /* of a TUN: what is held */
};
struct tt_offload *tt_offload_of(int fd);  /* NULL: it has none */
struct tt_offload *tt_offload_new(int fd); /* NULL: no memory */
void tt_offload_release(int fd);
/* A copy of p[0..n). False: no memory. */
bool tt_offload_hold(struct tt_offload *o, const uint8_t *p, size_t n);
/* Appends both to what is held; without memory they are dropped. */
void tt_offload_hold_more(struct tt_offload *o, const void *head, size_t nhead, const uint8_t *p, size_t n);
void tt_offload_drop_held(struct tt_offload *o);
#endif
