/* At build time: where the bytes at a place stood before. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define MAX_MATCH 1024

struct match {
	uint32_t length, distance;
};
/* The matches at i are all[first[i]] to all[first[i + 1] - 1], longer and farther each. */
struct matches {
	struct match *all;
	uint32_t *first;
};

/* An empty answer without memory. */
struct matches matches_of(const uint8_t *data, size_t size);
void matches_free(struct matches *m);
