/* The event loop, the way into TypeScript and back, and the end of the process. */
#include "host.h"
#include "memory.h"
#include "tt.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64 /* descriptors served per turn; the kernel queues those it returned behind the others */

struct watch {
	struct host *host;
	struct watch *next; /* among the dead */
	int fd;
	void (*ready)(void *opaque, uint32_t events);
	void *opaque;
};

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

struct watch *host_watch(struct host *h, int fd, uint32_t events, void (*ready)(void *opaque, uint32_t events),
			 void *opaque)
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
	/* fails when the fd is closed already: then it is out as well */
	epoll_ctl(h->epoll, EPOLL_CTL_DEL, w->fd, NULL);
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

void host_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, JS_BOOL handled, void *opaque)
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
	JSValue keep = JS_DupValue(h->ctx, f), r; /* the callee may release itself */

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

/*
 * TypeScript writes the report, as it can read the table of positions; when it cannot any more, the engine's own words
 * must do.
 */
void host_uncaught(struct host *h)
{
	static bool again;
	JSContext *ctx = h->ctx;
	JSValue error = JS_GetException(ctx), f, r, stack;
	const char *text;

	memory_bound(JS_GetRuntime(ctx), false); /* the report needs some when it was memory that ran out */
	if (JS_IsNull(error)) {			 /* the engine had no memory left for an error either */
		JS_ThrowInternalError(
			ctx, "out of memory: this machine has too little for what is configured and connected");
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

/* ---- the loop ---- */

void host_turn(struct host *h)
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
