/*
 * Pages of 4 KB, each cut into blocks of one size. The region grows upwards: what lies above `top` is PROT_NONE, and so
 * costs nothing, not even where the kernel does not overcommit. Every 256th page, from the first on, holds what is
 * known of the 255 behind it: a block's address tells its page, and the page its size.
 */
#include "slab.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u
#define SPAN 256u /* pages: one of `struct page`, and those it is about */
#define STEP 64u  /* pages made usable at a time; a multiple of any kernel's own */
#define UNIT 8u	  /* bytes; places in a page, and sizes, are counted in them */
#define UNITS (PAGE / UNIT)
#define NONE UINT16_MAX
#define LEAST ((size_t)STEP * PAGE)

/* Empty pages are kept for the next blocks, and not given back, up to the greater of these. */
#define KEEP 64u
#define KEEP_SHARE 8u /* of the pages in use, one in so many */

struct page {
	uint32_t next, prev; /* in its list; page 0, which holds no blocks, ends it */
	uint16_t free;	     /* the block given back last, which begins with the place of the one before; NONE */
	uint16_t fresh;	     /* from here on nothing was ever handed out */
	uint16_t used;	     /* blocks */
	uint16_t units;	     /* a block's size; 0: an empty page */
};
_Static_assert(sizeof(struct page) * SPAN == PAGE, "the first page of a span holds them all");

static uint8_t *base;
static size_t reserved;				 /* bytes */
static uint32_t top;				 /* the first page that cannot be used yet */
static uint32_t next;				 /* the first that never was */
static uint32_t with_room[SLAB_MOST / UNIT + 1]; /* by their blocks' size */
static uint32_t empty, bare;	 /* pages without blocks: the kernel has taken back what was in the bare ones */
static uint32_t empties, in_use; /* how many pages */
static bool gives_back;		 /* the kernel's pages are no larger than ours */

void slab_reserve(size_t size)
{
	void *p = MAP_FAILED;

	if (base)
		return;
	for (size -= size % LEAST; size >= LEAST; size = size / 2 - size / 2 % LEAST) {
		p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p != MAP_FAILED)
			break;
	}
	if (p == MAP_FAILED)
		return;
#ifdef MADV_NOHUGEPAGE
	madvise(p, size, MADV_NOHUGEPAGE); /* one byte must not cost 2 MB */
#endif
	base = p;
	reserved = size;
	gives_back = sysconf(_SC_PAGESIZE) == (long)PAGE;
}

/* ---- pages ---- */

static struct page *page_of(uint32_t n)
{
	return (struct page *)(void *)(base + (size_t)(n - n % SPAN) * PAGE) + n % SPAN;
}

static uint8_t *block_at(uint32_t n, uint16_t place)
{
	return base + (size_t)n * PAGE + (size_t)place * UNIT;
}

static void put_in(uint32_t *list, uint32_t n)
{
	struct page *p = page_of(n);

	p->prev = 0;
	p->next = *list;
	if (*list)
		page_of(*list)->prev = n;
	*list = n;
}

static void take_out(uint32_t *list, uint32_t n)
{
	struct page *p = page_of(n);

	if (p->prev)
		page_of(p->prev)->next = p->next;
	else
		*list = p->next;
	if (p->next)
		page_of(p->next)->prev = p->prev;
}

static bool full(const struct page *p)
{
	return p->free == NONE && p->fresh + p->units > UNITS;
}

/* The next page that never was in use; 0: there is none, or the kernel has no memory for it. */
static uint32_t never_used(void)
{
	if (next == top) {
		if ((size_t)(top + STEP) * PAGE > reserved ||
		    mprotect(base + (size_t)top * PAGE, (size_t)STEP * PAGE, PROT_READ | PROT_WRITE) < 0)
			return 0;
		top += STEP;
	}
	if (next % SPAN == 0)
		next++;
	return next++;
}

/* A page for blocks of this size, in their list. */
static uint32_t begin(uint16_t units)
{
	uint32_t n = empty;
	struct page *p;

	if (n) {
		take_out(&empty, n);
		empties--;
	} else if (bare) {
		n = bare;
		take_out(&bare, n);
	} else {
		n = never_used();
	}
	if (!n)
		return 0;
	p = page_of(n);
	p->free = NONE;
	p->fresh = 0;
	p->used = 0;
	p->units = units;
	in_use++;
	put_in(&with_room[units], n);
	return n;
}

static void give_back(uint32_t n)
{
	madvise(block_at(n, 0), PAGE, MADV_DONTNEED);
	put_in(&bare, n);
}

static void end(uint32_t n)
{
	struct page *p = page_of(n);

	take_out(&with_room[p->units], n);
	p->units = 0;
	in_use--;
	if (gives_back && empties >= KEEP && empties >= in_use / KEEP_SHARE) {
		give_back(n);
	} else {
		put_in(&empty, n);
		empties++;
	}
}

void slab_trim(void)
{
	while (gives_back && empty) {
		uint32_t n = empty;

		take_out(&empty, n);
		empties--;
		give_back(n);
	}
}

/* ---- blocks ---- */

static uint16_t units_of(size_t size)
{
	return size ? (uint16_t)((size + UNIT - 1) / UNIT) : 1;
}

void *slab_alloc(size_t size)
{
	uint16_t units;
	uint32_t n;
	struct page *p;
	uint8_t *b;

	if (!base || size > SLAB_MOST)
		return NULL;
	units = units_of(size);
	n = with_room[units];
	if (!n)
		n = begin(units);
	if (!n)
		return NULL;
	p = page_of(n);
	if (p->free != NONE) {
		b = block_at(n, p->free);
		memcpy(&p->free, b, sizeof p->free);
		if (p->free != NONE && p->free >= p->fresh) /* somebody wrote to a block that was free */
			abort();
	} else {
		b = block_at(n, p->fresh);
		p->fresh += units;
	}
	p->used++;
	if (full(p))
		take_out(&with_room[units], n);
	return b;
}

bool slab_owns(const void *p)
{
	return base && (uintptr_t)p - (uintptr_t)base < reserved;
}

static uint32_t page_number(const void *p)
{
	return (uint32_t)(((uintptr_t)p - (uintptr_t)base) / PAGE);
}

void slab_free(void *b)
{
	uint32_t n = page_number(b);
	struct page *p = page_of(n);

	if (n >= next || n % SPAN == 0 || p->used == 0)
		abort();
	if (full(p))
		put_in(&with_room[p->units], n);
	memcpy(b, &p->free, sizeof p->free);
	p->free = (uint16_t)((uintptr_t)b % PAGE / UNIT);
	if (--p->used == 0)
		end(n);
}

size_t slab_size(const void *p)
{
	return (size_t)page_of(page_number(p))->units * UNIT;
}

bool slab_fits(const void *p, size_t size)
{
	return size <= SLAB_MOST && units_of(size) == page_of(page_number(p))->units;
}
