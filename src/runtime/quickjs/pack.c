/* At build time: packs what unpack.c unpacks in a millisecond; the format is there. */
#include "pack.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 12
#define MIN_MATCH 4
#define MAX_DISTANCE 65535
#define TRIES 1024
#define HEADS (1u << 16)
#define NONE UINT32_MAX

/* Where matches may begin, by the four bytes there: the newest of each hash, and for each the one before it. */
struct chains {
	const uint8_t *data;
	size_t size, next;
	uint32_t *heads, *before;
};
struct match {
	size_t length, distance;
};

static uint32_t hash(const uint8_t *p)
{
	return ((p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24) * 2654435761u) >> 16;
}

/* Makes known what begins before `at`. */
static void up_to(struct chains *c, size_t at)
{
	for (; c->next < at && c->next + MIN_MATCH <= c->size; c->next++) {
		uint32_t *head = &c->heads[hash(c->data + c->next)];

		c->before[c->next] = *head;
		*head = (uint32_t)c->next;
	}
}

/* The longest match at `at`, ending before `limit`; its length is 0 without one. */
static struct match best(struct chains *c, size_t at, size_t limit)
{
	struct match m = { 0, 0 };
	uint32_t from;

	up_to(c, at);
	from = c->heads[hash(c->data + at)];
	for (int i = 0; i < TRIES && from != NONE && at - from <= MAX_DISTANCE; i++, from = c->before[from]) {
		size_t n = 0;

		while (at + n < limit && c->data[from + n] == c->data[at + n])
			n++;
		if (n > m.length)
			m = (struct match){ n, at - from };
	}
	return m.length >= MIN_MATCH ? m : (struct match){ 0, 0 };
}

/* The areas of the packed form; each has room for all. */
struct areas {
	uint8_t *literals, *low, *high, *tokens;
	size_t n_literals, n_matches, n_tokens;
};

static void more(struct areas *a, size_t n)
{
	for (; n >= 255; n -= 255)
		a->tokens[a->n_tokens++] = 255;
	a->tokens[a->n_tokens++] = (uint8_t)n;
}

/* Literals, then a match unless its length is 0. */
static void sequence(struct areas *a, const uint8_t *from, size_t literals, struct match m)
{
	size_t rest = m.length > MIN_MATCH ? m.length - MIN_MATCH : 0;

	a->tokens[a->n_tokens++] = (uint8_t)((literals < 15 ? literals : 15) << 4 | (rest < 15 ? rest : 15));
	if (literals >= 15)
		more(a, literals - 15);
	memcpy(a->literals + a->n_literals, from, literals);
	a->n_literals += literals;
	if (m.length == 0)
		return;
	a->low[a->n_matches] = (uint8_t)m.distance;
	a->high[a->n_matches++] = (uint8_t)(m.distance >> 8);
	if (rest >= 15)
		more(a, rest - 15);
}

static void sequences(struct chains *c, struct areas *a)
{
	size_t from = 0, at = 0;

	while (at + MIN_MATCH <= c->size) {
		struct match m = best(c, at, c->size);

		/* A longer one that begins a byte later is worth the literal. */
		if (m.length == 0 ||
		    (at + 1 + MIN_MATCH <= c->size && best(c, at + 1, c->size).length > m.length + 1)) {
			at++;
			continue;
		}
		sequence(a, c->data + from, at - from, m);
		at += m.length;
		from = at;
	}
	sequence(a, c->data + from, c->size - from, (struct match){ 0, 0 });
}

static uint8_t *number(uint8_t *p, size_t n)
{
	for (int i = 0; i < 4; i++)
		*p++ = (uint8_t)(n >> (24 - 8 * i));
	return p;
}

static uint8_t *area(uint8_t *p, const uint8_t *from, size_t n)
{
	memcpy(p, from, n);
	return p + n;
}

size_t pack(const uint8_t *in, size_t n, uint8_t **out)
{
	size_t room = n + n / 255 + 16;
	struct chains c = { in, n, 0, malloc(HEADS * sizeof(uint32_t)), malloc((n + 1) * sizeof(uint32_t)) };
	uint8_t *work = malloc(4 * room), *p = malloc(HEADER + 2 * room), *end = p;
	struct areas a = { work, work + room, work + 2 * room, work + 3 * room, 0, 0, 0 };

	if (c.heads && c.before && work && p) {
		memset(c.heads, 0xff, HEADS * sizeof(uint32_t));
		sequences(&c, &a);
		end = number(number(number(end, n), a.n_literals), a.n_matches);
		end = area(area(end, a.literals, a.n_literals), a.low, a.n_matches);
		end = area(area(end, a.high, a.n_matches), a.tokens, a.n_tokens);
	}
	free(c.heads);
	free(c.before);
	free(work);
	*out = p;
	return (size_t)(end - p);
}
