#define _GNU_SOURCE
#include "deflate.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* zlib's ABI, which has not changed since 1.0: its header is not needed to build. */
struct z_stream {
	const uint8_t *next_in;
	unsigned avail_in;
	unsigned long total_in;
	uint8_t *next_out;
	unsigned avail_out;
	unsigned long total_out;
	const char *msg;
	void *state, *zalloc, *zfree, *opaque;
	int data_type;
	unsigned long adler, reserved;
};
enum { Z_OK = 0, Z_BUF_ERROR = -5, Z_SYNC_FLUSH = 2, Z_DEFLATED = 8 };
#define LEVEL 6
#define MEMORY 7 /* of 9: a packet needs no more */

static struct {
	int (*deflate_init)(struct z_stream *, int level, int method, int window, int memory, int strategy,
			    const char *version, int size);
	int (*deflate)(struct z_stream *, int flush);
	int (*deflate_reset)(struct z_stream *);
	int (*deflate_end)(struct z_stream *);
	int (*inflate_init)(struct z_stream *, int window, const char *version, int size);
	int (*inflate)(struct z_stream *, int flush);
	int (*inflate_reset)(struct z_stream *);
	int (*inflate_end)(struct z_stream *);
} lib;

static bool load(void *from)
{
	static const char *const names[] = {
		"deflateInit2_", "deflate", "deflateReset", "deflateEnd",
		"inflateInit2_", "inflate", "inflateReset", "inflateEnd",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		void *f = dlsym(from, names[i]);

		if (!f)
			return false;
		memcpy((char *)&lib + i * sizeof f, &f, sizeof f);
	}
	return true;
}

static bool have_zlib(void)
{
	static int found = -1;

	/* Node exports its own, and another one beside it would call that */
	if (found < 0 && !(found = load(RTLD_DEFAULT))) {
		void *so = dlopen("libz.so.1", RTLD_NOW | RTLD_LOCAL);

		found = so && load(so);
		if (so && !found)
			dlclose(so);
	}
	return found;
}

struct tt_z {
	bool inflate;
	struct z_stream s;
};

struct tt_z *tt_z_new(bool inflate, int window)
{
	struct tt_z *z = have_zlib() ? calloc(1, sizeof *z) : NULL;
	int r;

	if (!z)
		return NULL;
	z->inflate = inflate;
	/* A negative window: no zlib header, no checksum. */
	r = inflate ? lib.inflate_init(&z->s, -window, "1", (int)sizeof z->s) :
		      lib.deflate_init(&z->s, LEVEL, Z_DEFLATED, -window, MEMORY, 0, "1", (int)sizeof z->s);
	if (r != Z_OK) {
		free(z);
		return NULL;
	}
	return z;
}

void tt_z_free(struct tt_z *z)
{
	if (z->inflate)
		lib.inflate_end(&z->s);
	else
		lib.deflate_end(&z->s);
	free(z);
}

void tt_z_reset(struct tt_z *z)
{
	if (z->inflate)
		lib.inflate_reset(&z->s);
	else
		lib.deflate_reset(&z->s);
}

int tt_z_deflate(struct tt_z *z, const uint8_t *in, size_t n, uint8_t *out, size_t room)
{
	static const uint8_t tail[4] = { 0, 0, 0xff, 0xff };
	uint8_t rest[256], end[4];
	size_t made = 0;

	z->s.next_in = in;
	z->s.avail_in = (unsigned)n;
	z->s.next_out = out;
	z->s.avail_out = (unsigned)room;
	memset(end, 0, sizeof end);
	/* What does not fit must be fetched too: the stream is good for the next packet only at its end. */
	for (;;) {
		unsigned before = z->s.avail_out;
		uint8_t *at = z->s.next_out;
		int r = lib.deflate(&z->s, Z_SYNC_FLUSH);
		size_t got = before - z->s.avail_out;

		if (r != Z_OK && r != Z_BUF_ERROR)
			return -1;
		made += got;
		if (got >= 4) {
			memcpy(end, at + got - 4, 4);
		} else {
			memmove(end, end + got, 4 - got);
			memcpy(end + 4 - got, at, got);
		}
		if (z->s.avail_out)
			break;
		z->s.next_out = rest;
		z->s.avail_out = sizeof rest;
	}
	return made < 4 || memcmp(end, tail, 4) || made > room ? -1 : (int)(made - 4);
}

static int feed(struct tt_z *z, const uint8_t *in, size_t n)
{
	int r;

	z->s.next_in = in;
	z->s.avail_in = (unsigned)n;
	r = lib.inflate(&z->s, Z_SYNC_FLUSH);
	return z->s.avail_in == 0 && (r == Z_OK || r == Z_BUF_ERROR) ? 0 : -1;
}

int tt_z_inflate(struct tt_z *z, const uint8_t *in, size_t n, uint8_t *out, size_t room)
{
	static const uint8_t tail[4] = { 0, 0, 0xff, 0xff };

	z->s.next_out = out;
	z->s.avail_out = (unsigned)room;
	if (feed(z, in, n) < 0 || feed(z, tail, sizeof tail) < 0 || !z->s.avail_out)
		return -1;
	return (int)(room - z->s.avail_out);
}

bool tt_z_take(struct tt_z *z, const uint8_t *in, size_t n)
{
	/* a stored block */
	uint8_t sink[512], head[5] = { 0, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)~n, (uint8_t)(~n >> 8) };

	z->s.next_out = sink;
	z->s.avail_out = sizeof sink;
	if (feed(z, head, sizeof head) < 0)
		return false;
	while (n > 0) {
		size_t part = n < sizeof sink ? n : sizeof sink;

		z->s.next_out = sink;
		z->s.avail_out = sizeof sink;
		if (feed(z, in, part) < 0)
			return false;
		in += part;
		n -= part;
	}
	return true;
}
