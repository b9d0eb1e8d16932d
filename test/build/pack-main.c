/*
 * For pack.test.ts: blocks on the input, each behind its length, least significant byte first; each comes out packed,
 * likewise. They are one region or another, or some of all.
 */
#include "../../src/runtime/quickjs/pack.h"
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	uint32_t n;

	while (fread(&n, sizeof n, 1, stdin) == 1) {
		uint8_t *in = malloc(n), *out; /* of its exact size: what lies outside is found */
		uint32_t len, sizes[REGIONS] = { 0 };

		if (fread(in, 1, n, stdin) != n)
			return 1;
		for (unsigned i = 0; n % 7 > REGIONS && i < REGIONS; i++)
			sizes[i] = n / REGIONS;
		sizes[n % REGIONS] += n % 7 > REGIONS ? n % REGIONS : n;
		len = (uint32_t)pack(in, sizes, n, &out);
		fwrite(&len, sizeof len, 1, stdout);
		fwrite(out, 1, len, stdout);
		free(in);
		free(out);
	}
	return 0;
}
