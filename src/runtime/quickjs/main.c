/* Starts the engine, hands it the program, and runs the loop until nothing is left to do. */
#include "host.h"
#include "join.h"
#include "memory.h"
#include "net.h"
#include "proc.h"
#include "qjs.h"
#include "slab.h"
#include "sys.h"
#include "unpack.h"
#include <fcntl.h>
#include <math.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACK (512u << 10)

extern const uint8_t bytecode[], sources[];
extern const uint32_t bytecode_size, sources_size;

/* ---- the library's view of the loop ---- */

static void *loop_watch(JSContext *ctx, int fd, uint32_t events, void (*ready)(void *opaque, uint32_t events),
			void *opaque)
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
	/* No eval, no Date and no Proxy: what is not asked for is not linked. */
	JS_AddIntrinsicBaseObjects(ctx);
	JS_AddIntrinsicRegExp(ctx);
	JS_AddIntrinsicJSON(ctx);
	JS_AddIntrinsicMapSet(ctx);
	JS_AddIntrinsicTypedArrays(ctx);
	JS_AddIntrinsicPromise(ctx);
#ifdef HOST_TEST /* what test tools use beyond the program */
	JS_AddIntrinsicDate(ctx);
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
/* The engine's lre_compile (Makefile): all of the program's expressions were compiled with it. */
uint8_t *uncompiled(int *len, char *error, int room, const char *text, size_t text_len, int flags, void *opaque)
{
	(void)len, (void)text, (void)text_len, (void)flags, (void)opaque;
	snprintf(error, (size_t)room, "this engine compiles none");
	return NULL;
}

static uint8_t *pages(size_t n)
{
	uint8_t *all = mmap(NULL, n + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (all == MAP_FAILED)
		host_die("out of memory");
	return all;
}

/* Pages of its own, which go back to the system when the engine has read them; and those that were read go at once. */
static uint8_t *program(struct host *h, size_t *len)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = ((uintptr_t)bytecode + page - 1) & -page;
	uintptr_t end = ((uintptr_t)bytecode + bytecode_size) & -page;
	uint32_t sizes[REGIONS + 1];
	size_t size = unpacked_sizes(bytecode, bytecode_size, sizes);
	uint8_t *regions = pages(size), *all = pages(*len = sizes[REGIONS]);

	(void)h;
	if (!unpack(bytecode, bytecode_size, regions, size) || !join(regions, sizes, all, *len))
		host_die("this file is damaged: install it again");
	munmap(regions, size);
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
	JS_SetHostPromiseRejectionTracker(rt, host_rejection, h);

	p = program(h, &len);
	h->sys = JS_NewObject(h->ctx);
	sys_add(h, h->sys);
	net_add(h, h->sys);
	proc_add(h, h->sys);
	flat = tt_qjs_new(h->ctx, &loop);
	if (JS_IsException(flat))
		host_unstarted(h);
	JS_SetPropertyStr(h->ctx, h->sys, "flat", flat);
	JS_SetPropertyStr(h->ctx, h->sys, "sources",
			  JS_NewArrayBuffer(h->ctx, (uint8_t *)(uintptr_t)sources, sources_size, NULL, NULL, 0));
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
	for (host_jobs(h); h->watches > 0 || h->alarm < INFINITY;)
		host_turn(h);
	return 0;
}
