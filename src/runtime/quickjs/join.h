#pragma once
#include "layout.h"
#include <stdbool.h>

/* The engine's values (JS_WriteObject) by their tags; those that no program has in it are left out. */
enum tag {
	TAG_NULL = 1,
	TAG_TRUE = 4,
	TAG_INT,
	TAG_FLOAT,
	TAG_STRING,
	TAG_OBJECT,
	TAG_ARRAY,
	TAG_BIGINT,
	TAG_TEMPLATE,
	TAG_FUNCTION,
	TAG_MODULE
};
/* Of a function's flags: it has lines. */
#define HAS_LINES (1u << 10)
#define STRICT 1
/* Of its table of lines: a step of the program counter and of the line as one byte. */
#define STEP_LINES 5
#define STEP_LEAST (-1)
#define STEP_MOST (254 / STEP_LINES)
#define DEEPEST_VALUE 100

/*
 * Fills all of out[size] with the bytecode whose regions, one after the other, are at `in`. False when they are not
 * such: nothing is read or written outside. Takes up to `size` bytes of memory for a while.
 */
bool join(const uint8_t *in, const uint32_t sizes[REGIONS], uint8_t *out, size_t size);
