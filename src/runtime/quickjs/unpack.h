/* The bytecode as it is in the executable; pack.c makes it at build time. */
#ifndef UNPACK_H
#define UNPACK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length of what `in` holds; 0 when it is too short. */
size_t unpacked_size(const uint8_t *in, size_t n);
/*
 * Fills all of out[size]. False when `in` is not whole, or not of this size; nothing is read or written outside.
 */
bool unpack(const uint8_t *in, size_t n, uint8_t *out, size_t size);
#endif
