/*
 * Node-API binding: the flat functions of flat.ts, one for one. It checks what JavaScript gives and translates failures: a
 * wrong argument is a RangeError, a failed system call an Error with code, errno and syscall. A QuickJS binding is the same list.
 */
#define NAPI_VERSION 8
#include "fastpath.h"
#include <errno.h>
#include <node_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define VERSION "0.1.0"
#define MAX_ARGS 12
#define STUCK 16 /* error wake-ups in a row after which a watcher rests */

struct held { /* a fast path by its handle */
	struct tt_obj obj;
	struct tt_fp *fp;
};
struct watch {
	uv_poll_t poll;
	napi_env env;
	napi_ref callback;
	napi_async_context context;
	napi_async_cleanup_hook_handle hook;
	int fd, stuck;
	bool closing;
};
struct watched {
	struct tt_obj obj;
	struct watch *w; /* on its own: libuv keeps its address until the close callback */
};
struct inst { /* one a JavaScript environment: main thread and workers share nothing */
	struct tt_pool fps, watches;
	struct tt_map fds; /* opened here */
};
struct args {
	napi_env env;
	struct inst *inst;
	napi_value v[MAX_ARGS];
	bool bad; /* an exception is pending */
};

/* ---- arguments ---- */

static void range(struct args *a, const char *why)
{
	if (!a->bad)
		napi_throw_range_error(a->env, NULL, why);
	a->bad = true;
}

static bool begin(napi_env env, napi_callback_info info, struct args *a)
{
	size_t n = MAX_ARGS;

	memset(a, 0, sizeof *a);
	a->env = env;
	return napi_get_cb_info(env, info, &n, a->v, NULL, NULL) == napi_ok &&
	       napi_get_instance_data(env, (void **)&a->inst) == napi_ok && a->inst;
}

static double number(struct args *a, int i, double min, double max, const char *why)
{
	double d = 0;

	if (napi_get_value_double(a->env, a->v[i], &d) != napi_ok || !(d >= min && d <= max) || d != (double)(int64_t)d) {
		range(a, why);
		return min;
	}
	return d;
}
static uint32_t u32(struct args *a, int i, const char *why)
{
	return (uint32_t)number(a, i, 0, 4294967295.0, why);
}
static uint16_t u16(struct args *a, int i, const char *why)
{
	return (uint16_t)number(a, i, 0, 65535, why);
}
static int s32(struct args *a, int i, const char *why)
{
	return (int)number(a, i, -2147483648.0, 2147483647.0, why);
}
static int fd_of(struct args *a, int i)
{
	return (int)number(a, i, 0, 2147483647.0, "fd: not a file descriptor");
}

static void *typed(struct args *a, int i, napi_typedarray_type want, size_t *len, const char *why)
{
	static uint64_t nothing[8];
	napi_typedarray_type type;
	bool is = false;
	void *data = NULL;

	*len = 0;
	if (napi_is_typedarray(a->env, a->v[i], &is) != napi_ok || !is ||
	    napi_get_typedarray_info(a->env, a->v[i], &type, len, &data, NULL, NULL) != napi_ok || type != want) {
		range(a, why);
		*len = 0;
	}
	return *len && data ? data : nothing;
}
static uint8_t *bytes(struct args *a, int i, size_t *len, const char *why)
{
	return typed(a, i, napi_uint8_array, len, why);
}
static uint8_t *bytes_of(struct args *a, int i, size_t want, const char *why)
{
	size_t len;
	uint8_t *p = bytes(a, i, &len, why);

	if (len != want)
		range(a, why);
	return p;
}
static double *doubles_of(struct args *a, int i, size_t want, const char *why)
{
	size_t len;
	double *p = typed(a, i, napi_float64_array, &len, why);

	if (len != want)
		range(a, why);
	return p;
}
static uint8_t *address(struct args *a, int i, size_t *len)
{
	uint8_t *p = bytes(a, i, len, "address: not a Uint8Array");

	if (*len != 4 && *len != 16)
		range(a, "address: must be 4 or 16 bytes");
	return p;
}
static void string(struct args *a, int i, char *into, size_t room, const char *why)
{
	size_t n = 0;

	into[0] = 0;
	if (napi_get_value_string_utf8(a->env, a->v[i], into, room, &n) != napi_ok || n + 1 >= room)
		range(a, why);
}

