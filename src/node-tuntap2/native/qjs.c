/* QuickJS: arguments, errors, and descriptors in the host's loop. What the functions do is in bind*.c. */
#include "qjs.h"
#include "bind.h"
#include "constants.h"
#include "ossl.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define STUCK 16 /* error wake-ups in a row after which a watcher rests */

struct state { /* the runtime's opaque */
	struct tt_inst inst;
	const struct tt_loop *loop;
};
struct call {
	struct tt_args a;
	JSContext *ctx;
	JSValueConst *v; /* tt_function.argc of them */
	JSValue fields[TT_MAX_FIELDS];
	int nfields;
};
struct tt_watch {
	JSContext *ctx;
	const struct tt_loop *loop;
	JSValue callback, buffer; /* undefined: nothing is done first */
	struct tt_first first;
	void *host;
	int fd, stuck, running;
	bool closing;
};

static struct call *call_of(struct tt_args *a)
{
	return (struct call *)a;
}

static JSValueConst value_of(struct tt_args *a, int i)
{
	return i < TT_MAX_ARGS ? call_of(a)->v[i] : call_of(a)->fields[i - TT_MAX_ARGS];
}

bool engine_number(struct tt_args *a, int i, double *to)
{
	JSValueConst v = value_of(a, i);

	return JS_IsNumber(v) && JS_ToFloat64(call_of(a)->ctx, to, v) == 0;
}

bool engine_bool(struct tt_args *a, int i, bool *to)
{
	JSValueConst v = value_of(a, i);

	*to = JS_VALUE_GET_TAG(v) == JS_TAG_BOOL && JS_VALUE_GET_BOOL(v);
	return JS_VALUE_GET_TAG(v) == JS_TAG_BOOL;
}

/*
 * The engine says no more of a view than the size of its elements; that keeps memory safe, and tests on Node see the
 * rest.
 */
void *engine_array(struct tt_args *a, int i, enum tt_array want, size_t *len)
{
	static const size_t sizes[] = { 1, 8 };
	static uint64_t empty;
	JSContext *ctx = call_of(a)->ctx;
	size_t at = 0, size = 1, all = 0;
	JSValue buffer;
	uint8_t *p;

	*len = 0;
	if (a->bad)
		return NULL; /* its exception is pending, and below would be taken for ours */
	if (want == TT_BUFFER) {
		p = JS_GetArrayBuffer(ctx, len, value_of(a, i));
	} else {
		buffer = JS_GetTypedArrayBuffer(ctx, value_of(a, i), &at, len, &size);
		p = JS_IsException(buffer) ? NULL : JS_GetArrayBuffer(ctx, &all, buffer);
		if (!JS_IsException(buffer))
			JS_FreeValue(ctx, buffer); /* the view holds on to it */
		if (p && (size != sizes[want] || at + *len > all)) {
			*len = 0;
			return NULL;
		}
		*len /= size;
	}
	if (!p) {
		JSValue e = JS_GetException(ctx);
		bool none = JS_IsNull(e) || JS_IsUninitialized(e); /* an empty buffer may have no memory */

		JS_FreeValue(ctx, e);
		return none ? &empty : NULL;
	}
	return p + at;
}

bool engine_string(struct tt_args *a, int i, char *into, size_t room)
{
	JSContext *ctx = call_of(a)->ctx;
	size_t n = 0;
	const char *s = JS_IsString(value_of(a, i)) ? JS_ToCStringLen(ctx, &n, value_of(a, i)) : NULL;
	bool fits = s && n + 1 < room;

	if (fits)
		memcpy(into, s, n + 1);
	JS_FreeCString(ctx, s);
	return fits;
}

bool engine_fields(struct tt_args *a, int i, const char *const *names, int count)
{
	struct call *c = call_of(a);
	bool object = JS_IsObject(value_of(a, i));

	for (int k = 0; k < count; k++) {
		c->fields[k] = object ? JS_GetPropertyStr(c->ctx, value_of(a, i), names[k]) : JS_UNDEFINED;
		c->nfields = k + 1;
		a->bad = a->bad || JS_IsException(c->fields[k]);
	}
	return object;
}

void throw_range(struct tt_args *a, const char *why)
{
	if (!a->bad)
		JS_ThrowRangeError(call_of(a)->ctx, "%s", why);
	a->bad = true;
}

double throw_system(struct tt_args *a, int no, const char *call)
{
	JSContext *ctx = call_of(a)->ctx;
	JSValue e = JS_NewError(ctx);
	char text[160];

	a->bad = true;
	if (JS_IsException(e))
		return NOTHING;
	snprintf(text, sizeof text, "%s: %s, %s", tt_errno_name(no), strerror(no), call);
	JS_DefinePropertyValueStr(ctx, e, "message", JS_NewString(ctx, text), JS_PROP_C_W_E);
	JS_DefinePropertyValueStr(ctx, e, "code", JS_NewString(ctx, tt_errno_name(no)), JS_PROP_C_W_E);
	JS_DefinePropertyValueStr(ctx, e, "errno", JS_NewInt32(ctx, -no), JS_PROP_C_W_E);
	JS_DefinePropertyValueStr(ctx, e, "syscall", JS_NewString(ctx, call), JS_PROP_C_W_E);
	JS_Throw(ctx, e);
	return NOTHING;
}

