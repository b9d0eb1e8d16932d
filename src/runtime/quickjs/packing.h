/*
 * How the bytecode is packed: the format, and the model that pack.c (with coder.c and matches.c) and unpack.c share.
 * The size and the FNV-1a hash of what it holds, four bytes each, most significant first; then binary decisions by a
 * range coder. Steps are literals, and matches with what stood before: `distance` bytes before, or at the place of a
 * rank among those that follow the same two bytes, the newest first. Every decision has a probability of its own, which
 * follows what was seen. Whole numbers alone, so that every CPU packs and unpacks the same.
 */
#ifndef PACKING_H
#define PACKING_H
#include <stddef.h>
#include <stdint.h>

#define HEADER 8
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

/* The probability of 0, of 1 << CHANCE_BITS; neither none nor all. */
struct bit {
	uint16_t zero;
};
#define FOLLOWS 5

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
#define LITERAL_SETS 16
#define LITERAL_SET 0x300

struct models {
	/* By the byte before, too. */
	struct bit match[STATES][0x100];
	struct bit again[STATES], ranked[STATES], older[STATES], longer[STATES], oldest[2][STATES];
	/* By the upper bits of the byte before; the second or third 0x100 while it is like the byte at the last distance. */
	struct bit literal[LITERAL_SETS][LITERAL_SET];
	struct bit length[2][SLOTS], distance[DISTANCE_SETS][SLOTS], rank[DISTANCE_SETS][SLOTS];
	struct below lengths[2], distances, ranks;
};

static inline void models_begin(struct models *m)
{
	struct bit *b = (struct bit *)m;

	for (size_t i = 0; i < sizeof *m / sizeof *b; i++)
		b[i].zero = 1 << (CHANCE_BITS - 1);
}

/* `one`: all bits where the decision was 1, none where it was 0. Arithmetic modulo 2^32: no CPU shifts otherwise. */
static inline uint32_t learnt(uint32_t zero, uint32_t one)
{
	uint32_t more = ((1u << CHANCE_BITS) - zero) >> FOLLOWS & ~one;

	return zero + more - (zero >> FOLLOWS & one);
}

static inline unsigned after(unsigned state, enum step step)
{
	return (state << 2 | step) & (STATES - 1);
}

static inline uint8_t byte_before(const uint8_t *data, size_t at)
{
	return at > 0 ? data[at - 1] : 0;
}

/* The two bytes before `at`, which is 2 at least. */
static inline unsigned context(const uint8_t *data, size_t at)
{
	return (unsigned)data[at - 1] << 8 | data[at - 2];
}
#define CONTEXTS 0x10000

static inline struct bit *literal_set(struct models *m, uint8_t before)
{
	return m->literal[before >> 4];
}

/* By how much a match is longer than MIN_MATCH. */
static inline unsigned distance_set(uint32_t more)
{
	return more < DISTANCE_SETS ? more : DISTANCE_SETS - 1;
}

static inline uint32_t hash_of(const uint8_t *data, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ data[i]) * 16777619u;
	return h;
}
#endif
