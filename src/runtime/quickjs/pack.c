/*
 * At build time: packs what unpack.c unpacks. The cheapest way through a window of the data is searched for with the
 * prices that the model has at its beginning, and the first part of it taken: the rest is there to look ahead.
 */
#include "pack.h"
#include "coder.h"
#include "matches.h"
#include <stdlib.h>
#include <string.h>

#define WINDOW 1024
#define AHEAD 512
/* Ways to one place that are followed further: one may have cost more, and know better distances. */
#define WAYS 4
/* So long a match is taken whole, and no other way looked for. */
#define LONG 128
#define PLACES (WINDOW + AHEAD + MAX_MATCH + 1)

/* A way to a place: its last step begins at `from`, where it is the continuation of `way`. */
struct way {
	uint32_t cost, from;
	unsigned way;
	struct choice choice; /* of length 0: a literal */
	struct history history;
};
struct place {
	struct way ways[WAYS];
	unsigned count;
};
struct parser {
	const uint8_t *data;
	size_t size;
	struct matches matches;
	struct context *contexts;
	uint32_t *older; /* the next older place of the same context; 0: none */
	struct coder coder;
	struct history history;
	uint32_t lengths[2][MAX_MATCH + 1]; /* prices */
	struct place places[PLACES];
};

static bool like(const struct history *a, const struct history *b)
{
	return a->state == b->state && memcmp(a->last, b->last, sizeof a->last) == 0;
}

/* Of two ways that leave the same behind the cheaper one stays, and of others the cheapest. */
static void arrive(struct place *p, struct way w)
{
	unsigned i;

	if (p->count == WAYS && p->ways[WAYS - 1].cost <= w.cost)
		return;
	for (i = 0; i < p->count && !like(&p->ways[i].history, &w.history);)
		i++;
	if (i < p->count && p->ways[i].cost <= w.cost)
		return;
	if (i == p->count && p->count < WAYS)
		p->count++;
	if (i == WAYS)
		i--;
	for (; i > 0 && p->ways[i - 1].cost > w.cost; i--)
		p->ways[i] = p->ways[i - 1];
	p->ways[i] = w;
}

static uint32_t kind_price(struct coder *c, const struct history *h, uint32_t set, struct choice choice)
{
	c->price = 0;
	coder_kind(c, h, set, choice);
	return c->price;
}

static uint32_t distance_price(struct coder *c, uint32_t length, uint32_t distance)
{
	c->price = 0;
	coder_distance(c, length, distance);
	return c->price;
}

static uint32_t rank_price(struct coder *c, uint32_t length, uint32_t rank)
{
	c->price = 0;
	coder_rank(c, length, rank);
	return c->price;
}

/* What a step from way number `way` of place `at` (of the data at base + at) can be. */
static void literals(struct parser *p, size_t base, uint32_t at, unsigned way)
{
	struct way w = p->places[at].ways[way];
	struct way next = { 0, at, way, { 0, 0, 0, 0 }, w.history };

	p->coder.price = w.cost;
	coder_literal(&p->coder, &next.history, p->data, base + at, p->contexts[base + at].set);
	next.cost = p->coder.price;
	arrive(&p->places[at + 1], next);
}

static uint32_t alike(const struct parser *p, size_t at, uint32_t distance)
{
	uint32_t n = 0, limit = p->size - at < MAX_MATCH ? (uint32_t)(p->size - at) : MAX_MATCH;

	if (distance > at)
		return 0;
	while (n < limit && p->data[at + n] == p->data[at + n - distance])
		n++;
	return n;
}

static void repeats(struct parser *p, size_t base, uint32_t at, unsigned way)
{
	struct way w = p->places[at].ways[way];
	uint32_t set = p->contexts[base + at].set;

	for (unsigned which = 0; which < LAST; which++) {
		uint32_t distance = w.history.last[which], longest = alike(p, base + at, distance), kind;
		struct way next = { 0, at, way, { 1, distance, which, 0 }, w.history };

		if (longest >= 1 && which == 0) {
			next.cost = w.cost + kind_price(&p->coder, &w.history, set, next.choice);
			next.history = after_match(w.history, next.choice);
			arrive(&p->places[at + 1], next);
		}
		if (longest < MIN_MATCH)
			continue;
		next.choice.length = longest;
		kind = kind_price(&p->coder, &w.history, set, next.choice);
		next.history = after_match(w.history, next.choice);
		for (uint32_t n = MIN_MATCH; n <= longest; n++) {
			next.choice.length = n;
			next.cost = w.cost + kind + p->lengths[1][n];
			arrive(&p->places[at + n], next);
		}
	}
}

