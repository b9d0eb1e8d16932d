/* Rings as the caller describes them. */
#include "tt.h"

bool tt_ring_map(struct tt_ring *r, void *base, size_t bytes)
{
	size_t slots = bytes / TT_RING_BYTES(1);

	if (!base || slots < 1 || slots > TT_MAX_SLOTS || bytes != TT_RING_BYTES(slots) || (uintptr_t)base % 4 != 0)
		return false;
	r->slots = (uint32_t)slots;
	r->mem = base;
	r->meta = (uint32_t *)(void *)(r->mem + slots * TT_SLOT);
	r->addr = r->mem + slots * (TT_SLOT + TT_META * 4);
	return true;
}

const char *tt_ring_check(const struct tt_ring *r, uint32_t n)
{
	if (n > r->slots)
		return "ring: more packets than slots";
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t *m = r->meta + i * TT_META;
		uint32_t begin = i * TT_SLOT;

		if (m[TT_LEN] && (m[TT_LEN] > TT_SLOT || m[TT_OFF] < begin || m[TT_OFF] > begin + TT_SLOT - m[TT_LEN]))
			return "ring: a packet lies outside its slot";
	}
	return NULL;
}

void tt_place(struct tt_ring *r, uint32_t i, uint32_t at, uint32_t len, bool truncated)
{
	uint32_t *m = r->meta + i * TT_META;

	m[TT_OFF] = i * TT_SLOT + at;
	m[TT_LEN] = truncated ? 0 : len;
	m[TT_KIND] = truncated ? TT_K_TRUNCATED : TT_K_NONE;
	m[TT_REF] = 0;
}