/*
 * `which`: the binding << 8 | the function in it. The engine fills up missing arguments with undefined, as each
 * function says how many it wants.
 */
static JSValue enter(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv, int which)
{
	struct state *state = JS_GetRuntimeOpaque(JS_GetRuntime(ctx));
	struct call c = { .a.inst = &state->inst, .ctx = ctx, .v = argv };
	double d = tt_bindings[which >> 8]->functions[which & 0xff].call(&c.a);

	(void)self, (void)argc;
	for (int i = 0; i < c.nfields; i++)
		JS_FreeValue(ctx, c.fields[i]);
	if (c.a.bad)
		return JS_EXCEPTION;
	if (isnan(d))
		return JS_UNDEFINED;
	return d >= INT32_MIN && d <= INT32_MAX ? JS_NewInt32(ctx, (int32_t)d) : JS_NewFloat64(ctx, d);
}

/* ---- watchers ---- */

static void release(struct tt_watch *w)
{
	if (w->running)
		return;
	JS_FreeValue(w->ctx, w->callback);
	JS_FreeValue(w->ctx, w->buffer);
	free(w->first.opaque);
	free(w);
}

void engine_unwatch(struct tt_watch *w)
{
	if (w->closing)
		return;
	w->closing = true;
	if (w->host)
		w->loop->unwatch(w->host);
	release(w);
}

static void ready(void *opaque, uint32_t events)
{
	struct tt_watch *w = opaque;
	JSValue r, arg = JS_UNDEFINED;

	/* An error that no read takes away must not spin. */
	w->stuck = (events & EPOLLERR) && !(events & EPOLLIN) ? w->stuck + 1 : 0;
	if (w->first.ready) {
		size_t len = 0;
		uint8_t *memory = JS_GetArrayBuffer(w->ctx, &len, w->buffer);
		double d = w->first.ready(w->first.opaque, memory, len);

		if (isnan(d))
			return;
		arg = JS_NewInt32(w->ctx, (int32_t)d);
	}
	w->running++;
	r = JS_Call(w->ctx, w->callback, JS_UNDEFINED, 1, &arg);
	if (JS_IsException(r))
		w->loop->uncaught(w->ctx);
	JS_FreeValue(w->ctx, r);
	w->running--;
	if (w->closing) {
		release(w);
	} else if (w->stuck >= STUCK) {
		w->loop->unwatch(w->host);
		w->host = NULL;
	}
}

struct tt_watch *engine_watch(struct tt_args *a, int i, int fd, const struct tt_first *first)
{
	struct call *c = call_of(a);
	struct state *state = JS_GetRuntimeOpaque(JS_GetRuntime(c->ctx));
	struct tt_watch *w;

	if (!JS_IsFunction(c->ctx, c->v[i])) {
		throw_range(a, "readable: not a function");
		return NULL;
	}
	w = calloc(1, sizeof *w);
	if (w)
		w->host = state->loop->watch(c->ctx, fd, EPOLLIN, ready, w);
	if (!w || !w->host) {
		throw_system(a, w ? errno : ENOMEM, "watch");
		free(w);
		return NULL;
	}
	w->ctx = c->ctx;
	w->loop = state->loop;
	w->fd = fd;
	w->callback = JS_DupValue(c->ctx, c->v[i]);
	w->buffer = first ? JS_DupValue(c->ctx, c->v[first->buffer]) : JS_UNDEFINED;
	if (first)
		w->first = *first;
	return w;
}

/* ---- the object ---- */

JSValue tt_qjs_new(JSContext *ctx, const struct tt_loop *loop)
{
	struct state *state = calloc(1, sizeof *state);
	JSValue flat = JS_NewObject(ctx), constants = JS_NewObject(ctx);

	if (!state || JS_IsException(flat) || JS_IsException(constants)) {
		free(state);
		return JS_ThrowOutOfMemory(ctx);
	}
	tt_inst_begin(&state->inst);
	state->loop = loop;
	JS_SetRuntimeOpaque(JS_GetRuntime(ctx), state);
	for (int b = 0; tt_bindings[b]; b++) {
		const struct tt_function *all = tt_bindings[b]->functions;

		for (int i = 0; all[i].name; i++)
			JS_SetPropertyStr(ctx, flat, all[i].name,
					  JS_NewCFunctionMagic(ctx, enter, all[i].name, all[i].argc,
							       JS_CFUNC_generic_magic, b << 8 | i));
	}
	for (const struct tt_constant *c = tt_constants; c->name; c++)
		JS_SetPropertyStr(ctx, constants, c->name, JS_NewInt64(ctx, c->value));
	JS_SetPropertyStr(ctx, flat, "constants", constants);
	JS_SetPropertyStr(ctx, flat, "dropCount", JS_NewInt32(ctx, TT_DROPS));
	JS_SetPropertyStr(ctx, flat, "version", JS_NewString(ctx, TT_VERSION));
	JS_SetPropertyStr(ctx, flat, "crypto", ossl() ? JS_NewString(ctx, ossl()->version(0)) : JS_NULL);
	return flat;
}
