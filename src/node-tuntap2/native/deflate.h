/*
 * zlib's raw streams, packet by packet as PPP Deflate wants them (RFC 1979); looked up when first used, like libcrypto.
 */
#ifndef TT_DEFLATE_H
#define TT_DEFLATE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tt_z;
/* `window`: 9 to 15, the history is 2^window bytes. NULL without zlib or memory. */
struct tt_z *tt_z_new(bool inflate, int window);
void tt_z_free(struct tt_z *z);
/* Resets the stream. */
void tt_z_reset(struct tt_z *z);
/*
 * One packet, without the four bytes that end every one of them. -1: it needs more than `room`; it is in the history
 * all the same.
 */
int tt_z_deflate(struct tt_z *z, const uint8_t *in, size_t n, uint8_t *out, size_t room);
/* -1: corrupt, or longer than `room`: no later packet can be read before a reset. */
int tt_z_inflate(struct tt_z *z, const uint8_t *in, size_t n, uint8_t *out, size_t room);
/* Adds a packet received uncompressed, at most 65,535 bytes, to the history. */
bool tt_z_take(struct tt_z *z, const uint8_t *in, size_t n);
#endif
