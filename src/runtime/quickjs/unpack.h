/* The bytecode as it is in the executable; pack.c makes it at build time. */
#ifndef UNPACK_H
#define UNPACK_H
#include "layout.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a region, and of what they make. */
#define LARGEST (1u << 25)
/* The sizes of the regions in it, and that of what they make; returns the regions' together, 0 when there are none. */
size_t unpacked_sizes(const uint8_t *in, size_t n, uint32_t sizes[REGIONS + 1]);
/* Fills all of out[size] with the regions. False when `in` is not whole, or not of this size; nothing is read or
 * written outside.
 */
bool unpack(const uint8_t *in, size_t n, uint8_t *out, size_t size);
#endif
