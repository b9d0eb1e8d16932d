#pragma once
#include <stddef.h>
#include <stdint.h>

/*
 * n bytes (less than 4 GiB) as what unpack.c undoes. Returns the size and stores the buffer, which the caller frees; 0
 * without memory.
 */
size_t pack(const uint8_t *in, size_t n, uint8_t **out);
