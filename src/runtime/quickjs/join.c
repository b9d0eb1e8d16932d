#include "join.h"
#include <stdlib.h>
#include <string.h>

/* Where bytes go. */
struct room {
	uint8_t *next, *end;
};
struct joining {
	const uint8_t *next[REGIONS], *ends[REGIONS];
	struct room out, lines; /* of one function */
	uint8_t *lines_begin;
	uint32_t atom, name; /* the next new one; the module's */
	int32_t line;	     /* the last one of the function before */
	bool bad;
};

static void put(struct joining *j, struct room *r, unsigned byte)
{
	if (r->next == r->end)
		j->bad = true;
	else
		*r->next++ = (uint8_t)byte;
}

static void put_leb(struct joining *j, struct room *r, uint32_t v)
{
	for (; v >= 0x80; v >>= 7)
		put(j, r, v | 0x80);
	put(j, r, v);
}

static uint8_t take(struct joining *j, enum region from)
{
	if (j->next[from] == j->ends[from]) {
		j->bad = true;
		return 0;
	}
	return *j->next[from]++;
}

static uint32_t number(struct joining *j, enum region from)
{
	uint8_t first = take(j, from);
	unsigned behind = bytes_behind(first);
	uint32_t v = behind < 4 ? first & (0x7fu >> behind) : 0;

	while (behind-- > 0)
		v = v << 8 | take(j, from);
	return v;
}

static int32_t signed_of(uint32_t v)
{
	return (int32_t)(v >> 1 ^ -(v & 1));
}

static int32_t difference(struct joining *j, enum region from)
{
	return signed_of(number(j, from));
}

static uint32_t atom(struct joining *j, enum region from)
{
	uint32_t v = number(j, from);

	return v == 0 ? j->atom++ : v - 1;
}

/* ---- the rest, as it is ---- */

static uint8_t copy(struct joining *j)
{
	uint8_t byte = take(j, REST);

	put(j, &j->out, byte);
	return byte;
}

static void copy_bytes(struct joining *j, uint32_t n)
{
	while (n-- > 0 && !j->bad)
		copy(j);
}

static uint32_t copy_leb(struct joining *j)
{
	uint32_t v = 0;
	uint8_t byte = 0x80;

	for (int shift = 0; byte >= 0x80 && shift < 35; shift += 7) {
		byte = copy(j);
		v |= (uint32_t)(byte & 0x7f) << (shift & 31);
	}
	return v;
}

static void copy_string(struct joining *j)
{
	uint32_t v = copy_leb(j);

	copy_bytes(j, v & 1 ? v & ~1u : v >> 1);
}

static uint32_t copy_atom(struct joining *j)
{
	uint32_t v = copy_leb(j);

	j->atom += v == j->atom << 1;
	return v;
}

/* ---- functions ---- */

static void begin_lines(struct joining *j, int32_t from)
{
	j->lines.next = j->lines_begin;
	j->line += from;
	put_leb(j, &j->lines, (uint32_t)j->line);
	put(j, &j->lines, 0); /* the column */
}

static void mark(struct joining *j, uint32_t pc)
{
	uint32_t v = number(j, LINES);
	int32_t line = signed_of(v);

	j->line += line;
	if (line >= STEP_LEAST && line < STEP_LEAST + STEP_LINES && pc <= STEP_MOST) {
		put(j, &j->lines, 1 + (unsigned)(line - STEP_LEAST) + pc * STEP_LINES);
	} else {
		put(j, &j->lines, 0);
		put_leb(j, &j->lines, pc);
		put_leb(j, &j->lines, v);
	}
	put(j, &j->lines, 0); /* the column's difference */
}

/* The least significant byte first. */
static void put_bytes(struct joining *j, uint32_t v, unsigned n)
{
	for (; n > 0; n--, v >>= 8)
		put(j, &j->out, v);
}

static void operand(struct joining *j, enum operand kind, unsigned size, uint32_t *constant)
{
	switch (kind) {
	case BYTE:
		put(j, &j->out, take(j, CODE));
		return;
	case NUMBER:
		put_bytes(j, number(j, CODE), size);
		return;
	case SIGNED:
		put_bytes(j, (uint32_t)difference(j, CODE), size);
		return;
	case NEXT:
		*constant += (uint32_t)difference(j, CODE);
		put_bytes(j, (*constant)++, size);
		return;
	case ATOM:
		put_bytes(j, atom(j, CODE), 4);
		return;
	default:
		j->bad = true;
	}
}

