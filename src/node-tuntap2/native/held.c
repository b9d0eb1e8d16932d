/* What descriptors with offloads keep between two calls, by descriptor. */
#include "offload.h"
#include <stdlib.h>

static struct tt_offload **all;
static size_t places;

struct tt_offload *tt_offload_of(int fd)
{
	return fd >= 0 && (size_t)fd < places ? all[fd] : NULL;
}

struct tt_offload *tt_offload_new(int fd)
{
	if ((size_t)fd >= places) {
		size_t more = (size_t)fd + 16;
		struct tt_offload **bigger = realloc(all, more * sizeof(struct tt_offload *));

		if (!bigger)
			return NULL;
		memset(bigger + places, 0, (more - places) * sizeof(struct tt_offload *));
		all = bigger;
		places = more;
	}
	tt_offload_release(fd);
	return all[fd] = calloc(1, sizeof(struct tt_offload));
}

void tt_offload_release(int fd)
{
	struct tt_offload *o = tt_offload_of(fd);

	if (!o)
		return;
	free(o->held);
	free(o);
	all[fd] = NULL;
}

bool tt_offload_hold(struct tt_offload *o, const uint8_t *p, size_t n)
{
	o->held = malloc(n);
	if (!o->held)
		return false;
	memcpy(o->held, p, n);
	o->length = n;
	o->at = 0;
	return true;
}

void tt_offload_hold_more(struct tt_offload *o, const void *head, size_t nhead, const uint8_t *p, size_t n)
{
	uint8_t *bigger = realloc(o->held, o->length + nhead + n);

	if (!bigger)
		return;
	memcpy(bigger + o->length, head, nhead);
	memcpy(bigger + o->length + nhead, p, n);
	o->held = bigger;
	o->length += nhead + n;
}

void tt_offload_drop_held(struct tt_offload *o)
{
	free(o->held);
	o->held = NULL;
	o->length = o->at = 0;
}
