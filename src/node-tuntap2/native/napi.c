/* Node-API: arguments, errors, and descriptors in libuv's loop. What the functions do is in bind*.c. */
#define NAPI_VERSION 8
#include "bind.h"
#include "constants.h"
#include "ossl.h"
#include <errno.h>
#include <node_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define STUCK 16 /* error wake-ups in a row after which a watcher rests */

struct call {
	struct tt_args a;
	napi_env env;
	napi_value v[TT_MAX_ARGS + TT_MAX_FIELDS];
};
struct tt_watch {
	uv_poll_t poll;
	napi_env env;
	napi_ref callback, buffer; /* NULL: nothing is done first */
	struct tt_first first;
	napi_async_context context;
	napi_async_cleanup_hook_handle hook;
	int stuck;
	bool closing;
};

static struct call *call_of(struct tt_args *a)
{
	return (struct call *)a;
}

bool engine_number(struct tt_args *a, int i, double *to)
{
	return napi_get_value_double(call_of(a)->env, call_of(a)->v[i], to) == napi_ok;
}

bool engine_bool(struct tt_args *a, int i, bool *to)
{
	return napi_get_value_bool(call_of(a)->env, call_of(a)->v[i], to) == napi_ok;
}

void *engine_array(struct tt_args *a, int i, enum tt_array want, size_t *len)
{
	static const napi_typedarray_type types[] = { napi_uint8_array, napi_float64_array };
	static uint64_t empty;
	napi_env env = call_of(a)->env;
	napi_value v = call_of(a)->v[i];
	napi_typedarray_type type;
	void *data = NULL;
	bool is = false;

	*len = 0;
	if (want == TT_BUFFER) {
		if (napi_get_arraybuffer_info(env, v, &data, len) != napi_ok)
			return NULL;
	} else if (napi_is_typedarray(env, v, &is) != napi_ok || !is ||
		   napi_get_typedarray_info(env, v, &type, len, &data, NULL, NULL) != napi_ok || type != types[want]) {
		return NULL;
	}
	return data ? data : &empty;
}

bool engine_string(struct tt_args *a, int i, char *into, size_t room)
{
	size_t n = 0;

	return napi_get_value_string_utf8(call_of(a)->env, call_of(a)->v[i], into, room, &n) == napi_ok && n + 1 < room;
}

bool engine_fields(struct tt_args *a, int i, const char *const *names, int count)
{
	struct call *c = call_of(a);

	for (int k = 0; k < count; k++)
		if (napi_get_named_property(c->env, c->v[i], names[k], &c->v[TT_MAX_ARGS + k]) != napi_ok)
			return false;
	return true;
}

void throw_range(struct tt_args *a, const char *why)
{
	if (!a->bad)
		napi_throw_range_error(call_of(a)->env, NULL, why);
	a->bad = true;
}

double throw_system(struct tt_args *a, int no, const char *call)
{
	napi_env env = call_of(a)->env;
	napi_value code, message, error, number;
	char text[160];

	a->bad = true;
	snprintf(text, sizeof text, "%s: %s, %s", tt_errno_name(no), strerror(no), call);
	napi_create_string_utf8(env, tt_errno_name(no), NAPI_AUTO_LENGTH, &code);
	napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message);
	if (napi_create_error(env, code, message, &error) != napi_ok)
		return NOTHING;
	napi_create_int32(env, -no, &number);
	napi_set_named_property(env, error, "errno", number);
	napi_create_string_utf8(env, call, NAPI_AUTO_LENGTH, &message);
	napi_set_named_property(env, error, "syscall", message);
	napi_throw(env, error);
	return NOTHING;
}

static napi_value enter(napi_env env, napi_callback_info info)
{
	struct call c = { .env = env };
	size_t n = TT_MAX_ARGS;
	napi_value v = NULL;
	void *f;
	double d;

	if (napi_get_cb_info(env, info, &n, c.v, NULL, &f) != napi_ok ||
	    napi_get_instance_data(env, (void **)&c.a.inst) != napi_ok || !c.a.inst)
		return NULL;
	d = ((const struct tt_function *)f)->call(&c.a);
	if (!c.a.bad && !isnan(d))
		napi_create_double(env, d, &v);
	return v;
}

/* ---- watchers ---- */

static void closed(uv_handle_t *handle)
{
	struct tt_watch *w = handle->data;

	napi_remove_async_cleanup_hook(w->hook);
	free(w->first.opaque);
	free(w);
}

void engine_unwatch(struct tt_watch *w)
{
	if (w->closing)
		return;
	w->closing = true;
	uv_poll_stop(&w->poll);
	napi_delete_reference(w->env, w->callback);
	if (w->buffer)
		napi_delete_reference(w->env, w->buffer);
	napi_async_destroy(w->env, w->context);
	uv_close((uv_handle_t *)&w->poll, closed);
}

/* The environment goes away: it waits until `closed` has removed the hook. */
static void teardown(napi_async_cleanup_hook_handle hook, void *data)
{
	(void)hook;
	engine_unwatch(data);
}

