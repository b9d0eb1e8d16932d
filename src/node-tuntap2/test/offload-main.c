/*
 * For offload.test.ts. Input, integers little endian: "S", a vnet header, a packet prefixed with its length: segments
  * it. "C", whether UDP too, a count, that many packets: coalesces them. Answer: a count, or all ones for no; then for
  * each a vnet header and a packet prefixed with its length.
 */
#include "../native/offload.h"
#include <stdio.h>
#include <stdlib.h>

#define REF 7

static uint32_t number(void)
{
	uint32_t n;

	if (fread(&n, sizeof n, 1, stdin) != 1)
		exit(1);
	return n;
}
static void tell(const void *p, size_t n)
{
	fwrite(p, 1, n, stdout);
}
static void tell_number(uint32_t n)
{
	tell(&n, sizeof n);
}

static void segment(void)
{
	static uint8_t out[1 << 20];
	struct tt_vnet h, none = { 0 };
	struct tt_super s;
	uint32_t n, count = 0, at = 0, lengths[65536];
	uint8_t *p;

	if (fread(&h, sizeof h, 1, stdin) != 1)
		exit(1);
	n = number();
	p = malloc(n); /* of its exact size: what lies outside is found */
	if (fread(p, 1, n, stdin) != n)
		exit(1);
	if (!tt_super_begin(&s, &h, p, n)) {
		tell_number(UINT32_MAX);
		free(p);
		return;
	}
	do {
		uint8_t slot[1800];
		size_t len = tt_super_next(&s, slot, sizeof slot);

		if (!len || at + len > sizeof out)
			break;
		memcpy(out + at, slot, len);
		at += (uint32_t)len;
		lengths[count++] = (uint32_t)len;
	} while (s.at < s.len);
	tell_number(count);
	at = 0;
	for (uint32_t i = 0; i < count; at += lengths[i++]) {
		tell(&none, sizeof none);
		tell_number(lengths[i]);
		tell(out + at, lengths[i]);
	}
	free(p);
}

static void coalesce(void)
{
	bool udp = number() != 0;
	uint32_t n = number(), slots = n ? n : 1, groups, *next = calloc(slots, sizeof *next);
	struct tt_group *g = calloc(slots, sizeof *g);
	struct tt_ring r = { calloc(slots, TT_SLOT), calloc(slots * TT_META, 4), NULL, slots };

	for (uint32_t i = 0; i < n; i++) {
		uint32_t *m = r.meta + i * TT_META, len = number();

		if (len > TT_SLOT)
			exit(1);
		m[TT_OFF] = i * TT_SLOT + TT_SLOT - len; /* what lies behind belongs to the next */
		m[TT_LEN] = len;
		m[TT_KIND] = TT_K_TUN;
		m[TT_REF] = REF;
		if (fread(r.mem + m[TT_OFF], 1, len, stdin) != len)
			exit(1);
	}
	groups = tt_coalesce(&r, n, REF, udp, g, next);
	tell_number(groups);
	for (uint32_t i = 0; i < groups; i++) {
		uint32_t count = 1;

		tell(&g[i].vnet, sizeof g[i].vnet);
		tell_number(g[i].total);
		tell(r.mem + r.meta[g[i].first * TT_META + TT_OFF], r.meta[g[i].first * TT_META + TT_LEN]);
		for (uint32_t k = next[g[i].first]; k != UINT32_MAX; k = next[k], count++)
			tell(r.mem + r.meta[k * TT_META + TT_OFF] + g[i].headers,
			     r.meta[k * TT_META + TT_LEN] - g[i].headers);
		if (count != g[i].count)
			exit(1);
	}
	free(r.mem);
	free(r.meta);
	free(next);
	free(g);
}

int main(void)
{
	int what;

	while ((what = getchar()) != EOF)
		(what == 'S' ? segment : coalesce)();
	return 0;
}
