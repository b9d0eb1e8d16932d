/* Engine, event loop, and the end of the process. */
#include "host.h"
#include "qjs.h"
#include "slab.h"
#include "tt.h"
#include "unpack.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64 /* descriptors served a turn; the kernel puts those it gave behind those it did not */
#define STACK (512u << 10)

struct watch {
	struct host *host;
	struct watch *next; /* among the dead */
	int fd;
	void (*ready)(void *opaque, uint32_t events);
	void *opaque;
};

extern const uint8_t bytecode[], positions[];
extern const uint32_t bytecode_size, positions_size;

double host_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

struct host *host_of(JSContext *ctx)
{
	return JS_GetContextOpaque(ctx);
}

void host_die(const char *text)
{
	fprintf(stderr, "l2tpsec: %s\n", text);
	_exit(1);
}

/* ---- descriptors ---- */

struct watch *host_watch(struct host *h, int fd, uint32_t events, void (*ready)(void *opaque, uint32_t events), void *opaque)
{
	struct watch *w = calloc(1, sizeof *w);
	struct epoll_event e = { .events = events, .data.ptr = w };

	if (!w) {
		errno = ENOMEM;
		return NULL;
	}
	w->host = h;
	w->fd = fd;
	w->ready = ready;
	w->opaque = opaque;
	if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &e) == 0) {
		h->watches++;
		return w;
	}
	free(w);
	return NULL;
}

int host_rewatch(struct host *h, struct watch *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	return epoll_ctl(h->epoll, EPOLL_CTL_MOD, w->fd, &e);
}

void host_unwatch(struct watch *w)
{
	struct host *h = w->host;

	if (!w->ready)
		return;
	epoll_ctl(h->epoll, EPOLL_CTL_DEL, w->fd, NULL); /* fails when the fd is closed already: then it is out as well */
	h->watches--;
	w->ready = NULL; /* an event for it may be in this turn's batch */
	w->next = h->dead;
	h->dead = w;
}

static void bury(struct host *h)
{
	while (h->dead) {
		struct watch *w = h->dead;

		h->dead = w->next;
		free(w);
	}
}

/* ---- into TypeScript and back ---- */

static void rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, JS_BOOL handled, void *opaque)
{
	struct host *h = opaque;

	(void)reason;
	for (int i = 0; handled && i < h->rejections; i++) {
		if (JS_VALUE_GET_PTR(h->rejected[i]) != JS_VALUE_GET_PTR(promise))
			continue;
		JS_FreeValue(ctx, h->rejected[i]);
		h->rejected[i] = h->rejected[--h->rejections];
	}
	if (!handled) {
		JSValue *more = realloc(h->rejected, sizeof *more * (size_t)(h->rejections + 1));

		if (!more)
			host_die("out of memory");
		h->rejected = more;
		h->rejected[h->rejections++] = JS_DupValue(ctx, promise);
	}
}

void host_jobs(struct host *h)
{
	JSContext *ctx;
	JSValue promise;
	int r;

	do {
		while ((r = JS_ExecutePendingJob(JS_GetRuntime(h->ctx), &ctx)) != 0)
			if (r < 0)
				host_uncaught(h);
		if (h->rejections > 0) {
			promise = h->rejected[--h->rejections];
			JS_Throw(h->ctx, JS_PromiseResult(h->ctx, promise));
			JS_FreeValue(h->ctx, promise);
			host_uncaught(h);
		}
	} while (h->rejections > 0 || JS_IsJobPending(JS_GetRuntime(h->ctx)));
}

void host_call(struct host *h, JSValueConst f, int argc, JSValue *argv)
{
	JSValue keep = JS_DupValue(h->ctx, f), r; /* the callee may let go of itself */

	r = JS_Call(h->ctx, keep, JS_UNDEFINED, argc, argv);
	JS_FreeValue(h->ctx, keep);
	for (int i = 0; i < argc; i++)
		JS_FreeValue(h->ctx, argv[i]);
	if (JS_IsException(r))
		host_uncaught(h);
	JS_FreeValue(h->ctx, r);
}

void host_callback(struct host *h, const char *name, int argc, JSValue *argv)
{
	JSValue f = JS_GetPropertyStr(h->ctx, h->sys, name);

	if (JS_IsFunction(h->ctx, f)) {
		host_call(h, f, argc, argv);
	} else {
		for (int i = 0; i < argc; i++)
			JS_FreeValue(h->ctx, argv[i]);
	}
	JS_FreeValue(h->ctx, f);
}

