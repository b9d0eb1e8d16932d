/* Arguments and results of the flat functions. */
#include "bind.h"
#include <errno.h>
#include <unistd.h>

double arg_integer(struct tt_args *a, int i, double min, double max, const char *why)
{
	double d = 0;

	if (!engine_number(a, i, &d) || !(d >= min && d <= max) || d != (double)(int64_t)d) {
		throw_range(a, why);
		return min;
	}
	return d;
}

uint32_t arg_u32(struct tt_args *a, int i, const char *why)
{
	return (uint32_t)arg_integer(a, i, 0, 4294967295.0, why);
}

uint16_t arg_u16(struct tt_args *a, int i, const char *why)
{
	return (uint16_t)arg_integer(a, i, 0, 65535, why);
}

int arg_s32(struct tt_args *a, int i, const char *why)
{
	return (int)arg_integer(a, i, -2147483648.0, 2147483647.0, why);
}

bool arg_bool(struct tt_args *a, int i, const char *why)
{
	bool b = false;

	if (!engine_bool(a, i, &b))
		throw_range(a, why);
	return b;
}

int arg_fd(struct tt_args *a, int i)
{
	return (int)arg_integer(a, i, 0, 2147483647.0, "fd: not a file descriptor");
}

void *arg_array(struct tt_args *a, int i, enum tt_array want, size_t *len, const char *why)
{
	static uint64_t nothing[8];
	void *data = engine_array(a, i, want, len);

	if (data && *len)
		return data;
	*len = 0;
	if (!data)
		throw_range(a, why);
	return nothing;
}

uint8_t *arg_bytes(struct tt_args *a, int i, size_t *len, const char *why)
{
	return arg_array(a, i, TT_U8, len, why);
}

uint8_t *arg_bytes_of(struct tt_args *a, int i, size_t want, const char *why)
{
	size_t len;
	uint8_t *p = arg_bytes(a, i, &len, why);

	if (len != want)
		throw_range(a, why);
	return p;
}

double *arg_doubles(struct tt_args *a, int i, size_t want, const char *why)
{
	size_t len;
	double *p = arg_array(a, i, TT_F64, &len, why);

	if (len != want)
		throw_range(a, why);
	return p;
}

uint8_t *arg_address(struct tt_args *a, int i, size_t *len)
{
	uint8_t *p = arg_bytes(a, i, len, "address: not a Uint8Array");

	if (*len != 4 && *len != 16)
		throw_range(a, "address: must be 4 or 16 bytes");
	return p;
}

void arg_text(struct tt_args *a, int i, char *into, size_t room, const char *why)
{
	into[0] = 0;
	if (!engine_string(a, i, into, room))
		throw_range(a, why);
}

int arg_word(struct tt_args *a, int i, const char *const *words, const char *why)
{
	char text[32];

	arg_text(a, i, text, sizeof text, why);
	for (int n = 0; words[n]; n++)
		if (strcmp(words[n], text) == 0)
			return n;
	throw_range(a, why);
	return 0;
}

int arg_fields(struct tt_args *a, int i, const char *const *names, int count, const char *why)
{
	if (!engine_fields(a, i, names, count))
		throw_range(a, why);
	return TT_MAX_ARGS;
}

uint32_t arg_ring(struct tt_args *a, int i, int in, struct tt_ring *r)
{
	size_t len = 0;
	uint32_t n = in < 0 ? 0 : arg_u32(a, in, "ring: count is not a number of slots");
	void *data = engine_array(a, i, TT_BUFFER, &len);
	const char *why;

	memset(r, 0, sizeof *r);
	if (!data || !tt_ring_map(r, data, len))
		throw_range(a, "ring: not a ring's ArrayBuffer");
	else if (!a->bad && (why = tt_ring_check(r, n)))
		throw_range(a, why);
	return n;
}

double give_result(struct tt_args *a, int r, const struct tt_err *e)
{
	return r < 0 ? throw_system(a, e->no, e->call) : r;
}

double give_fd(struct tt_args *a, int fd, const struct tt_err *e)
{
	if (fd >= 0 && !map_set(&a->inst->fds, (uint64_t)fd, 1)) {
		close(fd);
		return throw_system(a, ENOMEM, "open");
	}
	return give_result(a, fd, e);
}