static void new_matches(struct parser *p, size_t base, uint32_t at)
{
	struct way w = p->places[at].ways[0];
	const uint32_t *first = &p->matches.first[base + at];
	uint32_t set = p->contexts[base + at].set;
	struct way next = { 0, at, 0, { MIN_MATCH, 1, LAST, 0 }, w.history };
	uint32_t kind = kind_price(&p->coder, &w.history, set, next.choice), n = MIN_MATCH;

	for (uint32_t i = first[0]; i < first[1]; i++) {
		struct match m = p->matches.all[i];
		uint32_t price = 0;

		next.choice.distance = m.distance;
		next.history = after_match(w.history, next.choice);
		for (bool begun = false; n <= m.length; n++) {
			if (!begun || n < MIN_MATCH + DISTANCE_SETS)
				price = distance_price(&p->coder, n, m.distance);
			begun = true;
			next.choice.length = n;
			next.cost = w.cost + kind + p->lengths[0][n] + price;
			arrive(&p->places[at + n], next);
		}
	}
}

static void ranked_matches(struct parser *p, size_t base, uint32_t at)
{
	struct way w = p->places[at].ways[0];
	uint32_t set = p->contexts[base + at].set;
	struct way next = { 0, at, 0, { MIN_MATCH, 1, RANKED, 0 }, w.history };
	uint32_t kind = kind_price(&p->coder, &w.history, set, next.choice), n = MIN_MATCH;
	uint32_t place = p->older[base + at];

	for (uint32_t rank = 0; rank < RANKS && place != 0; rank++, place = p->older[place]) {
		uint32_t distance = (uint32_t)(base + at) - place, longest = alike(p, base + at, distance), price = 0;

		if (longest < n)
			continue;
		next.choice.distance = distance;
		next.choice.rank = rank;
		next.history = after_match(w.history, next.choice);
		for (bool begun = false; n <= longest; n++) {
			if (!begun || n < MIN_MATCH + DISTANCE_SETS)
				price = rank_price(&p->coder, n, rank);
			begun = true;
			next.choice.length = n;
			next.cost = w.cost + kind + p->lengths[0][n] + price;
			arrive(&p->places[at + n], next);
		}
	}
}

/* Takes a long match at `at`, as far as `end`; returns its length, 0: there is none. */
static uint32_t leap(struct parser *p, size_t base, uint32_t at, uint32_t end)
{
	struct way w = p->places[at].ways[0];
	const uint32_t *first = &p->matches.first[base + at];
	struct way next = { 0, at, 0, { 0, 0, LAST, 0 }, w.history };

	if (end - at < LONG)
		return 0;
	if (first[1] > first[0]) {
		struct match m = p->matches.all[first[1] - 1];

		next.choice = (struct choice){ m.length, m.distance, LAST, 0 };
	}
	for (unsigned which = 0; which < LAST; which++) {
		uint32_t distance = w.history.last[which], length = alike(p, base + at, distance);

		if (length >= LONG && length >= next.choice.length)
			next.choice = (struct choice){ length, distance, which, 0 };
	}
	if (next.choice.length < LONG)
		return 0;
	if (next.choice.length > end - at)
		next.choice.length = end - at;
	p->coder.price = w.cost;
	coder_match(&p->coder, &next.history, p->contexts[base + at].set, next.choice);
	next.cost = p->coder.price;
	arrive(&p->places[at + next.choice.length], next);
	return next.choice.length;
}

