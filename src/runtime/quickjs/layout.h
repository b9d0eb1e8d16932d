/*
 * The engine's bytecode taken apart, so that like stands beside like: pack.c sees more in it then. split.c does it at
 * build time, join.c puts it together again. Regions one after the other, each a row of fields; a number is one to five
 * bytes, the upper bits first, and its first byte says how many.
 *   HEADS     of each function: flags (two bytes), name, counts, and the line where it begins (signed, from the last
 *             line of the function before)
 *   CLOSURES  of each captured variable: flags (a byte), index
 *   CODE      opcodes, each with its operands; MARK in front of one: another line begins
 *   LINES     the signed difference to each such line
 *   REST      all else as the engine writes it
 * Atoms are 0 where they are the next new one, and otherwise one more than they are.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum region { HEADS, CLOSURES, LINES, CODE, REST, REGIONS };
#define HEAD_FIELDS 11
#define HEAD_FLAGS 2 /* bytes, the first fields */
#define MARK 0	     /* the engine's "invalid" */

enum operand { BYTE = 1, NUMBER, SIGNED, NEXT, ATOM, BAD };
struct operation {
	uint8_t size;
	uint8_t operands[2]; /* enum operand; 0: none. NEXT: signed, from one more than the last constant in the function */
};
extern const struct operation operations[256];

/* Of a number with this first byte, how many follow. */
static inline unsigned bytes_behind(uint8_t first)
{
	return first < 0x80 ? 0 : first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* What pack.c and unpack.c know of a byte before they see it: the set of its probabilities, and whose rank counts. */
#define SETS 674
#define CONTEXTS 0x21000
struct context {
	uint32_t set, rank;
};
/* A walk over the regions, byte by byte. */
struct layout {
	size_t ends[REGIONS], at;
	unsigned region, field, behind;
	uint8_t op, before, last[2]; /* opcodes; bytes, the newest first */
};
void layout_begin(struct layout *l, const uint32_t sizes[REGIONS]);
struct context layout_context(const struct layout *l);
void layout_byte(struct layout *l, uint8_t byte);
