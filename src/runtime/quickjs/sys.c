/* Clock, files, environment and output. */
#include "sys.h"
#include "memory.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define LONGEST (16 << 20) /* of a file */
#define TIGHT(limit) ((limit) / 8 * 7)
#define COLLECT_MS 10000.0

static JSValue sys_now(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	return JS_NewFloat64(ctx, host_now());
}

static JSValue sys_wall_clock(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return JS_NewFloat64(ctx, floor((double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6));
}

static JSValue sys_local_offset(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	time_t now = time(NULL);
	struct tm local = { 0 };

	localtime_r(&now, &local);
	return JS_NewInt32(ctx, (int32_t)(local.tm_gmtoff / 60));
}

static JSValue sys_alarm_at(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	return JS_ToFloat64(ctx, &host_of(ctx)->alarm, argv[0]) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

static JSValue sys_read_file(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	const char *path = JS_ToCString(ctx, argv[0]);
	uint8_t *all = NULL;
	size_t len = 0, room = 0;
	JSValue r = JS_UNDEFINED;
	struct stat st = { 0 };
	ssize_t n = 0;
	int fd;

	if (!path)
		return JS_EXCEPTION;
	/* A FIFO or a device of that name must not stop the daemon: files alone, and none is waited for. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	JS_FreeCString(ctx, path);
	if (fd < 0)
		return host_failed(ctx, errno, "open");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return host_failed(ctx, S_ISDIR(st.st_mode) ? EISDIR : EINVAL, "open");
	}
	for (;;) { /* by reading, as files of /proc have no size */
		if (len == room) {
			uint8_t *more = len >= LONGEST ? NULL : realloc(all, room += room ? room : 4096);

			if (!more) {
				r = host_failed(ctx, len >= LONGEST ? EFBIG : ENOMEM, "read");
				break;
			}
			all = more;
		}
		do
			n = read(fd, all + len, room - len);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			r = host_failed(ctx, errno, "read");
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	if (!JS_IsException(r))
		r = JS_NewArrayBufferCopy(ctx, all, len);
	free(all);
	return r;
}

static bool write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EAGAIN) { /* stdout is somebody's non-blocking pipe */
			struct pollfd wait = { .fd = fd, .events = POLLOUT };

			poll(&wait, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return false;
		}
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return true;
}

static JSValue write_file(JSContext *ctx, JSValueConst *argv, int flags)
{
	const char *path = JS_ToCString(ctx, argv[0]), *text;
	int32_t mode;
	size_t len;
	int fd, no = 0;

	if (!path)
		return JS_EXCEPTION;
	text = JS_ToCStringLen(ctx, &len, argv[1]);
	if (!text || JS_ToInt32(ctx, &mode, argv[2]) < 0) {
		JS_FreeCString(ctx, path);
		JS_FreeCString(ctx, text);
		return JS_EXCEPTION;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, (mode_t)mode);
	if (fd < 0 || (flags & O_EXCL && fchmod(fd, (mode_t)mode) < 0) || !write_all(fd, text, len) ||
	    (flags & O_EXCL && fsync(fd) < 0))
		no = errno;
	if (fd >= 0 && close(fd) < 0 && !no)
		no = errno;
	JS_FreeCString(ctx, path);
	JS_FreeCString(ctx, text);
	return no ? host_failed(ctx, no, fd < 0 ? "open" : "write") : JS_UNDEFINED;
}

static JSValue sys_write_file(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	return write_file(ctx, argv, O_TRUNC);
}

static JSValue sys_create_file(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	return write_file(ctx, argv, O_EXCL);
}

/* (path, mode): a descriptor to write to, with these flags besides; -1, and an exception is thrown. */
static int open_for(JSContext *ctx, JSValueConst *argv, int flags)
{
	const char *path = JS_ToCString(ctx, argv[0]);
	int32_t mode;
	int fd = -1;

	if (!path)
		return -1;
	if (JS_ToInt32(ctx, &mode, argv[1]) == 0) {
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, (mode_t)mode);
		if (fd < 0)
			host_failed(ctx, errno, "open");
	}
	JS_FreeCString(ctx, path);
	return fd;
}

static JSValue sys_open_new(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	int fd = open_for(ctx, argv, O_EXCL);

	return fd < 0 ? JS_EXCEPTION : JS_NewInt32(ctx, fd);
}

