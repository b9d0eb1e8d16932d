/*
 * What TypeScript may hold: a share of what this machine has to give, so that a router is not starved and a server is
 * not bounded by one.
 */
#include "memory.h"
#include "slab.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define LEAST ((size_t)16 << 20)
#define MOST ((size_t)1 << 30)
#define SHARE 2 /* of what is to be had, TypeScript gets one part in so many: the kernel has its own for each session */
#define SPACE ((size_t)256 << 20) /* of a 32-bit address space, for small blocks */
#define OVERHEAD 8		  /* bytes of malloc() itself, a block */

static JSMallocState *heap; /* the engine's own account; where it lies changes once, while the engine starts */
static size_t limit;

/* ---- as the engine's own functions, which keep their account to themselves ---- */

static size_t usable(const void *p)
{
	return slab_owns(p) ? slab_size(p) : malloc_usable_size((void *)(uintptr_t)p);
}
/* What a block takes of the machine. */
static size_t cost(const void *p)
{
	return slab_owns(p) ? slab_size(p) : usable(p) + OVERHEAD;
}
static void *block(size_t size)
{
	void *p = slab_alloc(size);

	return p ? p : malloc(size);
}
static void release(void *p)
{
	if (slab_owns(p))
		slab_free(p);
	else
		free(p);
}
static void *get(JSMallocState *s, size_t size)
{
	void *p;

	heap = s;
	if (s->malloc_size + size > s->malloc_limit)
		return NULL;
	p = block(size);
	if (!p)
		return NULL;
	s->malloc_count++;
	s->malloc_size += cost(p);
	return p;
}
static void put(JSMallocState *s, void *p)
{
	if (!p)
		return;
	s->malloc_count--;
	s->malloc_size -= cost(p);
	release(p);
}
/* The block with `size` bytes, at its place or at another; NULL: there is no memory, and it is as it was. */
static void *resized(void *p, size_t size)
{
	size_t old = usable(p);
	void *q;

	if (slab_owns(p) && slab_fits(p, size))
		return p;
	if (!slab_owns(p) && size > SLAB_MOST)
		return realloc(p, size);
	q = block(size);
	if (!q)
		return size <= old ? p : NULL;
	memcpy(q, p, size < old ? size : old);
	release(p);
	return q;
}
static void *resize(JSMallocState *s, void *p, size_t size)
{
	size_t old, was;

	if (!p)
		return size ? get(s, size) : NULL;
	if (!size) {
		put(s, p);
		return NULL;
	}
	old = usable(p);
	was = cost(p);
	if (size > old && s->malloc_size + size - old > s->malloc_limit)
		return NULL;
	p = resized(p, size);
	if (p)
		s->malloc_size += cost(p) - was;
	return p;
}
static const JSMallocFunctions functions = { get, put, resize, usable };

/* ---- what there is ---- */

static size_t lesser(size_t a, unsigned long long b)
{
	return b < a ? (size_t)b : a;
}

/* `name` in a file of "name: number kB"; SIZE_MAX when it is not there. */
static size_t kilobytes(const char *path, const char *name)
{
	FILE *f = fopen(path, "re");
	char line[128];
	unsigned long long kb;
	size_t r = SIZE_MAX, n = strlen(name);

	while (f && r == SIZE_MAX && fgets(line, sizeof line, f))
		if (!strncmp(line, name, n) && line[n] == ':' && sscanf(line + n + 1, "%llu", &kb) == 1)
			r = lesser(SIZE_MAX - 1, kb << 10);
	if (f)
		fclose(f);
	return r;
}
static size_t number(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned long long n;
	size_t r = SIZE_MAX;

	if (f && fscanf(f, "%llu", &n) == 1) /* "max": there is none */
		r = lesser(SIZE_MAX, n);
	if (f)
		fclose(f);
	return r;
}

/* The limits of a control group and of those it is in; the older kind has one controller a hierarchy. */
static size_t group_limit(const char *root, char *path, const char *file)
{
	char name[512];
	size_t r = SIZE_MAX;

	for (;;) {
		char *slash = strrchr(path, '/');

		if (snprintf(name, sizeof name, "%s%s/%s", root, path, file) < (int)sizeof name)
			r = lesser(r, number(name));
		if (!slash)
			return r;
		*slash = 0;
	}
}
static size_t group_limits(void)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[384];
	size_t r = SIZE_MAX;

	while (f && fgets(line, sizeof line, f)) {
		char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = 0;
		path[strcspn(path, "\n")] = 0;
		if (!strcmp(names, ":"))
			r = lesser(r, group_limit("/sys/fs/cgroup", path, "memory.max"));
		else if (strstr(names, "memory"))
			r = lesser(r, group_limit("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"));
	}
	if (f)
		fclose(f);
	return r;
}
static size_t process_limit(int which)
{
	struct rlimit l;

	return getrlimit(which, &l) < 0 || l.rlim_cur == RLIM_INFINITY ? SIZE_MAX : lesser(SIZE_MAX, l.rlim_cur);
}

static size_t share(void)
{
	size_t there = kilobytes("/proc/meminfo", "MemAvailable");

	if (there == SIZE_MAX) /* a kernel before 3.14 */
		there = kilobytes("/proc/meminfo", "MemFree");
	there = lesser(there, group_limits());
	there = lesser(there, process_limit(RLIMIT_DATA));
	there = lesser(there, process_limit(RLIMIT_AS));
	there /= SHARE;
	return there < LEAST ? LEAST : there > MOST ? MOST : there;
}

/* Sanitizers see only what malloc() gives. */
#if defined(__SANITIZE_ADDRESS__) || defined(HOST_TEST)
#define SLAB 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB 0
#endif
#endif
#ifndef SLAB
#define SLAB 1
#endif

/* Address space for small blocks. Where it is scarce most of it is left to malloc(), which takes what finds no room. */
static size_t region(void)
{
	size_t most = limit + limit / 4;

	if (sizeof(void *) == 4)
		most = lesser(most, (unsigned long long)SPACE);
	return lesser(most, process_limit(RLIMIT_AS) / 4);
}

JSRuntime *memory_runtime(void)
{
	limit = share();
	if (SLAB)
		slab_reserve(region());
	return JS_NewRuntime2(&functions, NULL);
}

/* A quarter beyond what TypeScript is told: it refuses what is new in time, and what it has can still be served. */
void memory_bound(JSRuntime *rt, bool on)
{
#ifdef HOST_TEST
	(void)rt, (void)on;
#else
	JS_SetMemoryLimit(rt, on ? limit + limit / 4 : (size_t)-1);
#endif
}

size_t memory_used(void)
{
	return heap ? heap->malloc_size : 0;
}

size_t memory_limit(void)
{
	return limit;
}
