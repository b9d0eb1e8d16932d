/*
 * libFuzzer's target for the flat functions: an engine whose caller passes anything. Each call is a result or an exception, never more
 * than the arrays hold. Only what neither opens nor waits is called: fast path, streams, cryptography.
 */
#include "bind.h"
#include "functions.h"
#include "input.h"
#include "ossl.h"
#include <math.h>

enum kind { NUMBER, U8, U32, F64, BUFFER, STRING, UNDEFINED };
struct value {
	enum kind kind;
	double number;
	void *data; /* on the heap, exactly as long: what is behind it is seen */
	size_t len; /* elements */
	char text[40];
};
struct call {
	struct tt_args a;
	struct value v[TT_MAX_ARGS];
};

/* ---- the engine ---- */

static struct value *value_of(struct tt_args *a, int i)
{
	CHECK(i >= 0 && i < TT_MAX_ARGS);
	return &((struct call *)a)->v[i];
}
bool arg_number(struct tt_args *a, int i, double *to)
{
	*to = value_of(a, i)->number;
	return value_of(a, i)->kind == NUMBER;
}
void *arg_typed(struct tt_args *a, int i, enum tt_typed want, size_t *len)
{
	static uint64_t empty;
	struct value *v = value_of(a, i);

	*len = 0;
	if (v->kind != (want == TT_U8 ? U8 : want == TT_U32 ? U32 : want == TT_F64 ? F64 : BUFFER))
		return NULL;
	*len = v->len;
	return v->len ? v->data : &empty;
}
bool arg_string(struct tt_args *a, int i, char *into, size_t room)
{
	struct value *v = value_of(a, i);
	size_t n = strlen(v->text);

	if (v->kind != STRING || n + 1 >= room)
		return false;
	memcpy(into, v->text, n + 1);
	return true;
}
void fail_range(struct tt_args *a, const char *why)
{
	CHECK(why && *why);
	a->bad = true;
}
double fail_system(struct tt_args *a, int no, const char *call)
{
	CHECK(tt_errno_name(no) && call);
	a->bad = true;
	return NOTHING;
}
struct tt_watch *watch_start(struct tt_args *a, int i, int fd)
{
	(void)i, (void)fd;
	fail_range(a, "no loop here");
	return NULL;
}
void watch_stop(struct tt_watch *w)
{
	(void)w;
}

/* ---- the caller ---- */

/* n number  h,f,s,c,z handles of the fast path, a flow, an SA, a call, a stream  a address  b bytes  u,d arrays  r ring  t text */
static const struct {
	const char *name, *arguments;
	char gives;
} CALLS[] = {
	{ "fpNew", "", 'h' }, { "fpClose", "h", 0 }, { "fpFlow", "hfaannn", 'f' }, { "fpFlow", "hnaannn", 'f' }, { "fpRemoveFlow", "hf", 0 },
	{ "fpAddSa", "hnnttbbfnnn", 's' }, { "fpSetFlowSa", "hfs", 0 }, { "fpRemoveSa", "hs", 0 }, { "fpSaCounters", "hsd", 0 },
	{ "fpCall", "hcub", 'c' }, { "fpCall", "hnub", 'c' }, { "fpRemoveCall", "hc", 0 }, { "fpCallCounters", "hcd", 0 }, { "fpRoute", "hnanc", 0 },
	{ "fpRoute", "hnann", 0 }, { "fpTx", "hnrn", 0 }, { "fpTxFrames", "hcrn", 0 }, { "fpTxControl", "hfnnrn", 0 }, { "fpRx", "hnrn", 0 },
	{ "fpMapping", "hfb", 0 }, { "fpNextMapping", "h", 0 }, { "fpNextUnknownSpi", "hb", 0 }, { "fpDrops", "hd", 0 }, { "zNew", "nn", 'z' },
	{ "zClose", "z", 0 }, { "zReset", "z", 0 }, { "zRun", "zbb", 0 }, { "zTake", "zb", 0 }, { "cryptoRandom", "b", 0 },
	{ "cryptoHash", "tnbbb", 0 }, { "cryptoCbc", "ntbbbb", 0 }, { "cryptoAead", "ntbbbbb", 0 }, { "cryptoDhShared", "tbbb", 0 },
	{ "tlsClose", "n", 0 }, { "tlsStep", "nb", 0 }, { "tlsOutput", "nb", 0 }, { "tlsWhy", "nb", 0 }, { "tlsExport", "nbbb", 0 },
	{ "unwatch", "n", 0 }, { "close", "n", 0 },
};
static const char *const WORDS[] = {
	"null", "aes128", "3des", "aes128gcm16", "chacha20poly1305", "none", "sha1", "md5", "sha256_96", "sha512", "sha256", "aes-128-cbc", "des-ede3-cbc",
	"aes-256-gcm", "chacha20-poly1305", "modp1024", "ecp256", "x25519", "", "a word that is longer than any",
};
static const double NUMBERS[] = { -1, 0.5, 4294967295.0, 4294967296.0, 65535, 65536, 1e300, 9007199254740991.0, -2147483649.0, 256 };
static const uint16_t LENGTHS[] = { 0, 1, 2, 3, 4, 8, 12, 14, 16, 17, 20, 24, 28, 32, 36, 44, 64, 96, 128, 255, 500, 1500, 4096, 65535 };

