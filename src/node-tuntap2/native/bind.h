/*
 * The flat functions of flat.ts, written once for every engine. A bind_*.c file, one for each file of the library,
 * knows arguments and results by what is here; a file for an engine (napi.c, qjs.c) gives what is declared under "the
 * engine's", and registers tt_bindings.
 */
#ifndef TT_BIND_H
#define TT_BIND_H
#include "table.h"
#include "tt.h"
#include <math.h>

#define TT_VERSION "0.1.0"
#define TT_MAX_ARGS 8
#define TT_MAX_FIELDS 20 /* of one object */

struct tt_watch; /* the engine's: a descriptor in its loop */

struct tt_inst { /* one a JavaScript environment: main thread and workers share nothing */
	struct tt_pool fps, watches, zs, tls, keys, trusts;
	struct tt_map fds; /* opened here */
};
/* Arguments and state of one call; first member of the engine's own struct. */
struct tt_args {
	struct tt_inst *inst;
	bool bad; /* an exception is pending */
};

/* What JavaScript gets: a number, or undefined for NOTHING. Whatever it is when `bad`. */
#define NOTHING ((double)NAN)
struct tt_function {
	const char *name;
	double (*call)(struct tt_args *a);
	int argc;
};
struct tt_binding {
	const struct tt_function *functions; /* ends with a NULL name */
	void (*begin)(struct tt_inst *inst); /* NULL: nothing to do */
	void (*end)(struct tt_inst *inst);
};
extern const struct tt_binding bind_io, bind_lock, bind_serial, bind_ppp, bind_crypto, bind_deflate, bind_tls, bind_pki,
	bind_pki_make, bind_fp;

/* bindings.c */
extern const struct tt_binding *const tt_bindings[]; /* ends with NULL */
void tt_inst_begin(struct tt_inst *inst);
/* Stops watchers, wipes keys, closes what was opened here. */
void tt_inst_end(struct tt_inst *inst);

/* ---- the engine's ---- */

enum tt_array { TT_U8, TT_F64, TT_BUFFER /* an ArrayBuffer */ };

bool engine_number(struct tt_args *a, int i, double *to);
bool engine_bool(struct tt_args *a, int i, bool *to);
/* Elements, valid during the call; `len` counts them. NULL: argument i is no such array. An empty one is not NULL. */
void *engine_array(struct tt_args *a, int i, enum tt_array want, size_t *len);
/* UTF-8 with a zero behind it; false when it does not fit. */
bool engine_string(struct tt_args *a, int i, char *into, size_t room);
/*
 * Makes properties of the object at argument i arguments from TT_MAX_ARGS on: at most TT_MAX_FIELDS, once a call, and
 * before any array is looked at, as it may run JavaScript. False: it is no object.
 */
bool engine_fields(struct tt_args *a, int i, const char *const *names, int count);
/* Throws, and sets a->bad; the first failure of a call counts. */
void throw_range(struct tt_args *a, const char *why);
/* An Error with code, errno and syscall. Returns NOTHING. */
double throw_system(struct tt_args *a, int no, const char *call);
/* Runs first when a descriptor is readable, and may make a call into JavaScript unnecessary. */
struct tt_first {
	/* `memory`: `len` bytes of the ArrayBuffer at argument `buffer`, valid during the call. NOTHING: no need. */
	double (*ready)(void *opaque, void *memory, size_t len);
	void *opaque; /* malloc's, and the engine's once it watches */
	int buffer;
};
/*
 * Calls the function at argument i whenever fd is readable, with what `first` made of it when there is one (copied, and
 * its ArrayBuffer kept). NULL: thrown.
 */
struct tt_watch *engine_watch(struct tt_args *a, int i, int fd, const struct tt_first *first);
/* May be called from inside the watcher's own function. */
void engine_unwatch(struct tt_watch *w);

/*
 * ---- arguments (bind.c): whatever is wrong with one is thrown, and what is returned can be used until a->bad is
 * looked at ----
 */

double arg_integer(struct tt_args *a, int i, double min, double max, const char *why);
uint32_t arg_u32(struct tt_args *a, int i, const char *why);
uint16_t arg_u16(struct tt_args *a, int i, const char *why);
int arg_s32(struct tt_args *a, int i, const char *why);
bool arg_bool(struct tt_args *a, int i, const char *why);
int arg_fd(struct tt_args *a, int i);
void *arg_array(struct tt_args *a, int i, enum tt_array want, size_t *len, const char *why);
uint8_t *arg_bytes(struct tt_args *a, int i, size_t *len, const char *why);
uint8_t *arg_bytes_of(struct tt_args *a, int i, size_t want, const char *why);
double *arg_doubles(struct tt_args *a, int i, size_t want, const char *why);
uint8_t *arg_address(struct tt_args *a, int i, size_t *len);
void arg_text(struct tt_args *a, int i, char *into, size_t room, const char *why);
/* The place of the string at argument i among `words`, which end with NULL. */
int arg_word(struct tt_args *a, int i, const char *const *words, const char *why);
/* Argument index of an object's first field. */
int arg_fields(struct tt_args *a, int i, const char *const *names, int count, const char *why);
/* The ring at argument i and, when in >= 0, how many slots of it argument `in` says are in use. */
uint32_t arg_ring(struct tt_args *a, int i, int in, struct tt_ring *r);

/* ---- results (bind.c) ---- */

/* r; when negative, throws the system's error. */
double give_result(struct tt_args *a, int r, const struct tt_err *e);
/* Registers a descriptor that is closed with the environment. */
double give_fd(struct tt_args *a, int fd, const struct tt_err *e);

#endif
