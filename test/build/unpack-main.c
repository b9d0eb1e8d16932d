/*
 * For pack.test.ts: blocks on the input, each behind its length, least significant byte first; for each "no" or what it
 * holds, likewise.
 */
#include "../../src/runtime/quickjs/unpack.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	uint32_t n;

	while (fread(&n, sizeof n, 1, stdin) == 1) {
		uint8_t *in = malloc(n), *out; /* of their exact sizes: what lies outside is found */
		size_t size;
		uint32_t len, sizes[REGIONS + 1];

		if (fread(in, 1, n, stdin) != n)
			return 1;
		size = unpacked_sizes(in, n, sizes);
		out = size <= 1 << 20 ? malloc(size) : NULL;
		len = out && unpack(in, n, out, size) ? (uint32_t)size : UINT32_MAX;
		fwrite(&len, sizeof len, 1, stdout);
		if (len != UINT32_MAX)
			fwrite(out, 1, len, stdout);
		free(in);
		free(out);
	}
	return 0;
}