/* openLog(path, mode): a descriptor that appends to a regular file, and its length. */
static JSValue sys_open_log(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	/* neither what a link in /tmp leads to, nor a FIFO that nobody reads */
	int fd = open_for(ctx, argv, O_APPEND | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	JSValue pair;

	if (fd < 0)
		return JS_EXCEPTION;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return host_failed(ctx, EINVAL, "open");
	}
	pair = JS_NewArray(ctx);
	JS_SetPropertyUint32(ctx, pair, 0, JS_NewInt32(ctx, fd));
	JS_SetPropertyUint32(ctx, pair, 1, JS_NewInt64(ctx, st.st_size));
	return pair;
}

static JSValue sys_existing(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	const char *path = JS_ToCString(ctx, argv[0]);
	char *real;
	struct stat st;
	int no = 0;
	JSValue pair;

	if (!path)
		return JS_EXCEPTION;
	real = realpath(path, NULL);
	if (!real || stat(real, &st) < 0)
		no = errno;
	else if (!S_ISREG(st.st_mode))
		no = EINVAL;
	JS_FreeCString(ctx, path);
	if (no) {
		free(real);
		return no == ENOENT ? JS_NULL : host_failed(ctx, no, "stat");
	}
	pair = JS_NewArray(ctx);
	if (!JS_IsException(pair)) {
		JS_SetPropertyUint32(ctx, pair, 0, JS_NewString(ctx, real));
		JS_SetPropertyUint32(ctx, pair, 1, JS_NewInt32(ctx, (int32_t)(st.st_mode & 0777)));
	}
	free(real);
	return pair;
}

static JSValue sys_rename(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	const char *from = JS_ToCString(ctx, argv[0]), *to = JS_ToCString(ctx, argv[1]);
	int no = from && to && rename(from, to) < 0 ? errno : 0;
	bool ok = from && to;

	JS_FreeCString(ctx, from);
	JS_FreeCString(ctx, to);
	if (!ok)
		return JS_EXCEPTION;
	return no ? host_failed(ctx, no, "rename") : JS_UNDEFINED;
}

static JSValue sys_raw(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	static struct termios saved;
	struct termios t;

	if (!JS_ToBool(ctx, argv[0]))
		return JS_NewBool(ctx, tcsetattr(0, TCSADRAIN, &saved) == 0);
	if (tcgetattr(0, &saved) < 0)
		return JS_FALSE;
	t = saved;
	t.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	return JS_NewBool(ctx, tcsetattr(0, TCSADRAIN, &t) == 0);
}

static JSValue sys_read_byte(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	for (;;) {
		uint8_t c;
		ssize_t n = read(0, &c, 1);

		if (n >= 0)
			return JS_NewInt32(ctx, n == 1 ? c : -1);
		if (errno == EAGAIN) {
			struct pollfd wait = { .fd = 0, .events = POLLIN };

			poll(&wait, 1, -1);
		} else if (errno == EIO) {
			return JS_NewInt32(ctx, -1); /* the terminal is gone */
		} else if (errno != EINTR) {
			return host_failed(ctx, errno, "read");
		}
	}
}

