/*
 * The host of the QuickJS engine: a process with one engine, one fair event loop, and what TypeScript needs of the
 * system (sys.ts says it in types). Nothing here knows what the program does.
 */
#ifndef L2TPSEC_HOST_H
#define L2TPSEC_HOST_H

#include <quickjs.h>
#include <stdbool.h>
#include <stdint.h>

struct watch; /* one descriptor in the loop */

struct host {
	JSContext *ctx;
	int epoll;
	double alarm;	    /* ms of CLOCK_MONOTONIC; INFINITY: none */
	int watches;	    /* with none, and no alarm, the program has ended */
	struct watch *dead; /* unwatched in this turn */
	JSValue sys;	    /* the object that TypeScript got; its callbacks are looked up when they are due */
	JSValue *rejected;  /* promises without a handler, looked at when the jobs have run */
	int rejections;
	int argc;
	char **argv;
	int signals; /* signalfd, or -1 */
};

double host_now(void); /* ms, monotonic */

/* Level triggered; `events` as epoll's. Returns NULL with errno. The fd stays the caller's. */
struct watch *host_watch(struct host *h, int fd, uint32_t events, void (*ready)(void *opaque, uint32_t events),
			 void *opaque);
int host_rewatch(struct host *h, struct watch *w, uint32_t events);
void host_unwatch(struct watch *w); /* safe inside any callback */

/*
 * Calls `f` (not freed) with arguments (freed). An exception goes to host_uncaught. The loop runs what became due in
 * promises.
 */
void host_call(struct host *h, JSValueConst f, int argc, JSValue *argv);
/* sys[name](...argv), when TypeScript has set it. */
void host_callback(struct host *h, const char *name, int argc, JSValue *argv);
/* Runs the promise jobs that are due; rejections that nobody handles go to host_uncaught. */
void host_jobs(struct host *h);
/*
 * Hands the pending exception to TypeScript, which logs it; ends the process with status 1 unless TypeScript wants it
 * to go on.
 */
void host_uncaught(struct host *h);
/* The same before the program runs: nothing can go on. */
_Noreturn void host_unstarted(struct host *h);
_Noreturn void host_die(const char *text);

/* An Error with code, errno and syscall, as the library's. Returns JS_EXCEPTION. */
JSValue host_failed(JSContext *ctx, int no, const char *call);
struct host *host_of(JSContext *ctx);

/* The engine's: a promise has been rejected, or its rejection has found a handler. */
void host_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, JS_BOOL handled, void *opaque);
/* Serves what is ready, or waits for it or the alarm. */
void host_turn(struct host *h);

#endif
