#include "split.h"
#include "join.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct splitting {
	const uint8_t *next, *end;
	struct {
		uint8_t *bytes;
		size_t size;
	} regions[REGIONS];
	uint32_t atom, name; /* the next new one; the module's */
	int32_t line;	     /* the last one of the function before */
	const char *why;     /* it cannot be */
};

static uint8_t take(struct splitting *s)
{
	if (s->next == s->end) {
		s->why = "it ends too early";
		return 0;
	}
	return *s->next++;
}

static uint32_t take_leb(struct splitting *s)
{
	uint32_t v = 0;
	uint8_t byte = 0x80;

	for (int shift = 0; byte >= 0x80 && shift < 35; shift += 7) {
		byte = take(s);
		v |= (uint32_t)(byte & 0x7f) << (shift & 31);
	}
	return v;
}

/* The least significant byte first. */
static uint32_t take_bytes(struct splitting *s, unsigned n)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (uint32_t)take(s) << 8 * i;
	return v;
}

static void expect(struct splitting *s, uint32_t found, uint32_t expected, const char *why)
{
	if (found != expected && !s->why)
		s->why = why;
}

/* No region is longer than all of it: a number is no longer here than there, but for one byte in five. */
static void put(struct splitting *s, enum region to, unsigned byte)
{
	s->regions[to].bytes[s->regions[to].size++] = (uint8_t)byte;
}

static void put_number(struct splitting *s, enum region to, uint32_t v)
{
	static const uint8_t first[] = { 0, 0x80, 0xc0, 0xe0, 0xf0 };
	unsigned behind = v < 1u << 7 ? 0 : v < 1u << 14 ? 1 : v < 1u << 21 ? 2 : v < 1u << 28 ? 3 : 4;

	put(s, to, first[behind] | (behind < 4 ? v >> 8 * behind : 0));
	while (behind-- > 0)
		put(s, to, v >> 8 * behind);
}

static void put_signed(struct splitting *s, enum region to, int32_t v)
{
	put_number(s, to, (uint32_t)v << 1 ^ -((uint32_t)v >> 31));
}

static void put_atom(struct splitting *s, enum region to, uint32_t v)
{
	put_number(s, to, v == s->atom ? 0 : v + 1);
	s->atom += v == s->atom;
}

static uint8_t copy(struct splitting *s)
{
	uint8_t byte = take(s);

	put(s, REST, byte);
	return byte;
}

static void copy_bytes(struct splitting *s, uint32_t n)
{
	while (n-- > 0 && !s->why)
		copy(s);
}

static uint32_t copy_leb(struct splitting *s)
{
	const uint8_t *begin = s->next, *end;
	uint32_t v = take_leb(s);

	end = s->next;
	s->next = begin;
	copy_bytes(s, (uint32_t)(end - begin));
	return v;
}

static void copy_string(struct splitting *s)
{
	uint32_t v = copy_leb(s);

	copy_bytes(s, v & 1 ? v & ~1u : v >> 1);
}

/* ---- functions ---- */

static void operand(struct splitting *s, enum operand kind, unsigned size, uint32_t *constant)
{
	uint32_t v = take_bytes(s, size);
	int32_t wide = size == 1 ? (int8_t)v : size == 2 ? (int16_t)v : (int32_t)v;

	switch (kind) {
	case BYTE:
		put(s, CODE, v);
		return;
	case NUMBER:
		put_number(s, CODE, v);
		return;
	case SIGNED:
		put_signed(s, CODE, wide);
		return;
	case NEXT:
		put_signed(s, CODE, (int32_t)(v - *constant));
		*constant = v + 1;
		return;
	case ATOM:
		put_atom(s, CODE, v);
		return;
	default:
		s->why = "an operation with operands that no strict code has";
	}
}

/* The table of lines, which stands behind the code. */
struct lines {
	struct splitting at;
	uint32_t pc; /* of the next step */
	int32_t by;
};

static void next_line(struct lines *l)
{
	uint8_t op;

	if (l->at.next == l->at.end) {
		l->pc = UINT32_MAX;
		return;
	}
	op = take(&l->at);
	if (op == 0) {
		uint32_t v;

		l->pc += take_leb(&l->at);
		v = take_leb(&l->at);
		l->by = (int32_t)(v >> 1 ^ -(v & 1));
	} else {
		l->pc += (op - 1u) / STEP_LINES;
		l->by = (op - 1) % STEP_LINES + STEP_LEAST;
	}
	expect(&l->at, take_leb(&l->at), 0, "columns");
}

static void code(struct splitting *s, uint32_t size, struct lines *l)
{
	uint32_t constant = 0;

	for (uint32_t pc = 0; pc < size && !s->why;) {
		uint8_t op;
		const struct operation *o;
		unsigned rest;

		for (; l->pc == pc; next_line(l)) {
			put(s, CODE, MARK);
			put_signed(s, LINES, l->by);
			s->line += l->by;
		}
		op = take(s);
		o = &operations[op];
		rest = o->size - 1u;
		put(s, CODE, op);
		if (op == MARK || o->size == 0)
			s->why = "an operation that there is not";
		for (int i = 0; i < 2 && o->operands[i] != 0; i++) {
			unsigned own = o->operands[1] == 0 || i == 1 ? rest : 4;

			operand(s, o->operands[i], own, &constant);
			rest -= own;
		}
		pc += o->size;
	}
	expect(s, l->pc, UINT32_MAX, "a line that begins within an operation");
}

