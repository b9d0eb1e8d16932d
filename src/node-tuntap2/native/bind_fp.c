/* The flat functions of the fast path. */
#include "bind_fp.h"

struct held { /* a fast path by its handle */
	struct tt_obj obj;
	struct tt_fp *fp;
};

static struct held *held_of(struct tt_args *a, int i)
{
	uint32_t handle = arg_u32(a, i, "fast path: not a handle");
	struct held *h = a->bad ? NULL : pool_get(&a->inst->fps, handle);

	if (!h)
		throw_range(a, "fast path: closed");
	return h;
}

struct tt_fp *arg_fp(struct tt_args *a, int i)
{
	struct held *h = held_of(a, i);

	return h ? h->fp : NULL;
}

struct tt_fp *held_fp(const struct tt_inst *inst, uint32_t handle)
{
	struct held *h = pool_get(&inst->fps, handle);

	return h ? h->fp : NULL;
}

void forget_exits(const struct tt_inst *inst, int fd)
{
	for (uint32_t i = 0; i < inst->fps.count; i++) {
		struct held *h = pool_at(&inst->fps, i);

		if (h->obj.handle)
			fp_forget(h->fp, fd);
	}
}

static double fp_result(struct tt_args *a, const struct tt_fp *fp, int64_t r)
{
	if (r >= 0)
		return (double)r;
	throw_range(a, fp->why);
	return NOTHING;
}

static double bind_fp_new(struct tt_args *a)
{
	struct held *h;
	struct tt_fp *fp = fp_new();

	if (!fp)
		return 0;
	h = pool_add(&a->inst->fps);
	if (!h) {
		fp_free(fp);
		return 0;
	}
	h->fp = fp;
	return h->obj.handle;
}

static double bind_fp_close(struct tt_args *a)
{
	struct held *h = held_of(a, 0);

	if (a->bad)
		return NOTHING;
	fp_free(h->fp);
	pool_remove(&a->inst->fps, h);
	return NOTHING;
}

/* ---- flows: flat.ts FlowParams ---- */

enum { F_LOCAL, F_REMOTE, F_LOCAL_PORT, F_REMOTE_PORT, F_ENCAP, FLOW_FIELDS };

static const char *const flow_fields[] = {
	[F_LOCAL] = "local", [F_REMOTE] = "remote", [F_LOCAL_PORT] = "localPort", [F_REMOTE_PORT] = "remotePort",
	[F_ENCAP] = "encap",
};
static const char *const encaps[] = { [ENCAP_UDP] = "udp", [ENCAP_ESP] = "esp", [ENCAP_CLEAR] = "clear", NULL };

static double bind_fp_flow(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t flow = arg_u32(a, 1, "flow: not a handle");
	int f = arg_fields(a, 2, flow_fields, FLOW_FIELDS, "flow: not an object");
	struct tt_flow_params p = { 0 };
	size_t llen, rlen;
	uint8_t *local = arg_address(a, f + F_LOCAL, &llen), *remote = arg_address(a, f + F_REMOTE, &rlen);

	p.lport = arg_u16(a, f + F_LOCAL_PORT, "localPort: 0 to 65535");
	p.rport = arg_u16(a, f + F_REMOTE_PORT, "remotePort: 0 to 65535");
	p.encap = (enum tt_encap)arg_word(a, f + F_ENCAP, encaps, "encap: not known");
	if (llen != rlen)
		throw_range(a, "address: local and remote differ in length");
	if (a->bad)
		return NOTHING;
	p.alen = (uint8_t)rlen;
	memcpy(p.local, local, llen);
	memcpy(p.remote, remote, rlen);
	return fp_result(a, fp, flow ? fp_set_flow(fp, flow, &p) : fp_add_flow(fp, &p));
}

static double bind_fp_remove_flow(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t flow = arg_u32(a, 1, "flow: not a handle");

	if (a->bad)
		return NOTHING;
	return fp_result(a, fp, fp_remove_flow(fp, flow));
}

/* ---- SAs: flat.ts FlatSa ---- */

enum {
	S_INBOUND,
	S_SPI,
	S_CIPHER,
	S_INTEG,
	S_ENCR,
	S_INTEG_KEY,
	S_FLOW,
	S_HARD_BYTES,
	S_HARD_PACKETS,
	S_WINDOW,
	SA_FIELDS,
};

static const char *const sa_fields[] = {
	[S_INBOUND] = "inbound",
	[S_SPI] = "spi",
	[S_CIPHER] = "cipher",
	[S_INTEG] = "integ",
	[S_ENCR] = "encr",
	[S_INTEG_KEY] = "integKey",
	[S_FLOW] = "flow",
	[S_HARD_BYTES] = "hardBytes",
	[S_HARD_PACKETS] = "hardPackets",
	[S_WINDOW] = "window",
};