/* Finds the cheapest ways to all places up to `end`, from `base`. */
static void search(struct parser *p, size_t base, uint32_t end)
{
	p->coder.pricing = true;
	for (uint32_t n = MIN_MATCH; n <= MAX_MATCH; n++)
		for (int again = 0; again < 2; again++) {
			p->coder.price = 0;
			coder_length(&p->coder, again, n);
			p->lengths[again][n] = p->coder.price;
		}
	for (uint32_t i = 0; i < end + MAX_MATCH + 1; i++)
		p->places[i].count = 0;
	arrive(&p->places[0], (struct way){ 0, 0, 0, { 0, 0, 0, 0 }, p->history });
	for (uint32_t at = 0, length; at < end; at += length ? length : 1) {
		length = p->places[at].count > 0 ? leap(p, base, at, end) : 1;
		if (length > 0)
			continue;
		for (unsigned way = 0; way < p->places[at].count; way++) {
			literals(p, base, at, way);
			repeats(p, base, at, way);
		}
		new_matches(p, base, at);
		ranked_matches(p, base, at);
	}
	p->coder.pricing = false;
}

/* Takes the steps that begin in the window; returns where the next one begins. */
static size_t take(struct parser *p, size_t base, uint32_t end)
{
	uint32_t at = end, count = 0;
	unsigned way = 0;
	struct choice *choices = malloc(end * sizeof *choices);

	if (!choices) {
		p->coder.out.failed = true;
		return p->size;
	}
	while (at > 0) {
		const struct way *w = &p->places[at].ways[way];

		choices[count++] = w->choice;
		at = w->from;
		way = w->way;
	}
	while (count > 0 && at < WINDOW) {
		struct choice choice = choices[--count];

		if (choice.length == 0)
			coder_literal(&p->coder, &p->history, p->data, base + at, p->contexts[base + at].set);
		else
			coder_match(&p->coder, &p->history, p->contexts[base + at].set, choice);
		at += choice.length == 0 ? 1 : choice.length;
	}
	free(choices);
	return base + at;
}

static struct context *contexts_of(const uint8_t *data, size_t n, const uint32_t sizes[REGIONS])
{
	struct context *all = malloc((n + 1) * sizeof *all);
	struct layout l;

	layout_begin(&l, sizes);
	for (size_t at = 0; all && at < n; at++) {
		all[at] = layout_context(&l);
		layout_byte(&l, data[at]);
	}
	return all;
}

/* For each place the one before it in the same context. Null without memory. */
static uint32_t *older_of(const struct context *contexts, size_t n)
{
	uint32_t *newest = calloc(CONTEXTS, sizeof *newest), *older = calloc(n + 1, sizeof *older);

	for (size_t at = 1; newest && older && at < n; at++) {
		uint32_t *place = &newest[contexts[at].rank];

		older[at] = *place;
		*place = (uint32_t)at;
	}
	if (!newest) {
		free(older);
		older = NULL;
	}
	free(newest);
	return older;
}

size_t pack(const uint8_t *in, const uint32_t sizes[REGIONS], uint32_t whole, uint8_t **out)
{
	struct parser *p = calloc(1, sizeof *p);
	uint32_t header[REGIONS + 2];
	size_t size = 0, n = 0;

	*out = NULL;
	if (!p)
		return 0;
	for (int i = 0; i < REGIONS; i++)
		n += header[i] = sizes[i];
	header[REGIONS] = whole;
	header[REGIONS + 1] = hash_of(in, n, whole);
	p->data = in;
	p->size = n;
	p->matches = matches_of(in, n);
	p->history = (struct history){ { 1, 1, 1, 1 }, 0 };
	coder_begin(&p->coder, header);
	p->contexts = contexts_of(in, n, sizes);
	p->older = p->contexts ? older_of(p->contexts, n) : NULL;
	p->coder.out.failed |= !p->matches.first || !p->older;
	for (size_t at = 0; at < n && !p->coder.out.failed;) {
		uint32_t end = n - at < WINDOW + AHEAD ? (uint32_t)(n - at) : WINDOW + AHEAD;

		search(p, at, end);
		at = take(p, at, end);
	}
	coder_end(&p->coder);
	if (p->coder.out.failed) {
		free(p->coder.out.data);
	} else {
		*out = p->coder.out.data;
		size = p->coder.out.size;
	}
	matches_free(&p->matches);
	free(p->contexts);
	free(p->older);
	free(p);
	return size;
}
