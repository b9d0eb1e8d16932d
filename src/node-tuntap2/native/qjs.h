/* The library for QuickJS: the flat object of flat.ts in the engine that the host started. */
#ifndef TT_QJS_H
#define TT_QJS_H
#include <quickjs.h>
#include <stdint.h>

/* What the library needs of the host's loop. */
struct tt_loop {
	/* Level triggered, epoll's events; NULL with errno. */
	void *(*watch)(JSContext *ctx, int fd, uint32_t events, void (*ready)(void *opaque, uint32_t events),
		       void *opaque);
	/* Also from inside `ready`, which is not called again. */
	void (*unwatch)(void *watch);
	/* The exception that is pending has nobody to catch it. */
	void (*uncaught)(JSContext *ctx);
};

/* Takes the runtime's opaque pointer for itself. JS_EXCEPTION without memory. */
JSValue tt_qjs_new(JSContext *ctx, const struct tt_loop *loop);

#endif