static double bind_fp_add_sa(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	int f = arg_fields(a, 1, sa_fields, SA_FIELDS, "sa: not an object");
	char cipher[32], integ[32];
	struct tt_sa_params p = { .cipher = cipher, .integ = integ };

	p.inbound = arg_bool(a, f + S_INBOUND, "inbound: true or false");
	p.spi = arg_u32(a, f + S_SPI, "spi: 32 bits");
	arg_text(a, f + S_CIPHER, cipher, sizeof cipher, "cipher: not known");
	arg_text(a, f + S_INTEG, integ, sizeof integ, "integ: not known");
	p.key = arg_bytes(a, f + S_ENCR, &p.key_len, "encr: not a Uint8Array");
	p.mac_key = arg_bytes(a, f + S_INTEG_KEY, &p.mac_key_len, "integKey: not a Uint8Array");
	p.flow = arg_u32(a, f + S_FLOW, "flow: not a handle");
	p.hard_bytes = (uint64_t)arg_integer(a, f + S_HARD_BYTES, 0, 9007199254740991.0, "hardBytes: not a count");
	p.hard_packets =
		(uint64_t)arg_integer(a, f + S_HARD_PACKETS, 0, 9007199254740991.0, "hardPackets: not a count");
	p.window = arg_u32(a, f + S_WINDOW, "window: not a count");
	if (a->bad)
		return NOTHING;
	return fp_result(a, fp, fp_add_sa(fp, &p));
}

static double bind_fp_set_flow_sa(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t flow = arg_u32(a, 1, "flow: not a handle"), sa = arg_u32(a, 2, "sa: not a handle");

	if (a->bad)
		return NOTHING;
	return fp_result(a, fp, fp_set_flow_sa(fp, flow, sa));
}

static double bind_fp_remove_sa(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t sa = arg_u32(a, 1, "sa: not a handle");

	if (a->bad)
		return NOTHING;
	return fp_result(a, fp, fp_remove_sa(fp, sa));
}

static double bind_fp_sa_counters(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t sa = arg_u32(a, 1, "sa: not a handle");
	double *into = arg_doubles(a, 2, 3, "into: must be 3 doubles");
	uint64_t c[3] = { 0 };
	int r;

	if (a->bad)
		return NOTHING;
	r = fp_sa_counters(fp, sa, c);
	for (int i = 0; i < 3; i++)
		into[i] = (double)c[i];
	return fp_result(a, fp, r);
}

/* ---- calls: flat.ts CallParams ---- */

enum {
	C_FLOW,
	C_DEV,
	C_LOCAL_TUNNEL,
	C_LOCAL_CALL,
	C_PEER_TUNNEL,
	C_PEER_CALL,
	C_LOCAL_PORT,
	C_REMOTE_PORT,
	C_PPP_HEADER,
	C_IP,
	C_IP6,
	C_SEQUENCING,
	C_ALL_UP,
	C_PASSES,
	C_CLAMP_MSS,
	C_CHECK_SOURCE,
	C_ECHO_MAGIC,
	C_ECHO_LONGEST,
	CALL_FIELDS,
};

static const char *const call_fields[] = {
	[C_FLOW] = "flow",
	[C_DEV] = "dev",
	[C_LOCAL_TUNNEL] = "localTunnel",
	[C_LOCAL_CALL] = "localCall",
	[C_PEER_TUNNEL] = "peerTunnel",
	[C_PEER_CALL] = "peerCall",
	[C_LOCAL_PORT] = "innerLocalPort",
	[C_REMOTE_PORT] = "innerRemotePort",
	[C_PPP_HEADER] = "pppHeader",
	[C_IP] = "ip",
	[C_IP6] = "ip6",
	[C_SEQUENCING] = "sequencing",
	[C_ALL_UP] = "allUp",
	[C_PASSES] = "passes",
	[C_CLAMP_MSS] = "clampMss",
	[C_CHECK_SOURCE] = "checkSource",
	[C_ECHO_MAGIC] = "echoMagic",
	[C_ECHO_LONGEST] = "echoLongest",
};