struct caller {
	struct tt_inst inst;
	uint32_t handles[128]; /* the last one of each kind, by its letter */
};

static void array(struct value *v, enum kind kind, size_t size, size_t len, struct input *in)
{
	*v = (struct value){ .kind = kind, .len = len, .data = malloc(len * size + (len == 0)) };
	CHECK(v->data);
	memset(v->data, 0, len * size);
	take(in, v->data, len * size < 300 ? len * size : 300);
}

static void ring(struct value *v, struct input *in)
{
	uint32_t b = take8(in), slots = 1 + (b & 1);
	size_t bytes = TT_RING_BYTES(slots) - (b > 0xf0);
	struct tt_ring r;

	*v = (struct value){ .kind = BUFFER, .len = bytes, .data = malloc(bytes) };
	CHECK(v->data);
	memset(v->data, 0, bytes);
	if (!tt_ring_map(&r, v->data, bytes))
		return;
	for (uint32_t i = 0; i < slots; i++) {
		uint32_t *m = r.meta + i * TT_META;
		uint32_t n = b & 2 ? take32(in) : take8(in);

		m[TT_OFF] = b & 4 ? take32(in) : i * TT_SLOT + TT_HEAD;
		m[TT_LEN] = n;
		m[TT_KIND] = take8(in) & 31;
		take(in, r.mem + i * TT_SLOT + TT_HEAD, n < 200 ? n : 200);
		r.addr[i * TT_ADDR] = 4;
	}
}

static void argument(struct caller *c, struct value *v, char what, struct input *in)
{
	uint32_t b = take8(in);

	if (b == 0xff)
		what = "nbudrt"[take8(in) % 6];
	else if (b == 0xfe)
		what = 'x';
	switch (what) {
	case 'n':
		*v = (struct value){ .kind = NUMBER, .number = b & 0x80 ? NUMBERS[b % 10] : b & 0x40 ? take32(in) : b & 0x3f };
		break;
	case 'a':
		array(v, U8, 1, b & 1 ? 16 : 4, in);
		break;
	case 'b':
		array(v, U8, 1, b & 0x80 ? take8(in) : LENGTHS[b % 24], in);
		break;
	case 'u':
		array(v, U32, 4, b & 0x80 ? take8(in) : 14, in);
		break;
	case 'd':
		array(v, F64, 8, b & 0x80 ? take8(in) : (size_t[]){ 3, 4, TT_DROPS, 2 }[b & 3], in);
		break;
	case 'r':
		ring(v, in);
		break;
	case 't':
		*v = (struct value){ .kind = STRING };
		strcpy(v->text, WORDS[b % (sizeof WORDS / sizeof *WORDS)]);
		break;
	case 'x':
		*v = (struct value){ .kind = take8(in) & 1 ? UNDEFINED : NUMBER, .number = NAN };
		break;
	default:
		*v = (struct value){ .kind = NUMBER, .number = b & 0x80 ? take32(in) : c->handles[(int)what] };
	}
}

static const struct tt_function *function(const char *name)
{
	const struct tt_function *f = tt_functions;

	while (f->name && strcmp(f->name, name))
		f++;
	CHECK(f->name);
	return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct caller c;

	memset(&c, 0, sizeof c);
	tt_inst_init(&c.inst);
	c.handles['h'] = (uint32_t)function("fpNew")->call(&(struct call){ .a.inst = &c.inst }.a);
	while (in.n) {
		size_t which = take8(&in) % (sizeof CALLS / sizeof *CALLS);
		const struct tt_function *f = function(CALLS[which].name);
		struct call call = { .a.inst = &c.inst };
		double r;

		CHECK((int)strlen(CALLS[which].arguments) == f->argc && f->argc <= TT_MAX_ARGS);
		for (int i = 0; i < f->argc; i++)
			argument(&c, &call.v[i], CALLS[which].arguments[i], &in);
		r = f->call(&call.a);
		if (!call.a.bad && CALLS[which].gives && r > 0)
			c.handles[(int)CALLS[which].gives] = (uint32_t)r;
		for (int i = 0; i < f->argc; i++)
			free(call.v[i].data);
	}
	tt_inst_free(&c.inst);
	return 0;
}
