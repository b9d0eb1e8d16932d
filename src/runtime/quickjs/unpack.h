/* LZ4's block format, unpacking only; pack.mjs is the other side. */
#ifndef UNPACK_H
#define UNPACK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length of what `in` holds; 0 when it is no such block. */
size_t unpacked_size(const uint8_t *in, size_t n);
/*
 * Fills all of out[size]. False when the block is not whole, or not of this size; nothing is read or written outside.
 */
bool unpack(const uint8_t *in, size_t n, uint8_t *out, size_t size);
#endif
