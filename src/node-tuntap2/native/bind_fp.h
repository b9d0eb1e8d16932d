/* A fast path among the arguments. */
#ifndef TT_BIND_FP_H
#define TT_BIND_FP_H
#include "bind.h"
#include "fastpath.h"

/* NULL: thrown. */
struct tt_fp *arg_fp(struct tt_args *a, int i);
/* NULL: no such fast path. */
struct tt_fp *held_fp(const struct tt_inst *inst, uint32_t handle);
/* No fast path sends by this descriptor any more. */
void forget_exits(const struct tt_inst *inst, int fd);

#endif