static void code(struct joining *j, uint32_t size)
{
	uint32_t constant = 0, marked = 0;

	for (uint32_t pc = 0; pc < size && !j->bad;) {
		uint8_t op = take(j, CODE);
		const struct operation *o = &operations[op];
		unsigned rest = o->size - 1u;

		if (op == MARK) {
			mark(j, pc - marked);
			marked = pc;
			continue;
		}
		put(j, &j->out, op);
		for (int i = 0; i < 2 && o->operands[i] != 0; i++) {
			unsigned own = o->operands[1] == 0 || i == 1 ? rest : 4;

			operand(j, o->operands[i], own, &constant);
			rest -= own;
		}
		pc += o->size;
		j->bad |= o->size == 0;
	}
}

static void value(struct joining *j, int deep);

static void function(struct joining *j, int deep)
{
	enum { CLOSURE_COUNT = 4, CONSTANTS, SIZE, COUNTS };
	uint32_t flags = take(j, HEADS), name, counts[COUNTS];
	int32_t from;

	flags |= (uint32_t)take(j, HEADS) << 8;
	put_bytes(j, flags, 2);
	put(j, &j->out, STRICT);
	name = atom(j, HEADS);
	put_leb(j, &j->out, name << 1 | name >> 31);
	for (int i = 0; i < COUNTS; i++)
		put_leb(j, &j->out, counts[i] = number(j, HEADS));
	put(j, &j->out, 0); /* names of variables */
	from = difference(j, HEADS);
	begin_lines(j, from);
	for (uint32_t i = 0; i < counts[CLOSURE_COUNT] && !j->bad; i++) {
		uint8_t kind = take(j, CLOSURES);

		put(j, &j->out, 0); /* its name */
		put_leb(j, &j->out, number(j, CLOSURES));
		put(j, &j->out, kind);
	}
	code(j, counts[SIZE]);
	if (flags & HAS_LINES) {
		put_leb(j, &j->out, j->name);
		put_leb(j, &j->out, (uint32_t)(j->lines.next - j->lines_begin));
		for (const uint8_t *p = j->lines_begin; p < j->lines.next; p++)
			put(j, &j->out, *p);
		put(j, &j->out, 0); /* its text */
	}
	for (uint32_t i = 0; i < counts[CONSTANTS] && !j->bad; i++)
		value(j, deep);
}

/* What this module imports and exports is not in it. */
static void module(struct joining *j, int deep)
{
	j->name = copy_leb(j);
	j->atom = (j->name >> 1) + 1;
	copy_bytes(j, 4);
	copy(j); /* whether it waits */
	value(j, deep);
}

static void value(struct joining *j, int deep)
{
	uint8_t tag = copy(j);

	if (deep == DEEPEST_VALUE || j->bad) {
		j->bad = true;
	} else if (tag == TAG_INT) {
		copy_leb(j);
	} else if (tag == TAG_FLOAT) {
		copy_bytes(j, 8);
	} else if (tag == TAG_STRING) {
		copy_string(j);
	} else if (tag == TAG_BIGINT) {
		copy_bytes(j, copy_leb(j));
	} else if (tag == TAG_OBJECT) {
		for (uint32_t n = copy_leb(j); n > 0 && !j->bad; n--) {
			copy_atom(j);
			value(j, deep + 1);
		}
	} else if (tag == TAG_ARRAY || tag == TAG_TEMPLATE) {
		for (uint32_t n = copy_leb(j) + (tag == TAG_TEMPLATE); n > 0 && !j->bad; n--)
			value(j, deep + 1);
	} else if (tag == TAG_FUNCTION) {
		function(j, deep + 1);
	} else if (tag == TAG_MODULE) {
		module(j, deep + 1);
	} else {
		j->bad |= tag < TAG_NULL || tag > TAG_TRUE;
	}
}

bool join(const uint8_t *in, const uint32_t sizes[REGIONS], uint8_t *out, size_t size)
{
	struct joining j = { .out = { out, out + size }, .lines_begin = malloc(size) };

	if (!j.lines_begin)
		return false;
	j.lines = (struct room){ j.lines_begin, j.lines_begin + size };
	for (int i = 0; i < REGIONS; i++) {
		j.next[i] = in;
		j.ends[i] = in += sizes[i];
	}
	copy(&j); /* the version */
	for (uint32_t n = copy_leb(&j); n > 0 && !j.bad; n--)
		copy_string(&j);
	value(&j, 0);
	for (int i = 0; i < REGIONS; i++)
		j.bad |= j.next[i] != j.ends[i];
	free(j.lines_begin);
	return !j.bad && j.out.next == j.out.end;
}
