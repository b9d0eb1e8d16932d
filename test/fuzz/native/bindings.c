/*
 * libFuzzer's target for the flat functions: an engine whose caller passes anything. Each call is a result or an
 * exception, never more than the arrays hold. Only what neither opens nor waits is called: fast path, streams,
 * cryptography.
 */
#include "bind.h"
#include "fastpath.h"
#include "input.h"
#include "ossl.h"
#include <math.h>

enum kind { NUMBER, BOOL, U8, F64, BUFFER, STRING, OBJECT, UNDEFINED };
struct value {
	enum kind kind;
	double number;
	void *data; /* on the heap, exactly as long: what is behind it is seen */
	size_t len; /* elements */
	char text[40];
};
struct call {
	struct tt_args a;
	struct value v[TT_MAX_ARGS + TT_MAX_FIELDS];
	struct caller *caller;
	struct input *in;
};

struct caller {
	struct tt_inst inst;
	uint32_t handles[128]; /* the last one of each kind, by its letter */
};
static void argument(struct caller *c, struct value *v, char what, struct input *in);

/* ---- the engine ---- */

static struct value *value_of(struct tt_args *a, int i)
{
	CHECK(i >= 0 && i < TT_MAX_ARGS + TT_MAX_FIELDS);
	return &((struct call *)a)->v[i];
}
bool engine_number(struct tt_args *a, int i, double *to)
{
	*to = value_of(a, i)->number;
	return value_of(a, i)->kind == NUMBER;
}
bool engine_bool(struct tt_args *a, int i, bool *to)
{
	*to = value_of(a, i)->number != 0;
	return value_of(a, i)->kind == BOOL;
}
void *engine_array(struct tt_args *a, int i, enum tt_array want, size_t *len)
{
	static uint64_t empty;
	struct value *v = value_of(a, i);

	*len = 0;
	if (v->kind != (want == TT_U8 ? U8 : want == TT_F64 ? F64 : BUFFER))
		return NULL;
	*len = v->len;
	return v->len ? v->data : &empty;
}
bool engine_string(struct tt_args *a, int i, char *into, size_t room)
{
	struct value *v = value_of(a, i);
	size_t n = strlen(v->text);

	if (v->kind != STRING || n + 1 >= room)
		return false;
	memcpy(into, v->text, n + 1);
	return true;
}
/* What an object holds is made when it is asked for. */
static const struct {
	const char *name;
	char what;
} FIELDS[] = {
	{ "local", 'a' },
	{ "remote", 'a' },
	{ "localPort", 'n' },
	{ "remotePort", 'n' },
	{ "encap", 't' },
	{ "inbound", 'o' },
	{ "spi", 'n' },
	{ "cipher", 't' },
	{ "integ", 't' },
	{ "encr", 'b' },
	{ "integKey", 'b' },
	{ "flow", 'f' },
	{ "hardBytes", 'n' },
	{ "hardPackets", 'n' },
	{ "window", 'n' },
	{ "dev", 'n' },
	{ "localTunnel", 'n' },
	{ "localCall", 'n' },
	{ "peerTunnel", 'n' },
	{ "peerCall", 'n' },
	{ "innerLocalPort", 'n' },
	{ "innerRemotePort", 'n' },
	{ "pppHeader", 'b' },
	{ "ip", 'o' },
	{ "ip6", 'o' },
	{ "sequencing", 'o' },
	{ "allUp", 'o' },
	{ "passes", 'n' },
	{ "clampMss", 'n' },
	{ "checkSource", 'o' },
	{ "echoMagic", 'n' },
	{ "echoLongest", 'n' },
};
bool engine_fields(struct tt_args *a, int i, const char *const *names, int count)
{
	struct call *call = (struct call *)a;

	CHECK(count <= TT_MAX_FIELDS);
	if (value_of(a, i)->kind != OBJECT)
		return false;
	for (int k = 0; k < count; k++) {
		size_t f = 0;

		while (f < sizeof FIELDS / sizeof *FIELDS && strcmp(FIELDS[f].name, names[k]))
			f++;
		CHECK(f < sizeof FIELDS / sizeof *FIELDS);
		argument(call->caller, &call->v[TT_MAX_ARGS + k], FIELDS[f].what, call->in);
	}
	return true;
}
void throw_range(struct tt_args *a, const char *why)
{
	CHECK(why && *why);
	a->bad = true;
}
double throw_system(struct tt_args *a, int no, const char *call)
{
	CHECK(tt_errno_name(no) && call);
	a->bad = true;
	return NOTHING;
}
struct tt_watch *engine_watch(struct tt_args *a, int i, int fd, const struct tt_first *first)
{
	(void)i, (void)fd, (void)first;
	throw_range(a, "no loop here");
	return NULL;
}
void engine_unwatch(struct tt_watch *w)
{
	(void)w;
}

/* ---- the caller ---- */

/*
 * n number  h,f,s,c,z handles of the fast path, a flow, an SA, a call, a stream  a address  b bytes  d doubles  o true
 * or false  w an object  r ring  t text
 */