/* The ring at argument i and, when in >= 0, how many slots of it argument `in` says are in use. */
static uint32_t ring_of(struct args *a, int i, int in, struct tt_ring *r)
{
	void *data = NULL;
	size_t len = 0;
	uint32_t n = in < 0 ? 0 : u32(a, in, "ring: count is not a number of slots");
	const char *why;

	memset(r, 0, sizeof *r);
	if (napi_get_arraybuffer_info(a->env, a->v[i], &data, &len) != napi_ok || !tt_ring_map(r, data, len))
		range(a, "ring: not a ring's ArrayBuffer");
	else if (!a->bad && (why = tt_ring_check(r, n)))
		range(a, why);
	return n;
}

static struct tt_fp *fp_of(struct args *a, int i)
{
	uint32_t handle = u32(a, i, "fast path: not a handle");
	struct held *h = a->bad ? NULL : pool_get(&a->inst->fps, handle);

	if (!h) {
		range(a, "fast path: closed");
		return NULL;
	}
	return h->fp;
}

/* ---- results ---- */

static napi_value num(napi_env env, double d)
{
	napi_value v = NULL;

	napi_create_double(env, d, &v);
	return v;
}

static napi_value failed(struct args *a, int no, const char *call)
{
	napi_value code, message, error;
	char text[160];

	snprintf(text, sizeof text, "%s: %s, %s", tt_errno_name(no), strerror(no), call);
	napi_create_string_utf8(a->env, tt_errno_name(no), NAPI_AUTO_LENGTH, &code);
	napi_create_string_utf8(a->env, text, NAPI_AUTO_LENGTH, &message);
	if (napi_create_error(a->env, code, message, &error) != napi_ok)
		return NULL;
	napi_set_named_property(a->env, error, "errno", num(a->env, -no));
	napi_create_string_utf8(a->env, call, NAPI_AUTO_LENGTH, &message);
	napi_set_named_property(a->env, error, "syscall", message);
	napi_throw(a->env, error);
	return NULL;
}

static napi_value io_result(struct args *a, int r, const struct tt_err *e)
{
	return r < 0 ? failed(a, e->no, e->call) : num(a->env, r);
}

static napi_value opened(struct args *a, int fd, const struct tt_err *e)
{
	if (fd >= 0 && !map_set(&a->inst->fds, (uint64_t)fd, 1)) {
		close(fd);
		return failed(a, ENOMEM, "open");
	}
	return io_result(a, fd, e);
}

static napi_value fp_result(struct args *a, const struct tt_fp *fp, int64_t r)
{
	if (r < 0) {
		range(a, fp->why);
		return NULL;
	}
	return num(a->env, (double)r);
}

