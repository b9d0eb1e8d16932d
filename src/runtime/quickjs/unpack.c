#include "unpack.h"
#include <string.h>

#define HEADER 4
#define MIN_MATCH 4

size_t unpacked_size(const uint8_t *in, size_t n)
{
	return n < HEADER ? 0 : (size_t)in[0] << 24 | (size_t)in[1] << 16 | (size_t)in[2] << 8 | in[3];
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
	const uint8_t *end = in + n;
	size_t at = 0;

	if (n <= HEADER || size != unpacked_size(in, n))
		return false;
	in += HEADER;
	for (;;) {
		size_t literals, match, distance;

		if (in == end)
			return false;
		literals = *in >> 4;
		match = *in++ & 15;
		if (!length(&in, end, &literals) || literals > (size_t)(end - in) || literals > size - at)
			return false;
		memcpy(out + at, in, literals);
		in += literals;
		at += literals;
		if (in == end)
			return at == size; /* the last sequence has no match */
		if (end - in < 2)
			return false;
		distance = in[0] | (size_t)in[1] << 8;
		in += 2;
		if (!length(&in, end, &match))
			return false;
		match += MIN_MATCH;
		if (distance == 0 || distance > at || match > size - at)
			return false;
		for (; match > 0; match--, at++) /* what is written may be read again at once */
			out[at] = out[at - distance];
	}
}