static const struct {
	const char *name, *arguments;
	char gives;
} CALLS[] = {
	{ "fpNew", "", 'h' },
	{ "fpClose", "h", 0 },
	{ "fpFlow", "hfw", 'f' },
	{ "fpFlow", "hnw", 'f' },
	{ "fpRemoveFlow", "hf", 0 },
	{ "fpAddSa", "hw", 's' },
	{ "fpSetFlowSa", "hfs", 0 },
	{ "fpRemoveSa", "hs", 0 },
	{ "fpSaCounters", "hsd", 0 },
	{ "fpCall", "hcw", 'c' },
	{ "fpCall", "hnw", 'c' },
	{ "fpRemoveCall", "hc", 0 },
	{ "fpCallCounters", "hcd", 0 },
	{ "fpCallEchoes", "hcd", 0 },
	{ "fpSetCallRate", "hcnn", 0 },
	{ "fpRoute", "hnanc", 0 },
	{ "fpRoute", "hnann", 0 },
	{ "fpTx", "hnrn", 0 },
	{ "fpTxFrames", "hcrn", 0 },
	{ "fpTxControl", "hfnnrn", 0 },
	{ "fpRx", "hnrn", 0 },
	{ "fpMapping", "hfb", 0 },
	{ "fpNextMapping", "h", 0 },
	{ "fpNextUnknownSpi", "hb", 0 },
	{ "fpDrops", "hd", 0 },
	{ "zNew", "on", 'z' },
	{ "zClose", "z", 0 },
	{ "zReset", "z", 0 },
	{ "zRun", "zbb", 0 },
	{ "zTake", "zb", 0 },
	{ "cryptoRandom", "b", 0 },
	{ "cryptoHash", "tobbb", 0 },
	{ "cryptoCbc", "otbbbb", 0 },
	{ "cryptoAead", "otbbbbb", 0 },
	{ "cryptoDhShared", "tbbb", 0 },
	{ "tlsClose", "n", 0 },
	{ "tlsStep", "nb", 0 },
	{ "tlsOutput", "nb", 0 },
	{ "tlsWhy", "nb", 0 },
	{ "tlsExport", "nbbb", 0 },
	{ "pkiKey", "bbb", 0 },
	{ "pkiSign", "nttbb", 0 },
	{ "pkiVerify", "bttbb", 0 },
	{ "pkiTrustAdd", "nb", 0 },
	{ "pkiTrustCrls", "nb", 0 },
	{ "pkiValidate", "nbnn", 0 },
	{ "pkiPublic", "bb", 0 },
	{ "pkiOfPkcs12", "btb", 0 },
	{ "unwatch", "n", 0 },
	{ "close", "n", 0 },
};
static const char *const WORDS[] = {
	"null",
	"aes128",
	"3des",
	"aes128gcm16",
	"chacha20poly1305",
	"none",
	"sha1",
	"md5",
	"sha256_96",
	"sha512",
	"sha256",
	"aes-128-cbc",
	"des-ede3-cbc",
	"aes-256-gcm",
	"chacha20-poly1305",
	"modp1024",
	"ecp256",
	"x25519",
	"udp",
	"esp",
	"clear",
	"",
	"a word that is longer than any",
};
static const double NUMBERS[] = { -1,	 0.5,	4294967295.0,	    4294967296.0,  65535,
				  65536, 1e300, 9007199254740991.0, -2147483649.0, 256 };
static const uint16_t LENGTHS[] = { 0,	1,  2,	3,  4,	8,  12,	 14,  16,  17,	 20,   24,
				    28, 32, 36, 44, 64, 96, 128, 255, 500, 1500, 4096, 65535 };

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
		what = "nbodrtw"[take8(in) % 7];
	else if (b == 0xfe)
		what = 'x';
	switch (what) {
	case 'n':
		*v = (struct value){ .kind = NUMBER,
				     .number = b & 0x80 ? NUMBERS[b % 10] :
					       b & 0x40 ? take32(in) :
							  b & 0x3f };
		break;
	case 'a':
		array(v, U8, 1, b & 1 ? 16 : 4, in);
		break;
	case 'b':
		array(v, U8, 1, b & 0x80 ? take8(in) : LENGTHS[b % 24], in);
		break;
	case 'o':
		*v = (struct value){ .kind = BOOL, .number = b & 1 };
		break;
	case 'w':
		*v = (struct value){ .kind = OBJECT };
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
	for (const struct tt_binding *const *b = tt_bindings; *b; b++)
		for (const struct tt_function *f = (*b)->functions; f->name; f++)
			if (!strcmp(f->name, name))
				return f;
	CHECK(!"such a function");
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct caller c;

	memset(&c, 0, sizeof c);
	tt_inst_begin(&c.inst);
	c.handles['h'] = (uint32_t)function("fpNew")->call(&(struct call){ .a.inst = &c.inst }.a);
	while (in.n) {
		size_t which = take8(&in) % (sizeof CALLS / sizeof *CALLS);
		const struct tt_function *f = function(CALLS[which].name);
		struct call call = { .a.inst = &c.inst, .caller = &c, .in = &in };
		double r;

		CHECK((int)strlen(CALLS[which].arguments) == f->argc && f->argc <= TT_MAX_ARGS);
		for (int i = 0; i < f->argc; i++)
			argument(&c, &call.v[i], CALLS[which].arguments[i], &in);
		r = f->call(&call.a);
		if (!call.a.bad && CALLS[which].gives && r > 0)
			c.handles[(int)CALLS[which].gives] = (uint32_t)r;
		for (int i = 0; i < TT_MAX_ARGS + TT_MAX_FIELDS; i++)
			free(call.v[i].data);
	}
	tt_inst_end(&c.inst);
	return 0;
}
