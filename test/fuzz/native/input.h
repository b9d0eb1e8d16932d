/* The fuzzer's bytes, taken from the front; at their end everything is 0. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct input {
	const uint8_t *p;
	size_t n;
};

/* A broken promise: libFuzzer keeps the input that leads here. */
#define CHECK(cond)                                                                        \
	do {                                                                               \
		if (!(cond)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                           \
		}                                                                          \
	} while (0)

static inline uint32_t take8(struct input *in)
{
	if (!in->n)
		return 0;
	in->n--;
	return *in->p++;
}
static inline uint32_t take16(struct input *in)
{
	uint32_t high = take8(in);

	return high << 8 | take8(in);
}
static inline uint32_t take32(struct input *in)
{
	uint32_t high = take16(in);

	return high << 16 | take16(in);
}
/* Up to `most` bytes; returns how many. */
static inline size_t take(struct input *in, uint8_t *into, size_t most)
{
	size_t n = in->n < most ? in->n : most;

	if (n)
		memcpy(into, in->p, n);
	in->p += n;
	in->n -= n;
	return n;
}
#endif
