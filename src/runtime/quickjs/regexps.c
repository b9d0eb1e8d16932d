/*
 * At build time: the engine writes its bytecode in one byte order for every CPU, but the programs of regular
 * expressions as they are in memory. Compiling for a CPU of the other order, they are turned round here: the linker
 * puts this in front of the engine's own lre_compile (--wrap). Operands as in libregexp.c of release 2025-04-26.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

bool regexps_swap;

enum {
#define DEF(id, size) OP_##id,
#include <libregexp-opcode.h>
#undef DEF
	OP_COUNT
};
static const uint8_t sizes[] = {
#define DEF(id, size) size,
#include <libregexp-opcode.h>
#undef DEF
};
#define HEADER 7 /* flags, captures, stack, u32 length */

static void turn(uint8_t *p, int bytes)
{
	for (int i = 0; i < bytes / 2; i++) {
		uint8_t t = p[i];

		p[i] = p[bytes - 1 - i];
		p[bytes - 1 - i] = t;
	}
}

static void swap(uint8_t *all)
{
	uint8_t *p = all + HEADER, *end;
	uint32_t len;

	memcpy(&len, all + 3, 4);
	turn(all + 3, 4);
	for (end = p + len; p < end;) {
		uint8_t op = *p;
		int size = sizes[op];

		if (op == OP_range || op == OP_range32) {
			int width = op == OP_range ? 2 : 4;
			uint16_t pairs;

			memcpy(&pairs, p + 1, 2);
			turn(p + 1, 2);
			for (int i = 0; i < 2 * pairs; i++)
				turn(p + 3 + i * width, width);
			size += 2 * pairs * width;
		} else if (op == OP_char) {
			turn(p + 1, 2);
		} else if (op != OP_save_reset) {
			for (int i = 1; i + 4 <= size; i += 4)
				turn(p + i, 4);
		}
		p += size;
	}
}

uint8_t *__real_lre_compile(int *len, char *error, int room, const char *text, size_t text_len, int flags,
			    void *opaque);
uint8_t *__wrap_lre_compile(int *len, char *error, int room, const char *text, size_t text_len, int flags,
			    void *opaque);

uint8_t *__wrap_lre_compile(int *len, char *error, int room, const char *text, size_t text_len, int flags, void *opaque)
{
	uint8_t *all = __real_lre_compile(len, error, room, text, text_len, flags, opaque);

	if (all && regexps_swap)
		swap(all);
	return all;
}