static double bind_fp_call(struct tt_args *a)
{
	static const char not_id[] = "call: ids and ports are 0 to 65535", not_bool[] = "call: true or false";
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t call = arg_u32(a, 1, "call: not a handle"), clamp;
	int f = arg_fields(a, 2, call_fields, CALL_FIELDS, "call: not an object");
	struct tt_call_params p = { 0 };
	size_t ppp_len;
	uint8_t *ppp = arg_bytes(a, f + C_PPP_HEADER, &ppp_len, "pppHeader: not a Uint8Array");

	p.flow = arg_u32(a, f + C_FLOW, "flow: not a handle");
	p.dev = arg_u32(a, f + C_DEV, "dev: not a device id");
	p.ltunnel = arg_u16(a, f + C_LOCAL_TUNNEL, not_id);
	p.lcall = arg_u16(a, f + C_LOCAL_CALL, not_id);
	p.ptunnel = arg_u16(a, f + C_PEER_TUNNEL, not_id);
	p.pcall = arg_u16(a, f + C_PEER_CALL, not_id);
	p.lport = arg_u16(a, f + C_LOCAL_PORT, not_id);
	p.rport = arg_u16(a, f + C_REMOTE_PORT, not_id);
	p.ip = arg_bool(a, f + C_IP, not_bool);
	p.ip6 = arg_bool(a, f + C_IP6, not_bool);
	p.sequencing = arg_bool(a, f + C_SEQUENCING, not_bool);
	p.all_up = arg_bool(a, f + C_ALL_UP, not_bool);
	p.passes = arg_u16(a, f + C_PASSES, "passes: 0 to 65535");
	p.check_source = arg_bool(a, f + C_CHECK_SOURCE, not_bool);
	p.echo_magic = arg_u32(a, f + C_ECHO_MAGIC, "echoMagic: 32 bits");
	p.echo_longest = arg_u16(a, f + C_ECHO_LONGEST, "echoLongest: 0 to 65535");
	clamp = arg_u32(a, f + C_CLAMP_MSS, "clampMss: not a number of bytes");
	p.clamp = clamp > 65535 ? 65535 : clamp;
	if (ppp_len > sizeof p.ppp)
		throw_range(a, "pppHeader: at most 4 bytes");
	if (a->bad)
		return NOTHING;
	p.ppp_len = (uint8_t)ppp_len;
	memcpy(p.ppp, ppp, ppp_len);
	return fp_result(a, fp, call ? fp_set_call(fp, call, &p) : fp_add_call(fp, &p));
}

static double bind_fp_remove_call(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t call = arg_u32(a, 1, "call: not a handle");

	if (a->bad)
		return NOTHING;
	return fp_result(a, fp, fp_remove_call(fp, call));
}

static double bind_fp_call_counters(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t call = arg_u32(a, 1, "call: not a handle");
	double *into = arg_doubles(a, 2, 4, "into: must be 4 doubles");
	uint64_t c[4] = { 0 };
	int r;

	if (a->bad)
		return NOTHING;
	r = fp_call_counters(fp, call, c);
	for (int i = 0; i < 4; i++)
		into[i] = (double)c[i];
	return fp_result(a, fp, r);
}

static double bind_fp_set_call_rate(struct tt_args *a)
{
	static const char not_rate[] = "rate: bytes a second";
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t call = arg_u32(a, 1, "call: not a handle");
	double in = arg_integer(a, 2, 0, 1e12, not_rate), out = arg_integer(a, 3, 0, 1e12, not_rate);

	if (a->bad)
		return NOTHING;
	return fp_result(a, fp, fp_set_rate(fp, call, (uint64_t)in, (uint64_t)out));
}

static double bind_fp_call_echoes(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t call = arg_u32(a, 1, "call: not a handle");
	double *into = arg_doubles(a, 2, 2, "into: must be 2 doubles");
	uint64_t c[2] = { 0 };
	int r;

	if (a->bad)
		return NOTHING;
	r = fp_call_echoes(fp, call, c);
	for (int i = 0; i < 2; i++)
		into[i] = (double)c[i];
	return fp_result(a, fp, r);
}

static double bind_fp_route(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t dev = arg_u32(a, 1, "dev: not a device id");
	size_t size;
	uint8_t *prefix = arg_bytes(a, 2, &size, "prefix: not a Uint8Array");
	uint32_t length = arg_u32(a, 3, "route: length above 128"), call = arg_u32(a, 4, "call: not a handle");

	if (size != 4 && size != 16)
		throw_range(a, "prefix: must be 4 or 16 bytes");
	if (a->bad)
		return NOTHING;
	return fp_result(a, fp,
			 call ? fp_add_route(fp, dev, prefix, size, length, call) :
				fp_remove_route(fp, dev, prefix, size, length));
}

static double bind_fp_exit(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t kind = arg_u32(a, 1, "kind: not a Kind"), ref = arg_u32(a, 2, "ref: not a device id or family");

	if (a->bad)
		return NOTHING;
	return fp_exit(fp, kind, ref);
}

static double bind_fp_set_exit(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t kind = arg_u32(a, 1, "kind: not a Kind"), ref = arg_u32(a, 2, "ref: not a device id or family");
	int fd = (int)arg_integer(a, 3, -1, 1 << 30, "fd: not a descriptor");

	if (a->bad)
		return NOTHING;
	return fp_result(a, fp, fp_set_exit(fp, kind, ref, fd));
}

