#include "coder.h"
#include <stdlib.h>
#include <string.h>

/* ---- bytes ---- */

static void put(struct sink *s, uint8_t byte)
{
	if (s->size == s->room) {
		uint8_t *more = s->failed ? NULL : realloc(s->data, s->room = 2 * s->room + 4096);

		if (!more) {
			s->failed = true;
			return;
		}
		s->data = more;
	}
	s->data[s->size++] = byte;
}

/* The upper byte of `low` leaves. The very first one is always 0, and not written. */
static void shift(struct coder *c)
{
	if (c->low < 0xff000000u || c->low > UINT32_MAX) {
		uint8_t carry = (uint8_t)(c->low >> 32);

		if (c->begun)
			put(&c->out, (uint8_t)(c->cache + carry));
		c->begun = true;
		for (; c->pending > 0; c->pending--)
			put(&c->out, (uint8_t)(0xff + carry));
		c->cache = (uint8_t)(c->low >> 24);
	} else {
		c->pending++;
	}
	c->low = (c->low & 0x00ffffff) << 8;
}

/* ---- decisions ---- */

/* Of a probability in 1 << 12, in 1/64 bit: -log2 by squaring. */
static uint32_t price_of(uint32_t probability)
{
	uint32_t w = probability, bits = 0;

	for (int i = 0; i < 6; i++) {
		w *= w;
		bits <<= 1;
		while (w >= 1u << 16) {
			w >>= 1;
			bits++;
		}
	}
	return (CHANCE_BITS << 6) - 15 - bits;
}

static uint32_t priced(uint32_t probability)
{
	static uint16_t prices[1 << CHANCE_BITS];

	if (prices[1] == 0)
		for (uint32_t i = 1; i < 1 << CHANCE_BITS; i++)
			prices[i] = (uint16_t)price_of(i);
	return prices[probability];
}

static void bit(struct coder *c, struct bit *b, unsigned value)
{
	uint32_t zero = b->state >> SEEN_BITS, bound;

	if (c->pricing) {
		c->price += DECISION_PRICE + priced(value ? (1 << CHANCE_BITS) - zero : zero);
		return;
	}
	bound = (c->range >> CHANCE_BITS) * zero;
	if (value) {
		c->low += bound;
		c->range -= bound;
	} else {
		c->range = bound;
	}
	b->state = learnt(b->state, -(uint32_t)value);
	for (; c->range < RANGE_LEAST; c->range <<= 8)
		shift(c);
}

static void plain(struct coder *c, uint32_t value, int n)
{
	if (c->pricing) {
		c->price += (uint32_t)n * BIT_PRICE;
		return;
	}
	while (n-- > 0) {
		c->range >>= 1;
		if (value >> n & 1)
			c->low += c->range;
		for (; c->range < RANGE_LEAST; c->range <<= 8)
			shift(c);
	}
}

static void tree(struct coder *c, struct bit *bits, int n, uint32_t value)
{
	unsigned at = 1;

	while (n-- > 0) {
		bit(c, &bits[at], value >> n & 1);
		at = at << 1 | (value >> n & 1);
	}
}

static void tree_upwards(struct coder *c, struct bit *bits, int n, uint32_t value)
{
	unsigned at = 1;

	for (; n > 0; n--, value >>= 1) {
		bit(c, &bits[at], value & 1);
		at = at << 1 | (value & 1);
	}
}

static void number(struct coder *c, struct bit *slots, struct below *below, uint32_t value)
{
	int n = 0;
	uint32_t slot = value;

	if (value >= 4) {
		while (value >> n >= 4)
			n++;
		slot = (uint32_t)(2 * n + 2) | (value >> n & 1);
	}
	tree(c, slots, 6, slot);
	if (slot < 4)
		return;
	if (slot < MODELLED_SLOTS) {
		tree_upwards(c, below->tree[slot], n, value);
		return;
	}
	plain(c, value >> ALIGN, n - ALIGN);
	tree_upwards(c, below->align, ALIGN, value);
}

/* ---- steps ---- */

void coder_literal(struct coder *c, struct history *h, const uint8_t *data, size_t at, uint32_t set_number)
{
	struct bit *set = c->m.literal[set_number];
	bool alike = (h->state & 3) != LITERAL;
	unsigned node = 1, like = alike ? data[at - h->last[0]] : 0;

	bit(c, &c->m.match[h->state][set_number], 0);
	for (int i = 7; i >= 0; i--) {
		unsigned value = data[at] >> i & 1, expected = like >> i & 1;

		bit(c, &set[(alike ? 0x100 << expected : 0) + node], value);
		alike = alike && value == expected;
		node = node << 1 | value;
	}
	h->state = after(h->state, LITERAL);
}

void coder_kind(struct coder *c, const struct history *h, uint32_t set, struct choice choice)
{
	unsigned state = h->state;

	bit(c, &c->m.match[state][set], 1);
	bit(c, &c->m.again[state], choice.which < LAST);
	if (choice.which >= LAST) {
		bit(c, &c->m.ranked[state], choice.which == RANKED);
		return;
	}
	bit(c, &c->m.older[state], choice.which > 0);
	if (choice.which == 0)
		bit(c, &c->m.longer[state], choice.length > 1);
	for (unsigned i = 1; choice.which > 0 && i < LAST - 1; i++) {
		bit(c, &c->m.oldest[i - 1][state], choice.which > i);
		if (choice.which == i)
			break;
	}
}

void coder_length(struct coder *c, bool again, uint32_t length)
{
	number(c, c->m.length[again], &c->m.lengths[again], length - MIN_MATCH);
}

void coder_distance(struct coder *c, uint32_t length, uint32_t distance)
{
	number(c, c->m.distance[distance_set(length - MIN_MATCH)], &c->m.distances, distance - 1);
}

void coder_rank(struct coder *c, uint32_t length, uint32_t rank)
{
	number(c, c->m.rank[distance_set(length - MIN_MATCH)], &c->m.ranks, rank);
}

void coder_match(struct coder *c, struct history *h, uint32_t set, struct choice choice)
{
	coder_kind(c, h, set, choice);
	if (choice.length > 1)
		coder_length(c, choice.which < LAST, choice.length);
	if (choice.which == LAST)
		coder_distance(c, choice.length, choice.distance);
	else if (choice.which == RANKED)
		coder_rank(c, choice.length, choice.rank);
	*h = after_match(*h, choice);
}

struct history after_match(struct history h, struct choice choice)
{
	unsigned which = choice.which < LAST ? choice.which : LAST - 1;

	memmove(h.last + 1, h.last, which * sizeof *h.last);
	h.last[0] = choice.distance;
	h.state = after(h.state, choice.which >= LAST ? MATCH : choice.length > 1 ? AGAIN : SINGLE);
	return h;
}

static void put32(struct sink *s, uint32_t n)
{
	for (int i = 24; i >= 0; i -= 8)
		put(s, (uint8_t)(n >> i));
}

void coder_begin(struct coder *c, const uint32_t header[REGIONS + 2])
{
	memset(c, 0, sizeof *c);
	models_begin(&c->m);
	c->range = UINT32_MAX;
	for (int i = 0; i < REGIONS + 2; i++)
		put32(&c->out, header[i]);
}

void coder_end(struct coder *c)
{
	for (int i = 0; i < 5; i++)
		shift(c);
}
