/*
 * For pack.test.ts: takes a file of bytecode apart (split() itself sees that it makes the same again), then damages the
 * regions in many ways, and puts those together. All memory is of its exact size: what lies outside is found.
 */
#include "../../src/runtime/quickjs/join.h"
#include "../../src/runtime/quickjs/split.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 3000

static uint32_t random_below(uint32_t n)
{
	static uint32_t state = 1;

	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

static bool joins(const uint8_t *in, const uint32_t sizes[REGIONS], size_t n)
{
	uint8_t *out = malloc(n);
	bool whole = join(in, sizes, out, n);

	free(out);
	return whole;
}

int main(int argc, char **argv)
{
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
	static uint8_t file[1 << 20];
	size_t n = f ? fread(file, 1, sizeof file, f) : 0, all = 0;
	uint32_t sizes[REGIONS], refused = 0;
	uint8_t *in = malloc(n), *regions;

	memcpy(in, file, n);
	regions = split(in, n, sizes);
	for (int i = 0; regions && i < REGIONS; i++)
		all += sizes[i];
	for (int i = 0; regions && i < ROUNDS; i++) {
		uint8_t *damaged = malloc(all);
		uint32_t own[REGIONS], which = random_below(REGIONS);

		memcpy(damaged, regions, all);
		memcpy(own, sizes, sizeof own);
		for (uint32_t k = random_below(3); k > 0; k--)
			damaged[random_below((uint32_t)all)] = (uint8_t)random_below(256);
		if (i % 2 == 0 && own[which] > 0)
			own[which] -= 1 + random_below(own[which]);
		refused += !joins(damaged, own, n - (i % 5 == 0));
		free(damaged);
	}
	printf("%u of %d damaged ones were refused\n", refused, ROUNDS);
	free(regions);
	free(in);
	return regions ? 0 : 1;
}
