/*
 * The bytecode's packing: LZ4's sequences, but for where their parts are. What is alike is together, which a package's
 * own compression likes: 18 KB of the .ipk. Three numbers of 4 bytes, most significant first (the size unpacked, of
 * literals, and of matches), and four areas: the literals, the lower and the upper bytes of the matches' distances, and
 * the tokens. A token's upper half is the number of literals, the lower one a match's length less 4; the last token has
 * literals alone.
 */
#include "unpack.h"
#include <string.h>

#define HEADER 12
#define MIN_MATCH 4

static size_t number(const uint8_t *in)
{
	return (size_t)in[0] << 24 | (size_t)in[1] << 16 | (size_t)in[2] << 8 | in[3];
}

size_t unpacked_size(const uint8_t *in, size_t n)
{
	return n < HEADER ? 0 : number(in);
}

/* 15 in a token's half means that more follows, as long as bytes are 255. */
static bool length(const uint8_t **in, const uint8_t *end, size_t *n)
{
	uint8_t more = 255;

	if (*n < 15)
		return true;
	while (more == 255) {
		if (*in == end)
			return false;
		more = *(*in)++;
		*n += more;
	}
	return true;
}

bool unpack(const uint8_t *in, size_t n, uint8_t *out, size_t size)
{
	const uint8_t *end = in + n, *literal, *low, *high, *token;
	size_t literals, matches, at = 0;

	if (n <= HEADER || size != unpacked_size(in, n))
		return false;
	literals = number(in + 4);
	matches = number(in + 8);
	n -= HEADER;
	if (literals > n || matches > (n - literals) / 2)
		return false;
	literal = in + HEADER;
	low = literal + literals;
	high = low + matches;
	token = high + matches;
	for (;;) {
		size_t copy, match, distance;

		if (token == end)
			return false;
		copy = *token >> 4;
		match = *token++ & 15;
		if (!length(&token, end, &copy) || copy > literals || copy > size - at)
			return false;
		memcpy(out + at, literal, copy);
		literal += copy;
		literals -= copy;
		at += copy;
		if (token == end && matches == 0)
			return at == size && literals == 0;
		if (matches == 0)
			return false;
		matches--;
		distance = *low++ | (size_t)*high++ << 8;
		if (!length(&token, end, &match))
			return false;
		match += MIN_MATCH;
		if (distance == 0 || distance > at || match > size - at)
			return false;
		for (; match > 0; match--, at++) /* what is written may be read again at once */
			out[at] = out[at - distance];
	}
}