/* TypeScript writes the report, as it can read the table of positions; when it cannot any more, the engine's own words must do. */
void host_uncaught(struct host *h)
{
	static bool again;
	JSContext *ctx = h->ctx;
	JSValue error = JS_GetException(ctx), f, r, stack;
	const char *text;

	memory_bound(JS_GetRuntime(ctx), false); /* the report needs some when it was memory that ran out */
	if (JS_IsNull(error)) { /* the engine had none left for an error either */
		JS_ThrowInternalError(ctx, "out of memory: this machine has too little for what is configured and connected");
		error = JS_GetException(ctx);
	}
	f = again ? JS_UNDEFINED : JS_GetPropertyStr(ctx, h->sys, "onUncaught");
	again = true;
	r = JS_IsFunction(ctx, f) ? JS_Call(ctx, f, JS_UNDEFINED, 1, &error) : JS_EXCEPTION;
	JS_FreeValue(ctx, f);
	if (JS_VALUE_GET_TAG(r) == JS_TAG_BOOL && JS_VALUE_GET_BOOL(r)) {
		JS_FreeValue(ctx, error);
		memory_bound(JS_GetRuntime(ctx), true);
		again = false;
		return;
	}
	if (JS_IsException(r)) {
		text = JS_ToCString(ctx, error);
		fprintf(stderr, "l2tpsec: %s\n", text ? text : "uncaught error");
		stack = JS_IsObject(error) ? JS_GetPropertyStr(ctx, error, "stack") : JS_UNDEFINED;
		text = JS_IsString(stack) ? JS_ToCString(ctx, stack) : NULL;
		if (text)
			fputs(text, stderr);
	}
	_exit(1);
}

void host_unstarted(struct host *h)
{
	host_uncaught(h);
	_exit(1);
}

JSValue host_failed(JSContext *ctx, int no, const char *call)
{
	JSValue e = JS_NewError(ctx);

	if (JS_IsException(e))
		return e;
	JS_DefinePropertyValueStr(ctx, e, "message", JS_NewString(ctx, strerror(no)), JS_PROP_C_W_E);
	JS_DefinePropertyValueStr(ctx, e, "code", JS_NewString(ctx, tt_errno_name(no)), JS_PROP_C_W_E);
	JS_DefinePropertyValueStr(ctx, e, "errno", JS_NewInt32(ctx, -no), JS_PROP_C_W_E);
	JS_DefinePropertyValueStr(ctx, e, "syscall", JS_NewString(ctx, call), JS_PROP_C_W_E);
	return JS_Throw(ctx, e);
}

void host_functions(JSContext *ctx, JSValue sys, const JSCFunctionListEntry *list, int n)
{
	JS_SetPropertyFunctionList(ctx, sys, list, n);
}

/* ---- the loop ---- */

static void turn(struct host *h)
{
	struct epoll_event events[BATCH];
	double wait = h->alarm - host_now();
	/* rounded up: an early wake-up would find nothing due */
	int n, ms = wait == INFINITY ? -1 : wait > 1e9 ? 1000000000 : wait > 0 ? (int)ceil(wait) : 0;

	n = epoll_wait(h->epoll, events, BATCH, ms);
	for (int i = 0; i < n; i++) {
		struct watch *w = events[i].data.ptr;

		if (!w->ready)
			continue;
		w->ready(w->opaque, events[i].events);
		host_jobs(h);
	}
	bury(h);
	if (h->alarm <= host_now()) { /* once a turn, however often it is set to "now": descriptors come between */
		h->alarm = INFINITY;
		host_callback(h, "onAlarm", 0, NULL);
		host_jobs(h);
	}
}

/* ---- the library's view of the loop ---- */

static void *loop_watch(JSContext *ctx, int fd, uint32_t events, void (*ready)(void *opaque, uint32_t events), void *opaque)
{
	return host_watch(host_of(ctx), fd, events, ready, opaque);
}
static void loop_unwatch(void *w)
{
	host_unwatch(w);
}
static void loop_uncaught(JSContext *ctx)
{
	host_uncaught(host_of(ctx));
}
static const struct tt_loop loop = { loop_watch, loop_unwatch, loop_uncaught };

/* ---- start ---- */

