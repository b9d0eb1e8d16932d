/* The engine's memory: how much there is for it, and where it comes from. */
#ifndef L2TPSEC_MEMORY_H
#define L2TPSEC_MEMORY_H
#include <quickjs.h>
#include <stdbool.h>
#include <stddef.h>

/* NULL: no memory for it. The limit is found out here. */
JSRuntime *memory_runtime(void);
/* Whether an allocation beyond the limit fails. */
void memory_bound(JSRuntime *rt, bool on);
/* Bytes. */
size_t memory_used(void);
size_t memory_limit(void);

#endif
