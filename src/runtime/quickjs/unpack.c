/* The format and its model: packing.h. What comes out of a damaged file is never more than a refusal. */
#include "unpack.h"
#include "packing.h"
#include <stdlib.h>
#include <string.h>

/* The range stays in registers: a tenth of the time for each that is a call. */
#define INLINE static inline __attribute__((always_inline))

struct source {
	const uint8_t *next, *end;
	uint32_t range, code;
	bool over; /* more was read than there is */
};

static uint32_t number32(const uint8_t *in)
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

INLINE void fill(struct source *s)
{
	if (s->range >= RANGE_LEAST)
		return;
	s->over |= s->next == s->end;
	s->range <<= 8;
	s->code = s->code << 8 | (s->over ? 0 : *s->next++);
}

/* Without a branch, which a CPU could only guess. */
INLINE unsigned bit(struct source *s, struct bit *b)
{
	uint32_t zero = b->state >> SEEN_BITS, bound = (s->range >> CHANCE_BITS) * zero,
		 one = -(uint32_t)(s->code >= bound);

	s->code -= bound & one;
	s->range = bound + ((s->range - 2 * bound) & one);
	b->state = learnt(b->state, one);
	fill(s);
	return one & 1;
}

/* The most significant bit first. */
INLINE unsigned tree(struct source *s, struct bit *bits, int n)
{
	unsigned at = 1;

	for (int i = 0; i < n; i++)
		at = at << 1 | bit(s, &bits[at]);
	return at - (1u << n);
}

/* The least significant bit first: the last ones are those that repeat. */
INLINE uint32_t tree_upwards(struct source *s, struct bit *bits, int n)
{
	unsigned at = 1;
	uint32_t value = 0;

	for (int i = 0; i < n; i++) {
		unsigned x = bit(s, &bits[at]);

		at = at << 1 | x;
		value |= x << i;
	}
	return value;
}

INLINE uint32_t plain(struct source *s, int n)
{
	uint32_t value = 0;

	while (n-- > 0) {
		s->range >>= 1;
		value <<= 1;
		if (s->code >= s->range) {
			s->code -= s->range;
			value |= 1;
		}
		fill(s);
	}
	return value;
}

INLINE uint32_t number(struct source *s, struct bit *slots, struct below *below)
{
	unsigned slot = tree(s, slots, 6);
	int n = (int)(slot >> 1) - 1;
	uint32_t value;

	if (slot < 4)
		return slot;
	value = (2 | (slot & 1)) << n;
	if (slot < MODELLED_SLOTS)
		return value | tree_upwards(s, below->tree[slot], n);
	value |= plain(s, n - ALIGN) << ALIGN;
	return value | tree_upwards(s, below->align, ALIGN);
}

/* `like`: the byte at the last distance, or -1: there is none to compare with. */
INLINE uint8_t literal(struct source *s, struct bit *set, int like)
{
	unsigned at = 1, alike = like < 0 ? 0 : 0x100, expected = (unsigned)like;

	while (at < 0x100) {
		unsigned part, value;

		expected <<= 1;
		part = expected & alike;
		value = bit(s, &set[alike + part + at]);
		alike = value ? part : alike & ~part;
		at = at << 1 | value;
	}
	return (uint8_t)at;
}

struct places {
	/* Of each context the newest place and, of each place, the next older one of its context; 0: there is none. */
	uint32_t newest[CONTEXTS];
	uint32_t older[];
};

/* How far before `at` the place of this rank is; 0: there is none. */
INLINE uint32_t distance_of(const struct places *p, size_t at, uint32_t context, uint32_t rank)
{
	uint32_t place = p->newest[context];

	if (rank >= RANKS)
		return 0;
	for (; place != 0 && rank > 0; rank--)
		place = p->older[place];
	return place == 0 ? 0 : (uint32_t)at - place;
}

/* Which of the last distances is used again; it becomes the first of them. */
INLINE unsigned again(struct source *s, struct models *m, unsigned state, uint32_t last[LAST])
{
	unsigned which = 0;
	uint32_t distance;

	if (bit(s, &m->older[state]))
		for (which = 1; which < LAST - 1 && bit(s, &m->oldest[which - 1][state]);)
			which++;
	distance = last[which];
	memmove(last + 1, last, which * sizeof *last);
	last[0] = distance;
	return which;
}

