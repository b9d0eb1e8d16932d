/*
 * How the bytecode is packed: the format, and the model that pack.c (with coder.c and matches.c) and unpack.c share.
 * The sizes of the regions (layout.h), that of the bytecode they make, and the FNV-1a hash of them, four bytes each,
 * most significant first; then binary decisions by a range coder. Steps are literals, and matches with what stood
 * before: `distance` bytes before, or at the place of a rank among those of the same context, the newest first. Every
 * decision has a probability of its own, which follows what was seen, at first more quickly. Whole numbers alone, so
 * that every CPU packs and unpacks the same.
 */
#ifndef PACKING_H
#define PACKING_H
#include "layout.h"
#include <stddef.h>
#include <stdint.h>

#define HEADER (4 * (REGIONS + 2))
#define CHANCE_BITS 12
#define RANGE_LEAST (1u << 24)
#define MIN_MATCH 2
/* The distances that were used last. */
#define LAST 4

/* Places of one context that are counted: with 1024 a hundredth less, and half as much time again to unpack. */
#define RANKS 32

/* What a step was; two of them are the state that the next one depends on. */
enum step { LITERAL, MATCH, AGAIN, SINGLE };
#define STATES 16

/* The probability of 0, of 1 << CHANCE_BITS, neither none nor all; and how often it was asked for, up to SEEN. */
struct bit {
	uint16_t state;
};
#define SEEN_BITS 4
#define SEEN ((1u << SEEN_BITS) - 1)

/*
 * A number: its slot says its upper two bits and how many bits it has (0 to 3 are themselves). Of the bits below, up to
 * MODELLED have a tree for each slot; of more, the last ALIGN have one for all, and what is between is as it is.
 */
#define SLOTS 64
#define MODELLED 5
#define MODELLED_SLOTS (4 + 2 * MODELLED)
#define ALIGN 4
struct below {
	struct bit tree[MODELLED_SLOTS][1 << MODELLED], align[1 << ALIGN];
};

/* Of a match's length: a short one is seldom from far away. */
#define DISTANCE_SETS 4
#define LITERAL_SET 0x300

struct models {
	struct bit match[STATES][SETS];
	struct bit again[STATES], ranked[STATES], older[STATES], longer[STATES], oldest[2][STATES];
	/* The second or third 0x100 while it is like the byte at the last distance. */
	struct bit literal[SETS][LITERAL_SET];
	struct bit length[2][SLOTS], distance[DISTANCE_SETS][SLOTS], rank[DISTANCE_SETS][SLOTS];
	struct below lengths[2], distances, ranks;
};

static inline void models_begin(struct models *m)
{
	struct bit *b = (struct bit *)m;

	for (size_t i = 0; i < sizeof *m / sizeof *b; i++)
		b[i].state = 1 << (CHANCE_BITS - 1 + SEEN_BITS);
}

/* `one`: all bits where the decision was 1, none where it was 0. Arithmetic modulo 2^32: no CPU shifts otherwise. */
static inline uint16_t learnt(uint32_t state, uint32_t one)
{
	static const uint8_t follows[SEEN + 1] = { 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5 };
	uint32_t zero = state >> SEEN_BITS, seen = state & SEEN, by = follows[seen];
	uint32_t more = ((1u << CHANCE_BITS) - zero) >> by & ~one;

	return (uint16_t)((zero + more - (zero >> by & one)) << SEEN_BITS | (seen + (seen < SEEN)));
}

static inline unsigned after(unsigned state, enum step step)
{
	return (state << 2 | step) & (STATES - 1);
}

/* By how much a match is longer than MIN_MATCH. */
static inline unsigned distance_set(uint32_t more)
{
	return more < DISTANCE_SETS ? more : DISTANCE_SETS - 1;
}

static inline uint32_t hash_of(const uint8_t *data, size_t n, uint32_t whole)
{
	uint32_t h = 2166136261u ^ whole;

	for (size_t i = 0; i < n; i++)
		h = (h ^ data[i]) * 16777619u;
	return h;
}
#endif
