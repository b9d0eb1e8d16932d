/* The fast path directly on a socket. */
#ifndef TT_FPIO_H
#define TT_FPIO_H
#include "fastpath.h"

/*
 * Reads a batch into the ring and takes it in as fp_rx() does; what it answered has left by the same socket. The
 * number of slots that were filled, or -1 and *e; `up`: how many the control plane wants.
 */
int fp_receive(struct tt_fp *fp, enum tt_origin origin, int fd, struct tt_ring *r, int *up, struct tt_err *e);

#endif
