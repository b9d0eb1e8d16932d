/*
 * The flat functions of flat.ts, written once for every engine. A file of functions knows arguments and results by what is
 * here; a file for an engine (napi.c, qjs.c) gives what is declared under "the engine's", and registers tt_functions.
 */
#ifndef TT_BIND_H
#define TT_BIND_H
#include "fastpath.h"
#include "table.h"
#include <math.h>

#define TT_VERSION "0.1.0"
#define TT_MAX_ARGS 12

struct tt_watch; /* the engine's: a descriptor in its loop */

struct tt_inst { /* one a JavaScript environment: main thread and workers share nothing */
	struct tt_pool fps, watches, zs, tls;
	struct tt_map fds; /* opened here */
};
/* What one call got. The engine's own struct begins with it. */
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
extern const struct tt_function tt_functions[]; /* ends with a NULL name */

void tt_z_inst_init(struct tt_pool *p); /* deflate.c */
void tt_z_inst_free(struct tt_pool *p);
void tt_tls_inst_init(struct tt_pool *p); /* tls.c */
void tt_tls_inst_free(struct tt_pool *p);
void tt_inst_init(struct tt_inst *inst);
/* Stops watchers, wipes keys, closes what was opened here. */
void tt_inst_free(struct tt_inst *inst);

/* ---- the engine's ---- */

enum tt_typed { TT_U8, TT_U32, TT_F64, TT_BUFFER /* an ArrayBuffer */ };

bool arg_number(struct tt_args *a, int i, double *to);
/* Elements, valid during the call; `len` counts them. NULL: argument i is no such array. An empty one is not NULL. */
void *arg_typed(struct tt_args *a, int i, enum tt_typed want, size_t *len);
/* UTF-8 with a zero behind it; false when it does not fit. */
bool arg_string(struct tt_args *a, int i, char *into, size_t room);
/* Throws, and sets a->bad; the first failure of a call counts. */
void fail_range(struct tt_args *a, const char *why);
/* An Error with code, errno and syscall. Returns NOTHING. */
double fail_system(struct tt_args *a, int no, const char *call);
/* Calls the function at argument i whenever fd is readable. NULL: thrown. */
struct tt_watch *watch_start(struct tt_args *a, int i, int fd);
/* Also from inside the function that it calls. */
void watch_stop(struct tt_watch *w);

/* ---- arguments (bind.c) ---- */

double number(struct tt_args *a, int i, double min, double max, const char *why); /* an integer */
uint32_t u32(struct tt_args *a, int i, const char *why);
uint16_t u16(struct tt_args *a, int i, const char *why);
int s32(struct tt_args *a, int i, const char *why);
int fd_of(struct tt_args *a, int i);
/* Never NULL, so that callers need look at a->bad only once. */
void *typed(struct tt_args *a, int i, enum tt_typed want, size_t *len, const char *why);
uint8_t *bytes(struct tt_args *a, int i, size_t *len, const char *why);
uint8_t *bytes_of(struct tt_args *a, int i, size_t want, const char *why);
double *doubles_of(struct tt_args *a, int i, size_t want, const char *why);
uint8_t *address(struct tt_args *a, int i, size_t *len);
void string(struct tt_args *a, int i, char *into, size_t room, const char *why);
/* The ring at argument i and, when in >= 0, how many slots of it argument `in` says are in use. */
uint32_t ring_of(struct tt_args *a, int i, int in, struct tt_ring *r);
struct tt_fp *fp_of(struct tt_args *a, int i);

#define FN(name) double name(struct tt_args *a) {
#define END }
#define GOOD                    \
	do {                    \
		if (a->bad)     \
			return NOTHING; \
	} while (0)

#endif
