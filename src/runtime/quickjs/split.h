#pragma once
#include "layout.h"
#include <stdbool.h>

/*
 * At build time: the regions that join() makes `in` of, one after the other, in a buffer which the caller frees, and
 * their sizes. Null, and a word why on stderr, for bytecode that is not ours.
 */
uint8_t *split(const uint8_t *in, size_t n, uint32_t sizes[REGIONS]);
