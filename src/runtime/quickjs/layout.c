#include "layout.h"

/* As quickjs.c counts them. */
#define SHORT_OPCODES 1
enum {
#define FMT(f) FMT_##f,
#define DEF(id, size, n_pop, n_push, f)
#include <quickjs-opcode.h>
	FORMATS
};
#undef FMT
#undef DEF
#define FORMS(f)                                                                                                  \
	{                                                                                                         \
		(f) == FMT_none || (f) == FMT_none_int || (f) == FMT_none_loc || (f) == FMT_none_arg ||           \
				(f) == FMT_none_var_ref || (f) == FMT_npopx ?                                     \
			0 :                                                                                       \
		(f) == FMT_u8 || (f) == FMT_i8 || (f) == FMT_loc8 ? BYTE :                                        \
		(f) == FMT_const || (f) == FMT_const8		  ? NEXT :                                        \
		(f) == FMT_i16 || (f) == FMT_i32 || (f) == FMT_label || (f) == FMT_label8 || (f) == FMT_label16 ? \
							SIGNED :                                                  \
		(f) == FMT_atom || (f) == FMT_atom_u8 || (f) == FMT_atom_u16 ? ATOM :                             \
		(f) == FMT_u16 || (f) == FMT_npop || (f) == FMT_loc || (f) == FMT_arg || (f) == FMT_var_ref ||    \
				(f) == FMT_u32 ?                                                                  \
									       NUMBER :                           \
									       BAD,                               \
			(f) == FMT_atom_u8  ? BYTE :                                                              \
			(f) == FMT_atom_u16 ? NUMBER :                                                            \
					      0                                                                   \
	}
const struct operation operations[256] = {
#define def(id, size, n_pop, n_push, f)
#define DEF(id, size, n_pop, n_push, f) { size, FORMS(FMT_##f) },
#include <quickjs-opcode.h>
};

static void skip_empty(struct layout *l)
{
	while (l->region < REGIONS - 1 && l->at == l->ends[l->region])
		l->region++;
}

void layout_begin(struct layout *l, const uint32_t sizes[REGIONS])
{
	size_t end = 0;

	*l = (struct layout){ 0 };
	for (unsigned i = 0; i < REGIONS; i++)
		l->ends[i] = end += sizes[i];
	skip_empty(l);
}

struct context layout_context(const struct layout *l)
{
	uint32_t last = l->last[0], pair = 0x10000 | last << 8 | l->last[1], behind = l->behind > 0;

	switch (l->region) {
	case CODE:
		if (l->field == 0)
			return (struct context){ l->op, (uint32_t)l->op << 8 | l->before };
		if (!behind && l->field == 1)
			return (struct context){ 0x100u + l->op, 0x20000u | l->op };
		return (struct context){ 0x200u + (last & 63), pair };
	case HEADS:
		return (struct context){ 576 + 2 * l->field + behind, 0x20100 | l->field << 8 | last };
	case CLOSURES:
		if (behind)
			return (struct context){ 624 + (l->last[1] & 1u) * 16 + (last >> 4), pair };
		return (struct context){ l->field == 0 ? 608 : 609 + (last & 1), pair };
	case LINES:
		return (struct context){ 656 + behind, pair };
	default:
		return (struct context){ 658 + (last >> 4), pair };
	}
}

void layout_byte(struct layout *l, uint8_t byte)
{
	const uint8_t *operands;

	l->last[1] = l->last[0];
	l->last[0] = byte;
	if (l->behind > 0) {
		l->behind--;
	} else if (l->region == CODE && l->field == 0) {
		l->before = l->op;
		l->op = byte;
	} else if (l->region == CODE) {
		l->behind = operations[l->op].operands[l->field - 1] == BYTE ? 0 : bytes_behind(byte);
	} else if (l->region == LINES || (l->region == HEADS && l->field >= HEAD_FLAGS) ||
		   (l->region == CLOSURES && l->field == 1)) {
		l->behind = bytes_behind(byte);
	}
	if (l->behind == 0) {
		operands = operations[l->op].operands;
		if (l->region == HEADS)
			l->field = (l->field + 1) % HEAD_FIELDS;
		else if (l->region == CLOSURES)
			l->field ^= 1;
		else if (l->region == CODE)
			l->field = l->field < 2 && operands[l->field] != 0 ? l->field + 1 : 0;
	}
	if (++l->at == l->ends[l->region]) {
		l->field = l->behind = 0;
		skip_empty(l);
	}
}