static void value(struct splitting *s);

static void function(struct splitting *s)
{
	enum { CLOSURE_COUNT = 4, CONSTANTS, SIZE, COUNTS };
	uint32_t flags = take_bytes(s, 2), name, counts[COUNTS];
	struct lines lines = { { NULL, NULL, { { 0 } }, 0, 0, 0, NULL }, UINT32_MAX, 0 };
	int32_t line = s->line;

	put(s, HEADS, flags);
	put(s, HEADS, flags >> 8);
	expect(s, take(s), STRICT, "code that is not strict");
	name = take_leb(s);
	put_atom(s, HEADS, name >> 1 | name << 31);
	for (int i = 0; i < COUNTS; i++)
		put_number(s, HEADS, counts[i] = take_leb(s));
	expect(s, take_leb(s), 0, "names of variables");
	for (uint32_t i = 0; i < counts[CLOSURE_COUNT] && !s->why; i++) {
		uint32_t index;

		expect(s, take_leb(s), 0, "names of captured variables");
		index = take_leb(s);
		put(s, CLOSURES, take(s));
		put_number(s, CLOSURES, index);
	}
	if (flags & HAS_LINES && counts[SIZE] < (size_t)(s->end - s->next)) {
		lines.at.next = s->next + counts[SIZE];
		lines.at.end = s->end;
		expect(s, take_leb(&lines.at), s->name, "more than one file");
		name = take_leb(&lines.at);
		lines.at.end = lines.at.next + name;
		line = (int32_t)take_leb(&lines.at);
		expect(s, take_leb(&lines.at), 0, "columns");
		lines.pc = 0;
		next_line(&lines);
	}
	put_signed(s, HEADS, line - s->line);
	s->line = line;
	code(s, counts[SIZE], &lines);
	if (flags & HAS_LINES) {
		s->next = lines.at.end;
		expect(s, take_leb(s), 0, "its text");
	}
	for (uint32_t i = 0; i < counts[CONSTANTS] && !s->why; i++)
		value(s);
}

static void module(struct splitting *s)
{
	s->name = copy_leb(s);
	s->atom = (s->name >> 1) + 1;
	for (int i = 0; i < 4; i++)
		expect(s, copy(s), 0, "imports or exports");
	copy(s); /* whether it waits */
	value(s);
}

static void value(struct splitting *s)
{
	uint8_t tag = copy(s);

	if (s->why) {
		return;
	} else if (tag == TAG_INT) {
		copy_leb(s);
	} else if (tag == TAG_FLOAT) {
		copy_bytes(s, 8);
	} else if (tag == TAG_STRING) {
		copy_string(s);
	} else if (tag == TAG_BIGINT) {
		copy_bytes(s, copy_leb(s));
	} else if (tag == TAG_OBJECT) {
		for (uint32_t n = copy_leb(s); n > 0 && !s->why; n--) {
			uint32_t atom = copy_leb(s);

			s->atom += atom == s->atom << 1;
			value(s);
		}
	} else if (tag == TAG_ARRAY || tag == TAG_TEMPLATE) {
		for (uint32_t n = copy_leb(s) + (tag == TAG_TEMPLATE); n > 0 && !s->why; n--)
			value(s);
	} else if (tag == TAG_FUNCTION) {
		function(s);
	} else if (tag == TAG_MODULE) {
		module(s);
	} else if (tag < TAG_NULL || tag > TAG_TRUE) {
		s->why = "a value of a kind that no code has";
	}
}

/* What comes out makes `in` again. */
static bool proven(const uint8_t *in, size_t n, const uint8_t *regions, const uint32_t sizes[REGIONS])
{
	uint8_t *again = malloc(n);
	bool same = again && join(regions, sizes, again, n) && memcmp(in, again, n) == 0;

	free(again);
	return same;
}

uint8_t *split(const uint8_t *in, size_t n, uint32_t sizes[REGIONS])
{
	struct splitting s = { .next = in, .end = in + n };
	uint8_t *all = malloc(2 * REGIONS * n), *next = all; /* sparse: most of it is never touched */

	if (!all)
		return NULL;
	for (int i = 0; i < REGIONS; i++)
		s.regions[i].bytes = all + 2 * i * n;
	copy(&s); /* the version */
	for (uint32_t count = copy_leb(&s); count > 0 && !s.why; count--)
		copy_string(&s);
	value(&s);
	if (!s.why && s.next != s.end)
		s.why = "there is more behind it";
	for (int i = 0; i < REGIONS; i++) {
		memmove(next, s.regions[i].bytes, sizes[i] = (uint32_t)s.regions[i].size);
		next += sizes[i];
	}
	if (!s.why && !proven(in, n, all, sizes))
		s.why = "it cannot be put together again";
	if (s.why) {
		fprintf(stderr, "split: %s\n", s.why);
		free(all);
		return NULL;
	}
	return all;
}
