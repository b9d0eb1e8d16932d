/* The fast path directly on descriptors. */
#ifndef TT_FPIO_H
#define TT_FPIO_H
#include "fastpath.h"

/*
 * Reads a batch into the ring and takes it in as fp_rx() does; what it answered has left by the same socket, and IP
 * packets by their TUN's exit. The number of slots that were filled, or -1 and *e; `up`: how many the control plane
 * wants.
 */
int fp_receive(struct tt_fp *fp, enum tt_origin origin, int fd, struct tt_ring *r, int *up, struct tt_err *e);
/*
 * Reads a batch from a TUN and sends it as fp_tx() does, by the sockets' exits. The number of slots that were filled,
 * or -1 and *e; `up`: how many are left for the caller: those that go up, and all that a socket without an exit is for
 * (then none has left). What has left is empty. One more when a socket would not segment (tt_offload.refused).
 */
int fp_transmit(struct tt_fp *fp, uint32_t dev, int fd, struct tt_ring *r, int *up, struct tt_err *e);

#endif