static JSValue sys_temp_dir(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	const char *prefix = JS_ToCString(ctx, argv[0]), *tmp = getenv("TMPDIR");
	char path[256];
	int n;

	if (!prefix)
		return JS_EXCEPTION;
	n = snprintf(path, sizeof path, "%s/%sXXXXXX", tmp && *tmp ? tmp : "/tmp", prefix);
	JS_FreeCString(ctx, prefix);
	if (n < 0 || (size_t)n >= sizeof path)
		return host_failed(ctx, ENAMETOOLONG, "mkdtemp");
	return mkdtemp(path) ? JS_NewString(ctx, path) : host_failed(ctx, errno, "mkdtemp");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

static JSValue sys_remove_tree(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	const char *path = JS_ToCString(ctx, argv[0]);
	int r;

	if (!path)
		return JS_EXCEPTION;
	r = nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	JS_FreeCString(ctx, path);
	return r < 0 && errno != ENOENT ? host_failed(ctx, errno, "remove") : JS_UNDEFINED;
}

static JSValue sys_env(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	const char *name = JS_ToCString(ctx, argv[0]), *value = name ? getenv(name) : NULL;

	JS_FreeCString(ctx, name);
	return value ? JS_NewString(ctx, value) : JS_UNDEFINED;
}

static JSValue sys_hostname(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	char name[256] = "";

	return gethostname(name, sizeof name - 1) < 0 ? host_failed(ctx, errno, "gethostname") :
							JS_NewString(ctx, name);
}

/* Text on descriptor 1 or 2, all of it. False when nobody reads any more. */
static JSValue sys_out(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	int32_t fd;
	size_t len;
	const char *text;
	bool ok;

	if (JS_ToInt32(ctx, &fd, argv[0]) < 0 || !(text = JS_ToCStringLen(ctx, &len, argv[1])))
		return JS_EXCEPTION;
	ok = write_all(fd == 1 ? 1 : 2, text, len);
	JS_FreeCString(ctx, text);
	return JS_NewBool(ctx, ok);
}

static JSValue sys_quit(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	int32_t code = 1;

	JS_ToInt32(ctx, &code, argv[0]);
	_exit(code);
}

/*
 * [used, limit] in bytes. The engine looks for dead rings of objects only when its heap has grown by half: whoever asks
 * when it is nearly full gets the truth.
 */
static JSValue sys_memory(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	static double collected; /* when the last search ended */
	JSValue pair;

	if (memory_used() > TIGHT(memory_limit()) && host_now() - collected > COLLECT_MS) {
		JS_RunGC(JS_GetRuntime(ctx));
		collected = host_now();
	}
	pair = JS_NewArray(ctx);
	if (JS_IsException(pair))
		return pair;
	JS_SetPropertyUint32(ctx, pair, 0, JS_NewFloat64(ctx, (double)memory_used()));
	JS_SetPropertyUint32(ctx, pair, 1, JS_NewFloat64(ctx, (double)memory_limit()));
	return pair;
}

static const JSCFunctionListEntry functions[] = {
	JS_CFUNC_DEF("now", 0, sys_now),
	JS_CFUNC_DEF("wallClock", 0, sys_wall_clock),
	JS_CFUNC_DEF("localOffset", 0, sys_local_offset),
	JS_CFUNC_DEF("alarm", 1, sys_alarm_at),
	JS_CFUNC_DEF("readFile", 1, sys_read_file),
	JS_CFUNC_DEF("writeFile", 3, sys_write_file),
	JS_CFUNC_DEF("createFile", 3, sys_create_file),
	JS_CFUNC_DEF("openNew", 2, sys_open_new),
	JS_CFUNC_DEF("openLog", 2, sys_open_log),
	JS_CFUNC_DEF("existing", 1, sys_existing),
	JS_CFUNC_DEF("rename", 2, sys_rename),
	JS_CFUNC_DEF("raw", 1, sys_raw),
	JS_CFUNC_DEF("readByte", 0, sys_read_byte),
	JS_CFUNC_DEF("tempDir", 1, sys_temp_dir),
	JS_CFUNC_DEF("removeTree", 1, sys_remove_tree),
	JS_CFUNC_DEF("env", 1, sys_env),
	JS_CFUNC_DEF("hostname", 0, sys_hostname),
	JS_CFUNC_DEF("out", 2, sys_out),
	JS_CFUNC_DEF("exit", 1, sys_quit),
	JS_CFUNC_DEF("memory", 0, sys_memory),
};

void sys_add(struct host *h, JSValue sys)
{
	JSContext *ctx = h->ctx;
	JSValue words = JS_NewArray(ctx);
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	JS_SetPropertyFunctionList(ctx, sys, functions, sizeof functions / sizeof *functions);
	for (int i = 1; i < h->argc; i++)
		JS_SetPropertyUint32(ctx, words, (uint32_t)i - 1, JS_NewString(ctx, h->argv[i]));
	JS_SetPropertyStr(ctx, sys, "argv", words);
	self[n < 0 ? 0 : n] = 0;
	JS_SetPropertyStr(ctx, sys, "self", JS_NewString(ctx, self));
	JS_SetPropertyStr(ctx, sys, "engine", JS_NewString(ctx, CONFIG_VERSION));
	JS_SetPropertyStr(ctx, sys, "isRoot", JS_NewBool(ctx, geteuid() == 0));
	JS_SetPropertyStr(ctx, sys, "terminal", JS_NewBool(ctx, isatty(1)));
	JS_SetPropertyStr(ctx, sys, "inputTerminal", JS_NewBool(ctx, isatty(0)));
}
