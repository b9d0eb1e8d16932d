/* Descriptors in the loop, UNIX stream sockets, host names. */
#include "net.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#define ANSWERS 16 /* addresses of one name */

static JSClassID watch_class;

struct fd_watch {
	struct host *host;
	struct watch *watch;
	JSValue ready;
};

static void fd_ready(void *opaque, uint32_t events)
{
	struct fd_watch *w = opaque;
	/* the next read or write reports the error */
	int readable = (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0,
	    writable = (events & (EPOLLOUT | EPOLLERR)) != 0;
	JSValue arg = JS_NewInt32(w->host->ctx, readable | writable << 1);

	host_call(w->host, w->ready, 1, &arg);
}

static uint32_t interest(int32_t mask)
{
	return (mask & 1 ? EPOLLIN : 0u) | (mask & 2 ? EPOLLOUT : 0u);
}

/* watch(fd, mask, ready): 1 readable, 2 writable. The watch holds on to `ready` until unwatch. */
static JSValue net_watch(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	struct host *h = host_of(ctx);
	struct fd_watch *w;
	int32_t fd, mask;
	JSValue object;

	if (JS_ToInt32(ctx, &fd, argv[0]) < 0 || JS_ToInt32(ctx, &mask, argv[1]) < 0)
		return JS_EXCEPTION;
	if (!JS_IsFunction(ctx, argv[2]))
		return JS_ThrowRangeError(ctx, "watch: not a function");
	object = JS_NewObjectClass(ctx, (int)watch_class);
	w = calloc(1, sizeof *w);
	if (JS_IsException(object) || !w)
		host_die("out of memory");
	w->host = h;
	w->watch = host_watch(h, fd, interest(mask), fd_ready, w);
	if (!w->watch) {
		free(w);
		JS_FreeValue(ctx, object);
		return host_failed(ctx, errno, "epoll_ctl");
	}
	w->ready = JS_DupValue(ctx, argv[2]);
	JS_SetOpaque(object, w);
	return object;
}

static JSValue net_rewatch(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	struct fd_watch *w = JS_GetOpaque2(ctx, argv[0], watch_class);
	int32_t mask;

	if (!w || JS_ToInt32(ctx, &mask, argv[1]) < 0)
		return JS_EXCEPTION;
	return host_rewatch(w->host, w->watch, interest(mask)) < 0 ? host_failed(ctx, errno, "epoll_ctl") :
								     JS_UNDEFINED;
}

static JSValue net_unwatch(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	struct fd_watch *w = JS_GetOpaque(argv[0], watch_class);

	if (!w)
		return JS_UNDEFINED;
	JS_SetOpaque(argv[0], NULL);
	host_unwatch(w->watch);
	JS_FreeValue(ctx, w->ready);
	free(w);
	return JS_UNDEFINED;
}

/* ---- UNIX sockets ---- */

static int unix_socket(JSContext *ctx, JSValueConst path, struct sockaddr_un *to)
{
	size_t len;
	const char *s = JS_ToCStringLen(ctx, &len, path);

	memset(to, 0, sizeof *to);
	to->sun_family = AF_UNIX;
	if (!s || len == 0 || len >= sizeof to->sun_path) {
		JS_FreeCString(ctx, s);
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(to->sun_path, s, len);
	JS_FreeCString(ctx, s);
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static JSValue give_up(JSContext *ctx, int fd, const char *call)
{
	int no = errno;

	if (fd >= 0)
		close(fd);
	return host_failed(ctx, no, call);
}

static JSValue net_listen(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	struct sockaddr_un to;
	int fd = unix_socket(ctx, argv[0], &to), r;
	mode_t mask;

	if (fd < 0)
		return give_up(ctx, fd, "socket");
	mask = umask(0177); /* born 0600: nobody else in between */
	r = bind(fd, (struct sockaddr *)&to, sizeof to);
	umask(mask);
	if (r < 0)
		return give_up(ctx, fd, "bind");
	if (listen(fd, 16) < 0)
		return give_up(ctx, fd, "listen");
	return JS_NewInt32(ctx, fd);
}

/* listenHere(port): TCP, on 127.0.0.1 */
static JSValue net_listen_here(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint32_t port;
	int fd, on = 1;

	if (JS_ToUint32(ctx, &port, argv[0]) < 0)
		return JS_EXCEPTION;
	to.sin_port = htons((uint16_t)port);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return give_up(ctx, fd, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* what the last daemon served may linger */
	if (bind(fd, (struct sockaddr *)&to, sizeof to) < 0)
		return give_up(ctx, fd, "bind");
	if (listen(fd, 16) < 0)
		return give_up(ctx, fd, "listen");
	return JS_NewInt32(ctx, fd);
}

static JSValue net_connect(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	struct sockaddr_un to;
	int fd = unix_socket(ctx, argv[0], &to);

	if (fd < 0)
		return give_up(ctx, fd, "socket");
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) /* at once or never: EAGAIN is a full queue */
		return give_up(ctx, fd, "connect");
	return JS_NewInt32(ctx, fd);
}

/* dial(address, port): TCP, while it connects */
static JSValue net_dial(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} to = { 0 };
	const char *address = JS_ToCString(ctx, argv[0]);
	uint32_t port;
	int fd, on = 1;
	bool six;

	if (!address || JS_ToUint32(ctx, &port, argv[1]) < 0) {
		JS_FreeCString(ctx, address);
		return JS_EXCEPTION;
	}
	six = inet_pton(AF_INET6, address, &to.in6.sin6_addr) == 1;
	if (!six && inet_pton(AF_INET, address, &to.in4.sin_addr) != 1)
		port = 0; /* connect() refuses it */
	JS_FreeCString(ctx, address);
	to.any.sa_family = six ? AF_INET6 : AF_INET;
	to.in4.sin_port = htons((uint16_t)port); /* where in6 has it */
	fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return give_up(ctx, fd, "socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, &to.any, six ? sizeof to.in6 : sizeof to.in4) < 0 && errno != EINPROGRESS)
		return give_up(ctx, fd, "connect");
	return JS_NewInt32(ctx, fd);
}

/* syslog(severity, text): whether it went. Never waits: the log must not stop the daemon. */
static JSValue net_syslog(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	static const struct sockaddr_un to = { AF_UNIX, "/dev/log" };
	static int fd = -1;
	char head[48];
	int32_t severity;
	size_t len;
	const char *s;
	struct iovec part[2];
	struct msghdr m = { .msg_name = (void *)&to, .msg_namelen = sizeof to, .msg_iov = part, .msg_iovlen = 2 };
	bool went;

	if (JS_ToInt32(ctx, &severity, argv[0]) < 0 || !(s = JS_ToCStringLen(ctx, &len, argv[1])))
		return JS_EXCEPTION;
	if (fd < 0)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	part[0].iov_base = head;
	part[0].iov_len = (size_t)snprintf(head, sizeof head, "<%d>l2tpsec[%d]: ", LOG_DAEMON | severity, getpid());
	part[1].iov_base = (void *)s;
	part[1].iov_len = len;
	went = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
	JS_FreeCString(ctx, s);
	return JS_NewBool(ctx, went);
}

/* Negative: nobody is there (any more). */
static JSValue net_accept(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	int32_t fd;

	if (JS_ToInt32(ctx, &fd, argv[0]) < 0)
		return JS_EXCEPTION;
	fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		return host_failed(ctx, errno, "accept");
	return JS_NewInt32(ctx, fd);
}

static JSValue net_unlink_path(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	const char *path = JS_ToCString(ctx, argv[0]);
	int r;

	if (!path)
		return JS_EXCEPTION;
	r = unlink(path);
	JS_FreeCString(ctx, path);
	return r < 0 && errno != ENOENT ? host_failed(ctx, errno, "unlink") : JS_UNDEFINED;
}

/*
 * The bytes of a view, and void after anything that may run JavaScript: convert other arguments first. NULL: an
 * exception is pending.
 */
static uint8_t *bytes(JSContext *ctx, JSValueConst v, size_t *len)
{
	static uint8_t nothing;
	size_t at = 0, size = 1, all = 0;
	JSValue buffer = JS_GetTypedArrayBuffer(ctx, v, &at, len, &size);
	uint8_t *p;

	if (JS_IsException(buffer))
		return NULL;
	p = JS_GetArrayBuffer(ctx, &all, buffer);
	JS_FreeValue(ctx, buffer); /* the view holds on to it */
	if (p && at <= all && *len <= all - at)
		return p + at;
	if (!p && *len == 0) { /* an empty buffer may have no memory */
		JS_FreeValue(ctx, JS_GetException(ctx));
		return &nothing;
	}
	JS_ThrowRangeError(ctx, "data: its memory is gone");
	return NULL;
}

/* read(fd, into): the number of bytes, 0 at the end, -1 when there is nothing now */
static JSValue net_read_fd(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	int32_t fd;
	size_t len;
	uint8_t *p;
	ssize_t n;

	if (JS_ToInt32(ctx, &fd, argv[0]) < 0 || !(p = bytes(ctx, argv[1], &len)))
		return JS_EXCEPTION;
	do
		n = read(fd, p, len);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN)
		return host_failed(ctx, errno, "read");
	return JS_NewInt32(ctx, (int32_t)n);
}

/* append(fd, data): all of it, to a file. */
static JSValue net_append(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	int32_t fd;
	size_t len;
	uint8_t *p;

	if (JS_ToInt32(ctx, &fd, argv[0]) < 0 || !(p = bytes(ctx, argv[1], &len)))
		return JS_EXCEPTION;
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return host_failed(ctx, errno, "write");
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return JS_UNDEFINED;
}

/* write(fd, data, from): the number of bytes of data[from...], -1 when none fits now */
static JSValue net_write_fd(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	int32_t fd;
	uint32_t from;
	size_t len;
	uint8_t *p;
	ssize_t n;

	if (JS_ToInt32(ctx, &fd, argv[0]) < 0 || JS_ToUint32(ctx, &from, argv[2]) < 0 ||
	    !(p = bytes(ctx, argv[1], &len)))
		return JS_EXCEPTION;
	if (from > len)
		return JS_ThrowRangeError(ctx, "write: from is behind the end");
	do
		n = send(fd, p + from, len - from, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN)
		return host_failed(ctx, errno, "write");
	return JS_NewInt32(ctx, (int32_t)n);
}

static JSValue net_utf8(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	size_t len;
	const char *s = JS_ToCStringLen(ctx, &len, argv[0]);
	JSValue r;

	if (!s)
		return JS_EXCEPTION;
	r = JS_NewArrayBufferCopy(ctx, (const uint8_t *)s, len);
	JS_FreeCString(ctx, s);
	return r;
}

static JSValue net_close_fd(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	int32_t fd;

	if (JS_ToInt32(ctx, &fd, argv[0]) < 0)
		return JS_EXCEPTION;
	close(fd);
	return JS_UNDEFINED;
}

/* ---- names: getaddrinfo waits, so a thread of its own waits for it ---- */

struct query {
	struct host *host;
	struct watch *watch;
	JSValue done;
	int pipe[2], error, count;
	char name[256], answers[ANSWERS][64];
};

static void *ask(void *opaque)
{
	struct query *q = opaque;
	struct addrinfo want = { .ai_socktype = SOCK_DGRAM }, *all = NULL;

	q->error = getaddrinfo(q->name, NULL, &want, &all);
	for (struct addrinfo *a = all; a && !q->error && q->count < ANSWERS; a = a->ai_next)
		if (getnameinfo(a->ai_addr, a->ai_addrlen, q->answers[q->count], sizeof *q->answers, NULL, 0,
				NI_NUMERICHOST) == 0)
			q->count++;
	if (all)
		freeaddrinfo(all);
	close(q->pipe[1]); /* what the loop sees; q is the loop's again */
	return NULL;
}

static void answered(void *opaque, uint32_t events)
{
	struct query *q = opaque;
	struct host *h = q->host;
	JSContext *ctx = h->ctx;
	JSValue argv[2];

	(void)events;
	host_unwatch(q->watch);
	close(q->pipe[0]);
	argv[0] = q->error == 0 ? JS_NULL :
				  JS_NewString(ctx, q->error == EAI_NONAME ? "ENOTFOUND" :
						    q->error == EAI_AGAIN  ? "EAI_AGAIN" :
									     "EIO");
	argv[1] = JS_NewArray(ctx);
	for (int i = 0; i < q->count; i++)
		JS_SetPropertyUint32(ctx, argv[1], (uint32_t)i, JS_NewString(ctx, q->answers[i]));
	host_call(h, q->done, 2, argv);
	JS_FreeValue(ctx, q->done);
	free(q);
}

/* resolve(name, done(code or null, addresses)) */
static JSValue net_resolve(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	struct host *h = host_of(ctx);
	const char *name = JS_ToCString(ctx, argv[0]);
	struct query *q = calloc(1, sizeof *q);
	pthread_attr_t attr;
	pthread_t thread;
	int no;

	if (!name || !q || strlen(name) >= sizeof q->name) {
		JS_FreeCString(ctx, name);
		free(q);
		return host_failed(ctx, ENAMETOOLONG, "getaddrinfo");
	}
	strcpy(q->name, name);
	JS_FreeCString(ctx, name);
	if (pipe2(q->pipe, O_CLOEXEC) < 0) {
		free(q);
		return host_failed(ctx, errno, "pipe");
	}
	q->host = h;
	q->watch = host_watch(h, q->pipe[0], EPOLLIN, answered, q);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 128 << 10); /* resolvers keep their packets on it */
	no = q->watch ? pthread_create(&thread, &attr, ask, q) : errno;
	pthread_attr_destroy(&attr);
	if (no) {
		if (q->watch)
			host_unwatch(q->watch);
		close(q->pipe[0]);
		close(q->pipe[1]);
		free(q);
		return host_failed(ctx, no, "pthread_create");
	}
	q->done = JS_DupValue(ctx, argv[1]); /* the loop alone looks at it, later */
	return JS_UNDEFINED;
}

static const JSCFunctionListEntry functions[] = {
	JS_CFUNC_DEF("watch", 3, net_watch),	    JS_CFUNC_DEF("rewatch", 2, net_rewatch),
	JS_CFUNC_DEF("unwatch", 1, net_unwatch),    JS_CFUNC_DEF("listen", 1, net_listen),
	JS_CFUNC_DEF("connect", 1, net_connect),    JS_CFUNC_DEF("accept", 1, net_accept),
	JS_CFUNC_DEF("unlink", 1, net_unlink_path), JS_CFUNC_DEF("read", 2, net_read_fd),
	JS_CFUNC_DEF("write", 3, net_write_fd),	    JS_CFUNC_DEF("close", 1, net_close_fd),
	JS_CFUNC_DEF("append", 2, net_append),	    JS_CFUNC_DEF("utf8", 1, net_utf8),
	JS_CFUNC_DEF("resolve", 2, net_resolve),    JS_CFUNC_DEF("listenHere", 1, net_listen_here),
	JS_CFUNC_DEF("syslog", 2, net_syslog),	    JS_CFUNC_DEF("dial", 2, net_dial),
};

void net_add(struct host *h, JSValue sys)
{
	static const JSClassDef def = { "Watch", .finalizer = NULL };

	JS_NewClassID(&watch_class);
	if (JS_NewClass(JS_GetRuntime(h->ctx), watch_class, &def) < 0)
		host_die("out of memory");
	JS_SetPropertyFunctionList(h->ctx, sys, functions, sizeof functions / sizeof *functions);
}