static JSContext *context(JSRuntime *rt)
{
	JSContext *ctx = JS_NewContextRaw(rt);

	if (!ctx)
		host_die("out of memory");
	/* No eval and no Proxy: what is not asked for is not linked. */
	JS_AddIntrinsicBaseObjects(ctx);
	JS_AddIntrinsicDate(ctx);
	JS_AddIntrinsicRegExp(ctx);
	JS_AddIntrinsicJSON(ctx);
	JS_AddIntrinsicMapSet(ctx);
	JS_AddIntrinsicTypedArrays(ctx);
	JS_AddIntrinsicPromise(ctx);
#ifdef HOST_TEST /* what test tools use beyond the program */
	JS_AddIntrinsicRegExpCompiler(ctx);
	JS_AddIntrinsicStringNormalize(ctx);
	JS_AddIntrinsicProxy(ctx);
	JS_AddIntrinsicWeakRef(ctx);
#endif
	return ctx;
}

#ifdef HOST_TEST
static uint8_t *program(struct host *h, size_t *len)
{
	FILE *f = h->argc > 1 ? fopen(h->argv[1], "rb") : NULL;
	uint8_t *all = NULL;
	long size;

	if (!f || fseek(f, 0, SEEK_END) < 0 || (size = ftell(f)) <= 0 || !(all = malloc((size_t)size)))
		host_die("usage: host BYTECODE [ARGUMENT...]");
	rewind(f);
	*len = fread(all, 1, (size_t)size, f);
	fclose(f);
	h->argc--;
	h->argv++;
	return all;
}
#else
/* Pages of its own, which go back to the system when the engine has read them; and those that were read go at once. */
static uint8_t *program(struct host *h, size_t *len)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = ((uintptr_t)bytecode + page - 1) & -page;
	uintptr_t end = ((uintptr_t)bytecode + bytecode_size) & -page;
	uint8_t *all;

	(void)h;
	*len = unpacked_size(bytecode, bytecode_size);
	all = mmap(NULL, *len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (*len && all == MAP_FAILED)
		host_die("out of memory");
	if (!*len || !unpack(bytecode, bytecode_size, all, *len))
		host_die("this file is damaged: install it again");
	if (end > first)
		madvise((void *)first, end - first, MADV_DONTNEED); /* they are in the file, should anybody ask again */
	return all;
}
#endif

/* Without one of these three the next descriptor would take its place, and get what is written to it. */
static void standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			_exit(1);
}

int main(int argc, char **argv)
{
	static struct host host;
	struct host *h = &host;
	JSRuntime *rt = memory_runtime();
	JSValue global, flat, code, r;
	uint8_t *p;
	size_t len;

	standard_descriptors();
	h->argc = argc;
	h->argv = argv;
	h->alarm = INFINITY;
	h->signals = -1;
	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!rt || h->epoll < 0)
		host_die("no memory, or no descriptor left, to start with");
	memory_bound(rt, true);
	JS_SetMaxStackSize(rt, STACK);
	h->ctx = context(rt);
	JS_SetContextOpaque(h->ctx, h);
	JS_SetHostPromiseRejectionTracker(rt, rejection, h);

	p = program(h, &len);
	h->sys = JS_NewObject(h->ctx);
	sys_add(h, h->sys);
	net_add(h, h->sys);
	proc_add(h, h->sys);
	memory_add(h, h->sys);
	flat = tt_qjs_new(h->ctx, &loop);
	if (JS_IsException(flat))
		host_unstarted(h);
	JS_SetPropertyStr(h->ctx, h->sys, "flat", flat);
	JS_SetPropertyStr(h->ctx, h->sys, "positions", JS_NewArrayBuffer(h->ctx, (uint8_t *)(uintptr_t)positions, positions_size, NULL, NULL, 0));
	global = JS_GetGlobalObject(h->ctx);
	JS_SetPropertyStr(h->ctx, global, "host", JS_DupValue(h->ctx, h->sys));
	JS_FreeValue(h->ctx, global);

	code = JS_ReadObject(h->ctx, p, len, JS_READ_OBJ_BYTECODE);
	if (JS_IsException(code) || JS_ResolveModule(h->ctx, code) < 0)
		host_unstarted(h);
#ifdef HOST_TEST
	free(p);
#else
	munmap(p, len);
#endif
	r = JS_EvalFunction(h->ctx, code); /* a promise; its rejection is seen with all others */
	if (JS_IsException(r))
		host_unstarted(h);
	JS_FreeValue(h->ctx, r);
	slab_trim(); /* what reading the program left */
#ifdef __GLIBC__
	malloc_trim(0); /* other C libraries give it back by themselves */
#endif
	for (host_jobs(h); h->watches > 0 || h->alarm < INFINITY; )
		turn(h);
	return 0;
}
