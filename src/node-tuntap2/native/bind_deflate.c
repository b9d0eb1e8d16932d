/* The flat functions of deflate.c. */
#include "bind.h"
#include "deflate.h"

#define MOST 65535

struct held {
	struct tt_obj obj;
	struct tt_z *z;
	bool inflate;
};

static struct held *held_of(struct tt_args *a, int want)
{
	uint32_t handle = arg_u32(a, 0, "stream: not a handle");
	struct held *h = a->bad ? NULL : pool_get(&a->inst->zs, handle);

	if (!h)
		throw_range(a, "stream: closed");
	else if (want >= 0 && h->inflate != (want == 1))
		throw_range(a, "stream: of the other direction");
	return h;
}

static double bind_z_new(struct tt_args *a)
{
	bool inflate = arg_bool(a, 0, "inflate: true or false");
	int window = (int)arg_integer(a, 1, 9, 15, "window: 9 to 15");
	struct held *h;
	struct tt_z *z;

	if (a->bad)
		return NOTHING;
	z = tt_z_new(inflate, window);
	if (!z)
		return 0;
	h = pool_add(&a->inst->zs);
	if (!h) {
		tt_z_free(z);
		return 0;
	}
	h->z = z;
	h->inflate = inflate;
	return h->obj.handle;
}

static double bind_z_close(struct tt_args *a)
{
	struct held *h = held_of(a, -1);

	if (a->bad)
		return NOTHING;
	tt_z_free(h->z);
	pool_remove(&a->inst->zs, h);
	return NOTHING;
}

static double bind_z_reset(struct tt_args *a)
{
	struct held *h = held_of(a, -1);

	if (a->bad)
		return NOTHING;
	tt_z_reset(h->z);
	return NOTHING;
}

/* deflate or inflate, as the stream is */
static double bind_z_run(struct tt_args *a)
{
	struct held *h = held_of(a, -1);
	size_t n, room;
	uint8_t *data = arg_bytes(a, 1, &n, "data: not a Uint8Array"),
		*into = arg_bytes(a, 2, &room, "into: not a Uint8Array");

	if (n > MOST || room > MOST)
		throw_range(a, "data: at most 65,535 bytes");
	if (a->bad)
		return NOTHING;
	return h->inflate ? tt_z_inflate(h->z, data, n, into, room) : tt_z_deflate(h->z, data, n, into, room);
}

static double bind_z_take(struct tt_args *a)
{
	struct held *h = held_of(a, 1);
	size_t n;
	uint8_t *data = arg_bytes(a, 1, &n, "data: not a Uint8Array");

	if (n > MOST)
		throw_range(a, "data: at most 65,535 bytes");
	if (a->bad)
		return NOTHING;
	return tt_z_take(h->z, data, n);
}

static void begin(struct tt_inst *inst)
{
	pool_init(&inst->zs, sizeof(struct held));
}

static void end(struct tt_inst *inst)
{
	for (uint32_t i = 0; i < inst->zs.count; i++) {
		struct held *h = pool_at(&inst->zs, i);

		if (h->obj.handle)
			tt_z_free(h->z);
	}
	pool_free(&inst->zs);
}

static const struct tt_function functions[] = {
	{ "zNew", bind_z_new, 2 }, { "zClose", bind_z_close, 1 }, { "zReset", bind_z_reset, 1 },
	{ "zRun", bind_z_run, 3 }, { "zTake", bind_z_take, 2 },	  { NULL, NULL, 0 },
};

const struct tt_binding bind_deflate = { functions, begin, end };
