/*
 * Small blocks without a header each: most of what TypeScript holds is objects and properties of 16 to 80 bytes, to
 * each of which malloc() adds 8 bytes, and rounds up to 16. One allocator a process; not for threads.
 */
#ifndef SLAB_H
#define SLAB_H
#include <stdbool.h>
#include <stddef.h>

#define SLAB_MOST 256 /* bytes: larger blocks are malloc()'s */

/* Once, at the start: reserves at most `size` bytes of address space, and no memory. Without it there are no blocks. */
void slab_reserve(size_t size);

/* Aligned to 8 bytes, contents undefined. NULL, and malloc() must do: too large, no room left, no region. */
void *slab_alloc(size_t size);
/* `p` is slab_owns()'s. Ends the process where it is sure that it is no block in use. */
void slab_free(void *p);

bool slab_owns(const void *p);
/* The bytes that may be used, and that are used up: `p` is slab_owns()'s. */
size_t slab_size(const void *p);
/* Whether `size` bytes would get a block as large as `p`. */
bool slab_fits(const void *p, size_t size);

/* Gives what is held back for the next blocks to the kernel. */
void slab_trim(void);

#endif
