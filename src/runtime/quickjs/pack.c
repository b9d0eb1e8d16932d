/* At build time: LZ4's block format, packing only; unpack.c undoes it in a millisecond. */
#include "pack.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 4
#define MIN_MATCH 4
#define MAX_DISTANCE 65535
/* The format's own rules: the last match begins 12 bytes before the end at the latest; the last 5 bytes are literals. */
#define LAST_MATCH 12
#define LAST_LITERALS 5
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

static uint8_t *more(uint8_t *out, size_t n)
{
	for (; n >= 255; n -= 255)
		*out++ = 255;
	*out++ = (uint8_t)n;
	return out;
}

/* Literals, then a match unless its length is 0. */
static uint8_t *sequence(uint8_t *out, const uint8_t *from, size_t literals, struct match m)
{
	size_t rest = m.length > MIN_MATCH ? m.length - MIN_MATCH : 0;

	*out++ = (uint8_t)((literals < 15 ? literals : 15) << 4 | (rest < 15 ? rest : 15));
	if (literals >= 15)
		out = more(out, literals - 15);
	memcpy(out, from, literals);
	out += literals;
	if (m.length == 0)
		return out;
	*out++ = (uint8_t)m.distance;
	*out++ = (uint8_t)(m.distance >> 8);
	return rest >= 15 ? more(out, rest - 15) : out;
}

static uint8_t *block(struct chains *c, uint8_t *out)
{
	size_t from = 0, at = 0, limit = c->size - LAST_LITERALS;

	while (at + LAST_MATCH <= c->size) {
		struct match m = best(c, at, limit);

		/* A longer one that begins a byte later is worth the literal. */
		if (m.length == 0 || (at + 1 + LAST_MATCH <= c->size && best(c, at + 1, limit).length > m.length + 1)) {
			at++;
			continue;
		}
		out = sequence(out, c->data + from, at - from, m);
		at += m.length;
		from = at;
	}
	return sequence(out, c->data + from, c->size - from, (struct match){ 0, 0 });
}

size_t pack(const uint8_t *in, size_t n, uint8_t **out)
{
	struct chains c = { in, n, 0, malloc(HEADS * sizeof(uint32_t)), malloc((n + 1) * sizeof(uint32_t)) };
	uint8_t *p = malloc(HEADER + n + n / 255 + 16), *end = NULL;

	*out = NULL;
	if (c.heads && c.before && p) {
		*out = p;
		memset(c.heads, 0xff, HEADS * sizeof(uint32_t));
		for (int i = 0; i < HEADER; i++)
			*p++ = (uint8_t)(n >> (24 - 8 * i));
		end = block(&c, p);
	} else {
		free(p);
	}
	free(c.heads);
	free(c.before);
	return *out ? (size_t)(end - *out) : 0;
}