/* ---- packets ---- */

static double bind_fp_tx(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t dev = arg_u32(a, 1, "dev: not a device id"), n;
	struct tt_ring r;

	n = arg_ring(a, 2, 3, &r);
	if (a->bad)
		return NOTHING;
	return fp_tx(fp, dev, &r, n);
}

static double bind_fp_tx_frames(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t call = arg_u32(a, 1, "call: not a handle"), n;
	struct tt_ring r;

	n = arg_ring(a, 2, 3, &r);
	if (a->bad)
		return NOTHING;
	return fp_result(a, fp, fp_tx_frames(fp, call, &r, n));
}

static double bind_fp_tx_control(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t flow = arg_u32(a, 1, "flow: not a handle"), n;
	uint16_t lport = arg_u16(a, 2, "localPort: 0 to 65535"), rport = arg_u16(a, 3, "remotePort: 0 to 65535");
	struct tt_ring r;

	n = arg_ring(a, 4, 5, &r);
	if (a->bad)
		return NOTHING;
	return fp_result(a, fp, fp_tx_control(fp, flow, lport, rport, &r, n));
}

static double bind_fp_rx(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	enum tt_origin origin = (enum tt_origin)arg_integer(a, 1, ORIGIN_UDP4500, ORIGIN_UDP1701, "origin: not known");
	struct tt_ring r;
	uint32_t n = arg_ring(a, 2, 3, &r);

	if (a->bad)
		return NOTHING;
	return fp_rx(fp, origin, &r, n);
}

static double bind_fp_mapping(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint32_t flow = arg_u32(a, 1, "flow: not a handle");
	uint8_t *into = arg_bytes_of(a, 2, TT_ADDR, "into: must be ADDR bytes");

	if (a->bad)
		return NOTHING;
	return fp_result(a, fp, fp_mapping(fp, flow, into));
}

static double bind_fp_next_mapping(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);

	if (a->bad)
		return NOTHING;
	return fp_next_mapping(fp);
}

static double bind_fp_next_unknown_spi(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	uint8_t *into = arg_bytes_of(a, 1, TT_ADDR, "into: must be ADDR bytes");

	if (a->bad)
		return NOTHING;
	return fp_next_unknown_spi(fp, into);
}

static double bind_fp_drops(struct tt_args *a)
{
	struct tt_fp *fp = arg_fp(a, 0);
	double *into = arg_doubles(a, 1, TT_DROPS, "into: must be one double a drop");

	if (a->bad)
		return NOTHING;
	for (int i = 0; i < TT_DROPS; i++)
		into[i] = (double)fp->drops[i];
	return NOTHING;
}

static void begin(struct tt_inst *inst)
{
	pool_init(&inst->fps, sizeof(struct held));
}

static void end(struct tt_inst *inst)
{
	for (uint32_t i = 0; i < inst->fps.count; i++) {
		struct held *h = pool_at(&inst->fps, i);

		if (h->obj.handle)
			fp_free(h->fp);
	}
	pool_free(&inst->fps);
}

static const struct tt_function functions[] = {
	{ "fpNew", bind_fp_new, 0 },
	{ "fpClose", bind_fp_close, 1 },
	{ "fpFlow", bind_fp_flow, 3 },
	{ "fpRemoveFlow", bind_fp_remove_flow, 2 },
	{ "fpAddSa", bind_fp_add_sa, 2 },
	{ "fpSetFlowSa", bind_fp_set_flow_sa, 3 },
	{ "fpRemoveSa", bind_fp_remove_sa, 2 },
	{ "fpSaCounters", bind_fp_sa_counters, 3 },
	{ "fpCall", bind_fp_call, 3 },
	{ "fpRemoveCall", bind_fp_remove_call, 2 },
	{ "fpCallCounters", bind_fp_call_counters, 3 },
	{ "fpCallEchoes", bind_fp_call_echoes, 3 },
	{ "fpSetCallRate", bind_fp_set_call_rate, 4 },
	{ "fpRoute", bind_fp_route, 5 },
	{ "fpExit", bind_fp_exit, 3 },
	{ "fpSetExit", bind_fp_set_exit, 4 },
	{ "fpTx", bind_fp_tx, 4 },
	{ "fpTxFrames", bind_fp_tx_frames, 4 },
	{ "fpTxControl", bind_fp_tx_control, 6 },
	{ "fpRx", bind_fp_rx, 4 },
	{ "fpMapping", bind_fp_mapping, 3 },
	{ "fpNextMapping", bind_fp_next_mapping, 1 },
	{ "fpNextUnknownSpi", bind_fp_next_unknown_spi, 2 },
	{ "fpDrops", bind_fp_drops, 2 },
	{ NULL, NULL, 0 },
};

const struct tt_binding bind_fp = { functions, begin, end };
