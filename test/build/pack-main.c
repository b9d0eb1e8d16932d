/*
 * For pack.test.ts: blocks on the input, each behind its length, least significant byte first; each comes out packed,
 * likewise.
 */
#include "../../src/runtime/quickjs/pack.h"
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	uint32_t n;

	while (fread(&n, sizeof n, 1, stdin) == 1) {
		uint8_t *in = malloc(n), *out; /* of its exact size: what lies outside is found */
		uint32_t len;

		if (fread(in, 1, n, stdin) != n)
			return 1;
		len = (uint32_t)pack(in, n, &out);
		fwrite(&len, sizeof len, 1, stdout);
		fwrite(out, 1, len, stdout);
		free(in);
		free(out);
	}
	return 0;
}
