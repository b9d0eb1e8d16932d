/* At build time: writes what unpack.c reads, or says what it would cost. */
#pragma once
#include "packing.h"
#include <stdbool.h>

/* Of a price: one bit's. */
#define BIT_PRICE 64
/* And for the time that each decision takes to unpack: a twelfth of it less, for a hundredth more bytes. */
#define DECISION_PRICE 8

/* Where bytes go: it grows. */
struct sink {
	uint8_t *data;
	size_t size, room;
	bool failed; /* without memory */
};

/*
 * Decisions become bytes (`out`), or with `pricing` only a price. low: the lower end of the range, whose carry may
 * still change `cache` and the `pending` 0xff behind it.
 */
struct coder {
	struct models m;
	bool pricing;
	uint32_t price;
	struct sink out;
	uint64_t low;
	uint32_t range;
	size_t pending;
	uint8_t cache;
	bool begun;
};

/*
 * A literal (of data[at]), or a match of `length` bytes; `which`: of the last distances, or LAST and a new one, which
 * RANKED says by its rank.
 */
#define RANKED (LAST + 1)
struct choice {
	uint32_t length, distance;
	unsigned which;
	uint32_t rank;
};
/* What the model knows of the steps before. */
struct history {
	uint32_t last[LAST];
	unsigned state;
};

void coder_begin(struct coder *c, const uint32_t header[REGIONS + 2]);
/* The sink then has all; it is the caller's. */
void coder_end(struct coder *c);
/* A literal at `at`, or a match; `set`: of the context. h is what it was, and becomes what it is behind. */
void coder_literal(struct coder *c, struct history *h, const uint8_t *data, size_t at, uint32_t set);
void coder_match(struct coder *c, struct history *h, uint32_t set, struct choice choice);
/* In parts, for prices. */
void coder_kind(struct coder *c, const struct history *h, uint32_t set, struct choice choice);
void coder_length(struct coder *c, bool again, uint32_t length);
void coder_distance(struct coder *c, uint32_t length, uint32_t distance);
void coder_rank(struct coder *c, uint32_t length, uint32_t rank);
struct history after_match(struct history h, struct choice choice);
