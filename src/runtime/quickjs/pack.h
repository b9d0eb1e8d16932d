#pragma once
#include "layout.h"
#include <stddef.h>
#include <stdint.h>

/*
 * Regions (less than 4 GiB) as what unpack.c undoes; `whole`: the size of what they make. Returns the size and stores
 * the buffer, which the caller frees; 0 without memory.
 */
size_t pack(const uint8_t *in, const uint32_t sizes[REGIONS], uint32_t whole, uint8_t **out);