/* Where it is going on: what is there, and the distances that were used last. */
struct place {
	uint8_t *out;
	size_t at;
	uint32_t last[LAST];
	struct places *places;
	struct layout layout;
	struct context context; /* of what is to come */
};

/* One byte is there. */
INLINE void step(struct place *to, uint8_t byte)
{
	uint32_t *newest = &to->places->newest[to->context.rank];

	to->places->older[to->at] = *newest;
	*newest = (uint32_t)to->at;
	to->out[to->at++] = byte;
	layout_byte(&to->layout, byte);
	to->context = layout_context(&to->layout);
}

/* What kind of match follows; its length, which may be any number, and so may last[0]. */
INLINE enum step match(struct source *s, struct models *m, unsigned state, struct place *to, uint32_t *length)
{
	uint32_t *last = to->last;

	if (!bit(s, &m->again[state])) {
		bool ranked = bit(s, &m->ranked[state]);
		unsigned set;

		*length = number(s, m->length[0], &m->lengths[0]);
		set = distance_set(*length);
		memmove(last + 1, last, (LAST - 1) * sizeof *last);
		if (ranked)
			last[0] = distance_of(to->places, to->at, to->context.rank, number(s, m->rank[set], &m->ranks));
		else
			last[0] = 1 + number(s, m->distance[set], &m->distances);
		*length += MIN_MATCH;
		return MATCH;
	}
	*length = 1;
	if (again(s, m, state, last) == 0 && !bit(s, &m->longer[state]))
		return SINGLE;
	*length = MIN_MATCH + number(s, m->length[1], &m->lengths[1]);
	return AGAIN;
}

static bool steps(struct source *s, struct models *m, struct place *to, size_t size)
{
	uint32_t length;
	unsigned state = 0;

	while (to->at < size) {
		uint32_t set = to->context.set;

		if (!bit(s, &m->match[state][set])) {
			int like = (state & 3) == LITERAL ? -1 : to->out[to->at - to->last[0]];

			step(to, literal(s, m->literal[set], like));
			state = after(state, LITERAL);
			continue;
		}
		state = after(state, match(s, m, state, to, &length));
		if (s->over || to->last[0] == 0 || to->last[0] > to->at || length == 0 || length > size - to->at)
			return false;
		for (; length > 0; length--) /* what is written may be read again at once */
			step(to, to->out[to->at - to->last[0]]);
	}
	return !s->over && s->next == s->end && s->code == 0;
}

size_t unpacked_sizes(const uint8_t *in, size_t n, uint32_t sizes[REGIONS + 1])
{
	size_t all = 0;

	for (int i = 0; i <= REGIONS; i++) {
		sizes[i] = n < HEADER ? 0 : number32(in + 4 * i);
		if (sizes[i] > LARGEST)
			return 0;
		all += sizes[i];
	}
	return all - sizes[REGIONS];
}

bool unpack(const uint8_t *in, size_t n, uint8_t *out, size_t size)
{
	struct source s;
	struct models *m = NULL;
	struct places *p = NULL;
	struct place to = { out, 0, { 1, 1, 1, 1 }, NULL, { { 0 }, 0, 0, 0, 0, 0, 0, { 0, 0 } }, { 0, 0 } };
	uint32_t sizes[REGIONS + 1];
	bool whole = false;

	if (n < HEADER + 4 || size == 0 || size != unpacked_sizes(in, n, sizes))
		return false;
	m = malloc(sizeof *m);
	p = calloc(1, sizeof *p + size * sizeof *p->older); /* most of it is never touched when little is unpacked */
	if (m && p) {
		models_begin(m);
		to.places = p;
		layout_begin(&to.layout, sizes);
		to.context = layout_context(&to.layout);
		s = (struct source){ in + HEADER + 4, in + n, UINT32_MAX, number32(in + HEADER), false };
		whole = steps(&s, m, &to, size);
	}
	free(m);
	free(p);
	return whole && hash_of(out, size, sizes[REGIONS]) == number32(in + HEADER - 4);
}
