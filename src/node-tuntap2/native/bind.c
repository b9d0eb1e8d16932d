/* Arguments, and what a JavaScript environment holds. */
#include "bind.h"
#include "functions.h"
#include "serial.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct held { /* a fast path by its handle */
	struct tt_obj obj;
	struct tt_fp *fp;
};

double number(struct tt_args *a, int i, double min, double max, const char *why)
{
	double d = 0;

	if (!arg_number(a, i, &d) || !(d >= min && d <= max) || d != (double)(int64_t)d) {
		fail_range(a, why);
		return min;
	}
	return d;
}
uint32_t u32(struct tt_args *a, int i, const char *why)
{
	return (uint32_t)number(a, i, 0, 4294967295.0, why);
}
uint16_t u16(struct tt_args *a, int i, const char *why)
{
	return (uint16_t)number(a, i, 0, 65535, why);
}
int s32(struct tt_args *a, int i, const char *why)
{
	return (int)number(a, i, -2147483648.0, 2147483647.0, why);
}
int fd_of(struct tt_args *a, int i)
{
	return (int)number(a, i, 0, 2147483647.0, "fd: not a file descriptor");
}

void *typed(struct tt_args *a, int i, enum tt_typed want, size_t *len, const char *why)
{
	static uint64_t nothing[8];
	void *data = arg_typed(a, i, want, len);

	if (data && *len)
		return data;
	*len = 0;
	if (!data)
		fail_range(a, why);
	return nothing;
}
uint8_t *bytes(struct tt_args *a, int i, size_t *len, const char *why)
{
	return typed(a, i, TT_U8, len, why);
}
uint8_t *bytes_of(struct tt_args *a, int i, size_t want, const char *why)
{
	size_t len;
	uint8_t *p = bytes(a, i, &len, why);

	if (len != want)
		fail_range(a, why);
	return p;
}
double *doubles_of(struct tt_args *a, int i, size_t want, const char *why)
{
	size_t len;
	double *p = typed(a, i, TT_F64, &len, why);

	if (len != want)
		fail_range(a, why);
	return p;
}
uint8_t *address(struct tt_args *a, int i, size_t *len)
{
	uint8_t *p = bytes(a, i, len, "address: not a Uint8Array");

	if (*len != 4 && *len != 16)
		fail_range(a, "address: must be 4 or 16 bytes");
	return p;
}
void string(struct tt_args *a, int i, char *into, size_t room, const char *why)
{
	into[0] = 0;
	if (!arg_string(a, i, into, room))
		fail_range(a, why);
}

uint32_t ring_of(struct tt_args *a, int i, int in, struct tt_ring *r)
{
	size_t len = 0;
	uint32_t n = in < 0 ? 0 : u32(a, in, "ring: count is not a number of slots");
	void *data = arg_typed(a, i, TT_BUFFER, &len);
	const char *why;

	memset(r, 0, sizeof *r);
	if (!data || !tt_ring_map(r, data, len))
		fail_range(a, "ring: not a ring's ArrayBuffer");
	else if (!a->bad && (why = tt_ring_check(r, n)))
		fail_range(a, why);
	return n;
}

struct tt_fp *fp_of(struct tt_args *a, int i)
{
	uint32_t handle = u32(a, i, "fast path: not a handle");
	struct held *h = a->bad ? NULL : pool_get(&a->inst->fps, handle);

	if (!h) {
		fail_range(a, "fast path: closed");
		return NULL;
	}
	return h->fp;
}

/* ---- handles ---- */

FN(FpNew)
	struct held *h;
	struct tt_fp *fp = fp_new();

	if (!fp)
		return 0;
	h = pool_add(&a->inst->fps);
	if (!h) {
		fp_free(fp);
		return 0;
	}
	h->fp = fp;
	return h->obj.handle;
END
FN(FpClose)
	struct tt_fp *fp = fp_of(a, 0);

	GOOD;
	fp_free(fp);
	pool_remove(&a->inst->fps, pool_get(&a->inst->fps, u32(a, 0, "")));
	return NOTHING;
END

struct watched {
	struct tt_obj obj;
	struct tt_watch *w;
	int fd;
};

FN(Watch)
	int fd = fd_of(a, 0);
	struct watched *slot;
	struct tt_watch *w;

	GOOD;
	w = watch_start(a, 1, fd);
	if (!w)
		return NOTHING;
	slot = pool_add(&a->inst->watches);
	if (!slot) {
		watch_stop(w);
		return fail_system(a, ENOMEM, "watch");
	}
	slot->w = w;
	slot->fd = fd;
	return slot->obj.handle;
END
FN(Unwatch)
	uint32_t handle = u32(a, 0, "watcher: not a handle");
	struct watched *slot = pool_get(&a->inst->watches, handle);

	GOOD;
	if (slot) {
		watch_stop(slot->w);
		pool_remove(&a->inst->watches, slot);
	}
	return NOTHING;
END
FN(Close)
	int fd = fd_of(a, 0);

	if (!a->bad && !map_get(&a->inst->fds, (uint64_t)fd))
		fail_range(a, "fd: not opened here, or closed already");
	GOOD;
	for (uint32_t i = 0; i < a->inst->watches.count; i++) {
		struct watched *slot = pool_at(&a->inst->watches, i);

		if (slot->obj.handle && slot->fd == fd) { /* a watch on a closed descriptor would spin, or serve the next owner */
			watch_stop(slot->w);
			pool_remove(&a->inst->watches, slot);
		}
	}
	map_remove(&a->inst->fds, (uint64_t)fd);
	tt_serial_release(fd); /* when it is a line */
	close(fd);
	return NOTHING;
END

/* ---- the environment ---- */

void tt_inst_init(struct tt_inst *inst)
{
	memset(inst, 0, sizeof *inst);
	pool_init(&inst->fps, sizeof(struct held));
	pool_init(&inst->watches, sizeof(struct watched));
	tt_z_inst_init(&inst->zs);
	tt_tls_inst_init(&inst->tls);
}

void tt_inst_free(struct tt_inst *inst)
{
	for (uint32_t i = 0; i < inst->watches.count; i++) {
		struct watched *slot = pool_at(&inst->watches, i);

		if (slot->obj.handle)
			watch_stop(slot->w);
	}
	for (uint32_t i = 0; i < inst->fps.count; i++) {
		struct held *h = pool_at(&inst->fps, i);

		if (h->obj.handle)
			fp_free(h->fp);
	}
	for (uint32_t i = 0; inst->fds.mask && i <= inst->fds.mask; i++)
		if (inst->fds.values[i]) {
			tt_serial_release((int)inst->fds.keys[i]);
			close((int)inst->fds.keys[i]);
		}
	tt_z_inst_free(&inst->zs);
	tt_tls_inst_free(&inst->tls);
	pool_free(&inst->fps);
	pool_free(&inst->watches);
	map_free(&inst->fds);
}

#define ROW(f, name, argc) { #name, f, argc },
const struct tt_function tt_functions[] = { TT_FUNCTIONS(ROW) { NULL, NULL, 0 } };
