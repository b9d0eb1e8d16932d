/* One daemon in a network namespace. */
#ifndef TT_LOCK_H
#define TT_LOCK_H
#include "tt.h"

/*
 * A descriptor that holds PREFIX.NAMESPACE.lock for this process; `path` gets that name, which only its holder may
 * remove. -1 and *e; with EBUSY `holder` has it, 0 when that process is in another process namespace.
 */
int tt_lock_open(const char *prefix, char *path, size_t room, int32_t *holder, struct tt_err *e);

#endif