/* What the function is called with; NOTHING: it is not called. */
static double do_first(struct tt_watch *w)
{
	napi_value buffer;
	void *memory = NULL;
	size_t len = 0;

	if (napi_get_reference_value(w->env, w->buffer, &buffer) != napi_ok ||
	    napi_get_arraybuffer_info(w->env, buffer, &memory, &len) != napi_ok)
		return NOTHING;
	return w->first.ready(w->first.opaque, memory, len);
}

static void call_back(struct tt_watch *w)
{
	napi_value f, global, error, arg = NULL;
	double d = 0;

	if (w->buffer) {
		d = do_first(w);
		if (isnan(d))
			return;
	}
	if (napi_create_double(w->env, d, &arg) == napi_ok &&
	    napi_get_reference_value(w->env, w->callback, &f) == napi_ok && f &&
	    napi_get_global(w->env, &global) == napi_ok &&
	    napi_make_callback(w->env, w->context, global, f, 1, &arg, NULL) == napi_pending_exception &&
	    napi_get_and_clear_last_exception(w->env, &error) == napi_ok)
		napi_fatal_exception(w->env, error);
}

static void readable(uv_poll_t *poll, int status, int events)
{
	struct tt_watch *w = poll->data;
	napi_handle_scope scope;

	(void)events;
	w->stuck = status < 0 ? w->stuck + 1 : 0;
	if (status < 0 && w->stuck < STUCK)
		uv_poll_start(poll, UV_READABLE,
			      readable); /* libuv stops on POLLERR; the next read takes the error away */
	if (napi_open_handle_scope(w->env, &scope) != napi_ok)
		return;
	call_back(w);
	napi_close_handle_scope(w->env, scope); /* w may be closing by now, but lives until `closed` */
}

struct tt_watch *engine_watch(struct tt_args *a, int i, int fd, const struct tt_first *first)
{
	napi_env env = call_of(a)->env;
	napi_valuetype type = napi_undefined;
	struct tt_watch *w;
	uv_loop_t *loop;
	napi_value name;
	int r;

	napi_typeof(env, call_of(a)->v[i], &type);
	if (type != napi_function) {
		throw_range(a, "readable: not a function");
		return NULL;
	}
	w = calloc(1, sizeof *w);
	r = !w						  ? UV_ENOMEM :
	    napi_get_uv_event_loop(env, &loop) == napi_ok ? uv_poll_init(loop, &w->poll, fd) :
							    UV_EINVAL;
	if (r < 0) {
		free(w);
		throw_system(a, -r, "watch");
		return NULL;
	}
	w->env = env;
	w->poll.data = w; /* libuv keeps its address until the close callback */
	napi_create_string_utf8(env, "tuntap2.watch", NAPI_AUTO_LENGTH, &name);
	napi_create_reference(env, call_of(a)->v[i], 1, &w->callback);
	if (first) {
		w->first = *first;
		napi_create_reference(env, call_of(a)->v[first->buffer], 1, &w->buffer);
	}
	napi_async_init(env, NULL, name, &w->context);
	napi_add_async_cleanup_hook(env, teardown, w, &w->hook);
	uv_poll_start(&w->poll, UV_READABLE, readable);
	return w;
}

/* ---- module ---- */

static void number_in(napi_env env, napi_value object, const char *name, double d)
{
	napi_value v;

	napi_create_double(env, d, &v);
	napi_set_named_property(env, object, name, v);
}

static void text_in(napi_env env, napi_value object, const char *name, const char *s)
{
	napi_value v = NULL;

	if (s)
		napi_create_string_utf8(env, s, NAPI_AUTO_LENGTH, &v);
	else
		napi_get_null(env, &v);
	napi_set_named_property(env, object, name, v);
}

static void function_in(napi_env env, napi_value object, const struct tt_function *f)
{
	napi_value v;

	napi_create_function(env, f->name, NAPI_AUTO_LENGTH, enter, (void *)(uintptr_t)f, &v);
	napi_set_named_property(env, object, f->name, v);
}

/* Watchers are gone by now: their cleanup hooks run first. */
static void finalize(napi_env env, void *data, void *hint)
{
	struct tt_inst *inst = data;

	(void)env;
	(void)hint;
	inst->watches.count = 0;
	tt_inst_end(inst);
	free(inst);
}

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */)
{
	struct tt_inst *inst = calloc(1, sizeof *inst);
	napi_value constants;

	if (!inst)
		return NULL;
	tt_inst_begin(inst);
	napi_set_instance_data(env, inst, finalize, NULL);
	for (const struct tt_binding *const *b = tt_bindings; *b; b++)
		for (const struct tt_function *f = (*b)->functions; f->name; f++)
			function_in(env, exports, f);
	napi_create_object(env, &constants);
	for (const struct tt_constant *c = tt_constants; c->name; c++)
		number_in(env, constants, c->name, (double)c->value);
	napi_set_named_property(env, exports, "constants", constants);
	number_in(env, exports, "dropCount", TT_DROPS);
	text_in(env, exports, "version", TT_VERSION);
	text_in(env, exports, "crypto", ossl() ? ossl()->version(0) : NULL);
	return exports;
}