#define FN(name)                                                           \
	static napi_value name(napi_env env, napi_callback_info cb_info)   \
	{                                                                  \
		struct args A, *a = &A;                                    \
		struct tt_err e = { 0, "" };                               \
		(void)e;                                                   \
		if (!begin(env, cb_info, a))                               \
			return NULL;
#define END }
#define GOOD                   \
	do {                   \
		if (a->bad)    \
			return NULL; \
	} while (0)

/* ---- I/O ---- */

FN(TunOpen)
	uint8_t *name = bytes_of(a, 0, 16, "name: must be 16 bytes, ended by zeros");
	bool tap = number(a, 1, 0, 1, "tap: 0 or 1");

	GOOD;
	name[15] = 0;
	return opened(a, tt_tun_open((char *)name, tap, &e), &e);
END
FN(UdpOpen)
	size_t alen;
	uint8_t *addr = address(a, 0, &alen);
	uint16_t port = u16(a, 1, "port: 0 to 65535");
	bool reuse = number(a, 2, 0, 1, "reuse: 0 or 1");
	int buffer = (int)number(a, 3, 0, 1 << 30, "buffer: 0 to 2^30");

	GOOD;
	return opened(a, tt_udp_open(addr, alen, port, reuse, buffer, &e), &e);
END
FN(RawOpen)
	int family = (int)number(a, 0, 4, 6, "family: 4 or 6");
	int protocol = (int)number(a, 1, 0, 255, "protocol: 0 to 255");
	size_t alen;
	uint8_t *addr = address(a, 2, &alen);

	if (alen != (family == 4 ? 4u : 16u) || family == 5)
		range(a, "family: does not fit the address");
	GOOD;
	return opened(a, tt_raw_open(family, protocol, addr, alen, &e), &e);
END
FN(NetlinkOpen)
	int protocol = (int)number(a, 0, 0, 255, "protocol: 0 to 255");
	uint32_t groups = u32(a, 1, "groups: a 32-bit mask");

	GOOD;
	return opened(a, tt_netlink_open(protocol, groups, &e), &e);
END
FN(SocketPort)
	int fd = fd_of(a, 0);

	GOOD;
	return io_result(a, tt_socket_port(fd, &e), &e);
END

#define READER(name, call)                                  \
	FN(name)                                            \
		int fd = fd_of(a, 0);                       \
		struct tt_ring r;                           \
		ring_of(a, 1, -1, &r);                      \
		GOOD;                                       \
		return io_result(a, call(fd, &r, &e), &e);  \
	END
READER(ReadTun, tt_read_tun)
READER(ReadUdp, tt_read_udp)
READER(ReadRaw, tt_read_raw)

static uint64_t *drops_of(struct args *a, int i)
{
	struct tt_fp *fp;

	if (u32(a, i, "fast path: not a handle") == 0)
		return NULL;
	fp = fp_of(a, i);
	return fp ? fp->drops : NULL;
}
FN(WriteTun)
	int fd = fd_of(a, 0);
	struct tt_ring r;
	uint32_t n = ring_of(a, 1, 2, &r), ref = u32(a, 3, "ref: not a device id");
	uint64_t *drops = drops_of(a, 4);

	GOOD;
	return num(env, tt_write_tun(fd, &r, n, ref, drops));
END
#define WRITER(name, raw)                                                                       \
	FN(name)                                                                                \
		int fd = fd_of(a, 0);                                                           \
		struct tt_ring r;                                                               \
		uint32_t n = ring_of(a, 1, 2, &r), kind = u32(a, 3, "kind: not a Kind");        \
		uint64_t *drops = drops_of(a, 4);                                               \
		GOOD;                                                                           \
		return io_result(a, tt_write_socket(fd, &r, n, kind, raw, drops, &e), &e);      \
	END
WRITER(WriteUdp, false)
WRITER(WriteRaw, true)

FN(Send)
	int fd = fd_of(a, 0);
	size_t len;
	uint8_t *p = bytes(a, 1, &len, "data: not a Uint8Array");
	ssize_t r;

	GOOD;
	do
		r = send(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? failed(a, errno, "send") : num(env, (double)r);
END
FN(Recv)
	int fd = fd_of(a, 0);
	size_t len;
	uint8_t *p = bytes(a, 1, &len, "into: not a Uint8Array");
	ssize_t r;

	GOOD;
	do
		r = recv(fd, p, len, MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	return r < 0 && errno != EAGAIN ? failed(a, errno, "recv") : num(env, (double)r);
END
FN(Getsockopt)
	int fd = fd_of(a, 0), level = s32(a, 1, "level: a number"), name = s32(a, 2, "name: a number");
	size_t len;
	uint8_t *p = bytes(a, 3, &len, "into: not a Uint8Array");
	socklen_t n = (socklen_t)len;

	if (len > 65536)
		range(a, "into: more than 65536 bytes");
	GOOD;
	return getsockopt(fd, level, name, p, &n) < 0 ? failed(a, errno, "getsockopt") : num(env, n);
END
FN(Setsockopt)
	int fd = fd_of(a, 0), level = s32(a, 1, "level: a number"), name = s32(a, 2, "name: a number");
	size_t len;
	uint8_t *p = bytes(a, 3, &len, "value: not a Uint8Array");

	if (len > 65536)
		range(a, "value: more than 65536 bytes");
	GOOD;
	return setsockopt(fd, level, name, p, (socklen_t)len) < 0 ? failed(a, errno, "setsockopt") : NULL;
END
FN(Ioctl)
	int fd = fd_of(a, 0);
	uint32_t request = u32(a, 1, "request: a number");
	size_t len;
	uint8_t *p = bytes(a, 2, &len, "data: not a Uint8Array");
	/* Numbers do not tell how much the kernel reads and writes: give it room. Requests that take pointers are not for us. */
	uint8_t room[4096] __attribute__((aligned(16))) = { 0 };
	int r;

	if (len > 1024)
		range(a, "data: more than 1024 bytes");
	GOOD;
	memcpy(room, p, len);
	r = ioctl(fd, request, room);
	if (r < 0)
		return failed(a, errno, "ioctl");
	memcpy(p, room, len);
	return num(env, r);
END
FN(ProbePath)
	size_t alen;
	uint8_t *remote = address(a, 0, &alen), *into = bytes_of(a, 1, 20, "into: must be 20 bytes");
	uint32_t ifindex = 0;
	int mtu;

	GOOD;
	mtu = tt_probe_path(remote, alen, into, &ifindex, &e);
	wr32(into + 16, ifindex);
	return io_result(a, mtu, &e);
END

FN(NoDumps)
	GOOD;
	return io_result(a, tt_no_dumps(&e), &e);
END

/* ---- watchers ---- */

static void closed(uv_handle_t *handle)
{
	struct watch *w = handle->data;

	napi_remove_async_cleanup_hook(w->hook);
	free(w);
}

static void stop(struct watch *w)
{
	if (w->closing)
		return;
	w->closing = true;
	uv_poll_stop(&w->poll);
	napi_delete_reference(w->env, w->callback);
	napi_async_destroy(w->env, w->context);
	uv_close((uv_handle_t *)&w->poll, closed);
}

/* The environment goes away: it waits until `closed` has removed the hook. */
static void teardown(napi_async_cleanup_hook_handle hook, void *data)
{
	(void)hook;
	stop(data);
}

static void readable(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	napi_handle_scope scope;
	napi_value f, global, error;

	(void)events;
	w->stuck = status < 0 ? w->stuck + 1 : 0;
	if (status < 0 && w->stuck < STUCK)
		uv_poll_start(poll, UV_READABLE, readable); /* libuv stops on POLLERR; the next read takes the error away */
	if (napi_open_handle_scope(w->env, &scope) != napi_ok)
		return;
	if (napi_get_reference_value(w->env, w->callback, &f) == napi_ok && f && napi_get_global(w->env, &global) == napi_ok &&
	    napi_make_callback(w->env, w->context, global, f, 0, NULL, NULL) == napi_pending_exception &&
	    napi_get_and_clear_last_exception(w->env, &error) == napi_ok)
		napi_fatal_exception(w->env, error);
	napi_close_handle_scope(w->env, scope); /* w may be closing by now, but lives until `closed` */
}

FN(Watch)
	int fd = fd_of(a, 0), r;
	napi_valuetype type = napi_undefined;
	napi_value name;
	uv_loop_t *loop;
	struct watched *slot;
	struct watch *w;

	napi_typeof(env, a->v[1], &type);
	if (type != napi_function)
		range(a, "readable: not a function");
	GOOD;
	w = calloc(1, sizeof *w);
	slot = w ? pool_add(&a->inst->watches) : NULL;
	if (!slot) {
		free(w);
		return failed(a, ENOMEM, "watch");
	}
	w->env = env;
	w->fd = fd;
	w->poll.data = w;
	r = napi_get_uv_event_loop(env, &loop) == napi_ok ? uv_poll_init(loop, &w->poll, fd) : UV_EINVAL;
	if (r < 0) {
		pool_remove(&a->inst->watches, slot);
		free(w);
		return failed(a, -r, "watch");
	}
	slot->w = w;
	napi_create_string_utf8(env, "tuntap2.watch", NAPI_AUTO_LENGTH, &name);
	napi_create_reference(env, a->v[1], 1, &w->callback);
	napi_async_init(env, NULL, name, &w->context);
	napi_add_async_cleanup_hook(env, teardown, w, &w->hook);
	uv_poll_start(&w->poll, UV_READABLE, readable);
	return num(env, slot->obj.handle);
END
FN(Unwatch)
	uint32_t handle = u32(a, 0, "watcher: not a handle");
	struct watched *slot = pool_get(&a->inst->watches, handle);

	GOOD;
	if (slot) {
		stop(slot->w);
		pool_remove(&a->inst->watches, slot);
	}
	return NULL;
END
FN(Close)
	int fd = fd_of(a, 0);

	if (!a->bad && !map_get(&a->inst->fds, (uint64_t)fd))
		range(a, "fd: not opened here, or closed already");
	GOOD;
	for (uint32_t i = 0; i < a->inst->watches.count; i++) {
		struct watched *slot = pool_at(&a->inst->watches, i);

		if (slot->obj.handle && slot->w->fd == fd) { /* a poll on a closed descriptor would spin, or serve the next owner */
			stop(slot->w);
			pool_remove(&a->inst->watches, slot);
		}
	}
	map_remove(&a->inst->fds, (uint64_t)fd);
	close(fd);
	return NULL;
END

/* ---- fast path ---- */

FN(FpNew)
	struct held *h;
	struct tt_fp *fp = fp_new();

	if (!fp)
		return num(env, 0);
	h = pool_add(&a->inst->fps);
	if (!h) {
		fp_free(fp);
		return num(env, 0);
	}
	h->fp = fp;
	return num(env, h->obj.handle);
END
FN(FpClose)
	struct tt_fp *fp = fp_of(a, 0);

	GOOD;
	fp_free(fp);
	pool_remove(&a->inst->fps, pool_get(&a->inst->fps, u32(a, 0, "")));
	return NULL;
END
FN(FpFlow)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t flow = u32(a, 1, "flow: not a handle");
	struct tt_flow_params p = { 0 };
	size_t llen, rlen;
	uint8_t *local = address(a, 2, &llen), *remote = address(a, 3, &rlen);

	p.lport = u16(a, 4, "localPort: 0 to 65535");
	p.rport = u16(a, 5, "remotePort: 0 to 65535");
	p.encap = (enum tt_encap)number(a, 6, ENCAP_UDP, ENCAP_CLEAR, "encap: not known");
	if (llen != rlen)
		range(a, "address: local and remote differ in length");
	GOOD;
	p.alen = (uint8_t)rlen;
	memcpy(p.local, local, llen);
	memcpy(p.remote, remote, rlen);
	return fp_result(a, fp, flow ? fp_set_flow(fp, flow, &p) : fp_add_flow(fp, &p));
END
FN(FpRemoveFlow)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t flow = u32(a, 1, "flow: not a handle");

	GOOD;
	return fp_result(a, fp, fp_remove_flow(fp, flow));
END
FN(FpAddSa)
	struct tt_fp *fp = fp_of(a, 0);
	char cipher[32], integ[32];
	struct tt_sa_params p = { .cipher = cipher, .integ = integ };

	p.inbound = number(a, 1, 0, 1, "inbound: 0 or 1");
	p.spi = u32(a, 2, "spi: 32 bits");
	string(a, 3, cipher, sizeof cipher, "cipher: not known");
	string(a, 4, integ, sizeof integ, "integ: not known");
	p.key = bytes(a, 5, &p.key_len, "encr: not a Uint8Array");
	p.mac_key = bytes(a, 6, &p.mac_key_len, "integKey: not a Uint8Array");
	p.flow = u32(a, 7, "flow: not a handle");
	p.hard_bytes = (uint64_t)number(a, 8, 0, 9007199254740991.0, "hardBytes: not a count");
	p.hard_packets = (uint64_t)number(a, 9, 0, 9007199254740991.0, "hardPackets: not a count");
	p.window = u32(a, 10, "window: not a count");
	GOOD;
	return fp_result(a, fp, fp_add_sa(fp, &p));
END
FN(FpSetFlowSa)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t flow = u32(a, 1, "flow: not a handle"), sa = u32(a, 2, "sa: not a handle");

	GOOD;
	return fp_result(a, fp, fp_set_flow_sa(fp, flow, sa));
END
FN(FpRemoveSa)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t sa = u32(a, 1, "sa: not a handle");

	GOOD;
	return fp_result(a, fp, fp_remove_sa(fp, sa));
END
FN(FpSaCounters)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t sa = u32(a, 1, "sa: not a handle");
	double *into = doubles_of(a, 2, 3, "into: must be 3 doubles");
	uint64_t c[3] = { 0 };
	int r;

	GOOD;
	r = fp_sa_counters(fp, sa, c);
	for (int i = 0; i < 3; i++)
		into[i] = (double)c[i];
	return fp_result(a, fp, r);
END
/* Numbers of a call, in the order of flat.ts. */
enum { C_FLOW, C_DEV, C_LTUNNEL, C_LCALL, C_PTUNNEL, C_PCALL, C_LPORT, C_RPORT, C_IP, C_SEQUENCING, C_ALL_UP, C_CLAMP, C_CHECK, C_COUNT };
FN(FpCall)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t call = u32(a, 1, "call: not a handle");
	size_t n, ppp_len;
	uint32_t *v = typed(a, 2, napi_uint32_array, &n, "call: not a Uint32Array");
	uint8_t *ppp = bytes(a, 3, &ppp_len, "pppHeader: not a Uint8Array");
	struct tt_call_params p = { 0 };

	if (n != C_COUNT)
		range(a, "call: wrong number of values");
	if (ppp_len > 4)
		range(a, "pppHeader: at most 4 bytes");
	GOOD;
	for (int i = C_LTUNNEL; i <= C_RPORT; i++)
		if (v[i] > 65535)
			range(a, "call: ids and ports are 0 to 65535");
	GOOD;
	p.flow = v[C_FLOW];
	p.dev = v[C_DEV];
	p.clamp = v[C_CLAMP] > 65535 ? 65535 : v[C_CLAMP];
	p.ltunnel = (uint16_t)v[C_LTUNNEL];
	p.lcall = (uint16_t)v[C_LCALL];
	p.ptunnel = (uint16_t)v[C_PTUNNEL];
	p.pcall = (uint16_t)v[C_PCALL];
	p.lport = (uint16_t)v[C_LPORT];
	p.rport = (uint16_t)v[C_RPORT];
	p.ip = v[C_IP] != 0;
	p.sequencing = v[C_SEQUENCING] != 0;
	p.all_up = v[C_ALL_UP] != 0;
	p.check_source = v[C_CHECK] != 0;
	p.ppp_len = (uint8_t)ppp_len;
	memcpy(p.ppp, ppp, ppp_len);
	return fp_result(a, fp, call ? fp_set_call(fp, call, &p) : fp_add_call(fp, &p));
END
FN(FpRemoveCall)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t call = u32(a, 1, "call: not a handle");

	GOOD;
	return fp_result(a, fp, fp_remove_call(fp, call));
END
FN(FpCallCounters)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t call = u32(a, 1, "call: not a handle");
	double *into = doubles_of(a, 2, 4, "into: must be 4 doubles");
	uint64_t c[4] = { 0 };
	int r;

	GOOD;
	r = fp_call_counters(fp, call, c);
	for (int i = 0; i < 4; i++)
		into[i] = (double)c[i];
	return fp_result(a, fp, r);
END
FN(FpRoute)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t dev = u32(a, 1, "dev: not a device id");
	uint8_t *prefix = bytes_of(a, 2, 4, "prefix: must be 4 bytes");
	uint32_t length = u32(a, 3, "route: length above 32"), call = u32(a, 4, "call: not a handle");

	GOOD;
	return fp_result(a, fp, call ? fp_add_route(fp, dev, prefix, length, call) : fp_remove_route(fp, dev, prefix, length));
END
FN(FpTx)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t dev = u32(a, 1, "dev: not a device id"), n;
	struct tt_ring r;

	n = ring_of(a, 2, 3, &r);
	GOOD;
	return num(env, fp_tx(fp, dev, &r, n));
END
FN(FpTxFrames)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t call = u32(a, 1, "call: not a handle"), n;
	struct tt_ring r;

	n = ring_of(a, 2, 3, &r);
	GOOD;
	return fp_result(a, fp, fp_tx_frames(fp, call, &r, n));
END
FN(FpTxControl)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t flow = u32(a, 1, "flow: not a handle"), n;
	uint16_t lport = u16(a, 2, "localPort: 0 to 65535"), rport = u16(a, 3, "remotePort: 0 to 65535");
	struct tt_ring r;

	n = ring_of(a, 4, 5, &r);
	GOOD;
	return fp_result(a, fp, fp_tx_control(fp, flow, lport, rport, &r, n));
END
FN(FpRx)
	struct tt_fp *fp = fp_of(a, 0);
	enum tt_origin origin = (enum tt_origin)number(a, 1, ORIGIN_UDP4500, ORIGIN_UDP1701, "origin: not known");
	struct tt_ring r;
	uint32_t n = ring_of(a, 2, 3, &r);

	GOOD;
	return num(env, fp_rx(fp, origin, &r, n));
END
FN(FpMapping)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t flow = u32(a, 1, "flow: not a handle");
	uint8_t *into = bytes_of(a, 2, TT_ADDR, "into: must be ADDR bytes");

	GOOD;
	return fp_result(a, fp, fp_mapping(fp, flow, into));
END
FN(FpNextMapping)
	struct tt_fp *fp = fp_of(a, 0);

	GOOD;
	return num(env, fp_next_mapping(fp));
END
FN(FpNextUnknownSpi)
	struct tt_fp *fp = fp_of(a, 0);
	uint8_t *into = bytes_of(a, 1, TT_ADDR, "into: must be ADDR bytes");

	GOOD;
	return num(env, fp_next_unknown_spi(fp, into));
END
FN(FpDrops)
	struct tt_fp *fp = fp_of(a, 0);
	double *into = doubles_of(a, 1, TT_DROPS, "into: must be one double a drop");

	GOOD;
	for (int i = 0; i < TT_DROPS; i++)
		into[i] = (double)fp->drops[i];
	return NULL;
END

/* ---- module ---- */

/* Watchers are gone by now: their cleanup hooks run first. */
static void inst_free(napi_env env, void *data, void *hint)
{
	struct inst *inst = data;

	(void)env;
	(void)hint;
	for (uint32_t i = 0; i < inst->fps.count; i++) {
		struct held *h = pool_at(&inst->fps, i);

		if (h->obj.handle)
			fp_free(h->fp);
	}
	for (uint32_t i = 0; inst->fds.mask && i <= inst->fds.mask; i++)
		if (inst->fds.values[i])
			close((int)inst->fds.keys[i]);
	pool_free(&inst->fps);
	pool_free(&inst->watches);
	map_free(&inst->fds);
	free(inst);
}

static void text(napi_env env, napi_value object, const char *name, const char *s)
{
	napi_value v = NULL;

	if (s)
		napi_create_string_utf8(env, s, NAPI_AUTO_LENGTH, &v);
	else
		napi_get_null(env, &v);
	napi_set_named_property(env, object, name, v);
}

static const struct {
	const char *name;
	napi_callback f;
} functions[] = {
	{ "tunOpen", TunOpen }, { "udpOpen", UdpOpen }, { "rawOpen", RawOpen }, { "netlinkOpen", NetlinkOpen },
	{ "socketPort", SocketPort }, { "close", Close }, { "watch", Watch }, { "unwatch", Unwatch },
	{ "readTun", ReadTun }, { "readUdp", ReadUdp }, { "readRaw", ReadRaw }, { "writeTun", WriteTun },
	{ "writeUdp", WriteUdp }, { "writeRaw", WriteRaw }, { "send", Send }, { "recv", Recv },
	{ "getsockopt", Getsockopt }, { "setsockopt", Setsockopt }, { "ioctl", Ioctl }, { "probePath", ProbePath }, { "noDumps", NoDumps },
	{ "fpNew", FpNew }, { "fpClose", FpClose }, { "fpFlow", FpFlow }, { "fpRemoveFlow", FpRemoveFlow },
	{ "fpAddSa", FpAddSa }, { "fpSetFlowSa", FpSetFlowSa }, { "fpRemoveSa", FpRemoveSa },
	{ "fpSaCounters", FpSaCounters }, { "fpCall", FpCall }, { "fpRemoveCall", FpRemoveCall },
	{ "fpCallCounters", FpCallCounters }, { "fpRoute", FpRoute }, { "fpTx", FpTx }, { "fpTxFrames", FpTxFrames },
	{ "fpTxControl", FpTxControl }, { "fpRx", FpRx }, { "fpMapping", FpMapping },
	{ "fpNextMapping", FpNextMapping }, { "fpNextUnknownSpi", FpNextUnknownSpi }, { "fpDrops", FpDrops },
};

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */)
{
	struct inst *inst = calloc(1, sizeof *inst);
	napi_value constants;

	if (!inst)
		return NULL;
	pool_init(&inst->fps, sizeof(struct held));
	pool_init(&inst->watches, sizeof(struct watched));
	napi_set_instance_data(env, inst, inst_free, NULL);
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
		napi_value f;

		napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].f, NULL, &f);
		napi_set_named_property(env, exports, functions[i].name, f);
	}
	napi_create_object(env, &constants);
	for (const struct tt_constant *c = tt_constants; c->name; c++)
		napi_set_named_property(env, constants, c->name, num(env, (double)c->value));
	napi_set_named_property(env, exports, "constants", constants);
	napi_set_named_property(env, exports, "dropCount", num(env, TT_DROPS));
	text(env, exports, "version", VERSION);
	text(env, exports, "crypto", ossl() ? ossl()->version(0) : NULL);
	return exports;
}
