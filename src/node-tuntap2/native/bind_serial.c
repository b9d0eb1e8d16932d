/* The flat functions of serial.c. */
#include "bind.h"
#include "serial.h"
#include <errno.h>
#include <unistd.h>

static const char *const handshakes[] = {
	[FLOW_NONE] = "none",
	[FLOW_RTSCTS] = "rtscts",
	[FLOW_XONXOFF] = "xonxoff",
	NULL,
};

static double bind_serial_open(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	char path[108], lock[128];
	uint32_t baud = arg_u32(a, 2, "baud: not a number");
	enum tt_handshake flow = (enum tt_handshake)arg_word(a, 3, handshakes, "flow: not known");

	arg_text(a, 0, path, sizeof path, "device: at most 106 bytes");
	arg_text(a, 1, lock, sizeof lock, "lock: at most 126 bytes");
	if (a->bad)
		return NOTHING;
	return give_fd(a, tt_serial_open(path, lock, baud, flow, &e), &e);
}

static double bind_serial_read(struct tt_args *a)
{
	int fd = arg_fd(a, 0);
	size_t len;
	uint8_t *p = arg_bytes(a, 1, &len, "into: not a Uint8Array");
	ssize_t r;

	if (a->bad)
		return NOTHING;
	do
		r = read(fd, p, len);
	while (r < 0 && errno == EINTR);
	return r < 0 && errno != EAGAIN ? throw_system(a, errno, "read") : (double)r;
}

static double bind_serial_write(struct tt_args *a)
{
	int fd = arg_fd(a, 0);
	size_t len;
	uint8_t *p = arg_bytes(a, 1, &len, "data: not a Uint8Array");
	uint32_t from = arg_u32(a, 2, "from: not an index");
	ssize_t r;

	if (from > len)
		throw_range(a, "from: behind the end");
	if (a->bad)
		return NOTHING;
	do
		r = write(fd, p + from, len - from);
	while (r < 0 && errno == EINTR);
	return r < 0 && errno != EAGAIN ? throw_system(a, errno, "write") : r < 0 ? 0 : (double)r;
}

static double bind_serial_lines(struct tt_args *a)
{
	int fd = arg_fd(a, 0);

	if (a->bad)
		return NOTHING;
	return tt_serial_lines(fd);
}

static double bind_serial_set(struct tt_args *a)
{
	static const char *const wires[] = { "dtr", "break", NULL };
	struct tt_err e = { 0, "" };
	int fd = arg_fd(a, 0);
	bool brk = arg_word(a, 1, wires, "what: not known") == 1, on = arg_bool(a, 2, "on: true or false");

	if (a->bad)
		return NOTHING;
	return give_result(a, brk ? tt_serial_break(fd, on, &e) : tt_serial_dtr(fd, on, &e), &e);
}

static double bind_serial_queued(struct tt_args *a)
{
	struct tt_err e = { 0, "" };
	int fd = arg_fd(a, 0);

	if (a->bad)
		return NOTHING;
	return give_result(a, tt_serial_queued(fd, &e), &e);
}

static const struct tt_function functions[] = {
	{ "serialOpen", bind_serial_open, 4 },
	{ "serialRead", bind_serial_read, 2 },
	{ "serialWrite", bind_serial_write, 3 },
	{ "serialLines", bind_serial_lines, 1 },
	{ "serialSet", bind_serial_set, 3 },
	{ "serialQueued", bind_serial_queued, 1 },
	{ NULL, NULL, 0 },
};

const struct tt_binding bind_serial = { functions, NULL, NULL };
