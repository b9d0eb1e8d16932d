/*
 * For each two bytes a binary tree of the places where they stand, the newest at the root and the children older than
 * their parent; left is what compares less. So one way down meets the nearest place for each length.
 */
#include "matches.h"
#include "packing.h"
#include <stdlib.h>
#include <string.h>

#define DEEPEST 512
#define NONE UINT32_MAX

struct trees {
	const uint8_t *data;
	size_t size;
	uint32_t root[1 << 16];
	uint32_t (*children)[2];
};

/* Enters `at`, and stores what is found on the way, at most one match for each length. */
static size_t enter(struct trees *t, size_t at, struct match *found)
{
	size_t limit = t->size - at < MAX_MATCH ? t->size - at : MAX_MATCH, longest = MIN_MATCH - 1, n = 0;
	size_t alike[2] = { 0, 0 };
	uint32_t *open[2], *root, next;

	if (limit < MIN_MATCH)
		return 0;
	root = &t->root[t->data[at] << 8 | t->data[at + 1]];
	next = *root;
	*root = (uint32_t)at;
	open[0] = &t->children[at][0];
	open[1] = &t->children[at][1];
	for (int i = 0; i < DEEPEST && next != NONE; i++) {
		size_t length = alike[0] < alike[1] ? alike[0] : alike[1];
		int side;

		while (length < limit && t->data[next + length] == t->data[at + length])
			length++;
		if (length > longest) {
			found[n++] = (struct match){ (uint32_t)length, (uint32_t)at - next };
			longest = length;
		}
		if (length == limit) { /* `at` takes its place */
			*open[0] = t->children[next][0];
			*open[1] = t->children[next][1];
			return n;
		}
		/* What compares less hangs at the left, and what is greater may still be found at its right. */
		side = t->data[next + length] < t->data[at + length] ? 0 : 1;
		alike[side] = length;
		*open[side] = next;
		open[side] = &t->children[next][!side];
		next = *open[side];
	}
	*open[0] = *open[1] = NONE;
	return n;
}

struct matches matches_of(const uint8_t *data, size_t size)
{
	struct trees *t = malloc(sizeof *t);
	struct matches m = { NULL, malloc((size + 1) * sizeof *m.first) };
	size_t n = 0, room = 0;

	if (t) {
		t->data = data;
		t->size = size;
		memset(t->root, 0xff, sizeof t->root);
		t->children = malloc((size + 1) * sizeof *t->children);
	}
	for (size_t i = 0; t && t->children && m.first && i < size; i++) {
		if (n + MAX_MATCH > room) {
			struct match *more = realloc(m.all, (room = 2 * room + MAX_MATCH) * sizeof *m.all);

			if (!more)
				break;
			m.all = more;
		}
		m.first[i] = (uint32_t)n;
		n += enter(t, i, m.all + n);
		m.first[i + 1] = (uint32_t)n;
		if (i + 1 == size) {
			free(t->children);
			free(t);
			return m;
		}
	}
	if (t)
		free(t->children);
	free(t);
	matches_free(&m);
	return m;
}

void matches_free(struct matches *m)
{
	free(m->all);
	free(m->first);
	*m = (struct matches){ NULL, NULL };
}
