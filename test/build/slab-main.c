/*
 * For slab.test.ts: commands on the input, a line each, and a line with the answer to each. Blocks have numbers, and
 * are filled with them as long as they live.
 */
#define _GNU_SOURCE /* mincore */
#include "../../src/runtime/quickjs/slab.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define BLOCKS 65536

static struct {
	uint8_t *at;
	size_t size;
} blocks[BLOCKS];
static uint8_t *lowest; /* the first block of all; places are told from its page on */

static void fill(unsigned int n)
{
	memset(blocks[n].at, (int)(n * 7 + 1) & 0xff, blocks[n].size);
}
static int whole(unsigned int n)
{
	for (size_t i = 0; i < blocks[n].size; i++)
		if (blocks[n].at[i] != ((n * 7 + 1) & 0xff))
			return 0;
	return 1;
}

/* "PLACE SIZE", or "none". */
static void take(unsigned int n, size_t size)
{
	uint8_t *p = slab_alloc(size);

	if (!p) {
		puts("none");
		return;
	}
	if (!lowest)
		lowest = (uint8_t *)((uintptr_t)p & ~(uintptr_t)4095);
	blocks[n].at = p;
	blocks[n].size = slab_size(p);
	fill(n);
	printf("%ld %zu\n", (long)(p - lowest), slab_owns(p) && slab_owns(p + blocks[n].size - 1) ? blocks[n].size : 0);
}

/* The pages, of so many from the first on, that take memory. */
static void resident(size_t pages)
{
	static unsigned char in[1 << 16];
	size_t n = 0;

	if (pages > sizeof in || mincore(lowest, pages * 4096, in) < 0)
		exit(1);
	for (size_t i = 0; i < pages; i++)
		n += in[i] & 1;
	printf("%zu\n", n);
}

int main(int argc, char **argv)
{
	char what;
	unsigned int n;
	size_t size;

	if (argc > 2) {
		struct rlimit l = { strtoull(argv[2], NULL, 10), RLIM_INFINITY };

		if (setrlimit(RLIMIT_AS, &l) < 0)
			return 1;
	}
	slab_reserve(strtoull(argv[1], NULL, 10));
	while (scanf(" %c %u %zu", &what, &n, &size) == 3) {
		n %= BLOCKS;
		switch (what) {
		case 'a':
			take(n, size);
			break;
		case 'f':
			puts(whole(n) ? "whole" : "broken");
			slab_free(blocks[n].at);
			break;
		case 'w': /* as whoever writes to what he gave back */
			memset(blocks[n].at, (int)size, 8);
			puts("written");
			break;
		case '?':
			puts(slab_fits(blocks[n].at, size) ? "fits" : "moves");
			break;
		case 'o':
			puts(slab_owns(&what) || slab_owns(NULL) || (lowest && slab_owns(lowest - 4097)) ? "ours" :
													   "foreign");
			break;
		case 't':
			slab_trim();
			puts("trimmed");
			break;
		case 'r':
			resident(size);
			break;
		}
	}
	return 0;
}
