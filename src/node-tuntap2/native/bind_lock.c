/* The flat function of lock.c. */
#include "bind.h"
#include "lock.h"

static double bind_lock_open(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	char prefix[108];
	int32_t holder = 0;
	uint8_t *path, *pid;
	int fd;

	arg_text(a, 0, prefix, sizeof prefix, "prefix: at most 106 bytes");
	path = arg_bytes_of(a, 1, 160, "path: must be 160 bytes");
	pid = arg_bytes_of(a, 2, 4, "holder: must be 4 bytes");
	if (a->bad)
		return NOTHING;
	fd = tt_lock_open(prefix, (char *)path, 160, &holder, &e);
	wr32(pid, (uint32_t)holder);
	return give_fd(a, fd, &e);
}

static const struct tt_function functions[] = {
	{ "lockOpen", bind_lock_open, 3 },
	{ NULL, NULL, 0 },
};

const struct tt_binding bind_lock = { functions, NULL, NULL };
