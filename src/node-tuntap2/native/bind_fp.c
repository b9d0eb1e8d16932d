/* The flat functions: the fast path. */
#include "bind.h"
#include "functions.h"

static double fp_result(struct tt_args *a, const struct tt_fp *fp, int64_t r)
{
	if (r >= 0)
		return (double)r;
	fail_range(a, fp->why);
	return NOTHING;
}

FN(FpFlow)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t flow = u32(a, 1, "flow: not a handle");
	struct tt_flow_params p = { 0 };
	size_t llen, rlen;
	uint8_t *local = address(a, 2, &llen), *remote = address(a, 3, &rlen);

	p.lport = u16(a, 4, "localPort: 0 to 65535");
	p.rport = u16(a, 5, "remotePort: 0 to 65535");
	p.encap = (enum tt_encap)number(a, 6, ENCAP_UDP, ENCAP_CLEAR, "encap: not known");
	if (llen != rlen)
		fail_range(a, "address: local and remote differ in length");
	GOOD;
	p.alen = (uint8_t)rlen;
	memcpy(p.local, local, llen);
	memcpy(p.remote, remote, rlen);
	return fp_result(a, fp, flow ? fp_set_flow(fp, flow, &p) : fp_add_flow(fp, &p));
END
FN(FpRemoveFlow)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t flow = u32(a, 1, "flow: not a handle");

	GOOD;
	return fp_result(a, fp, fp_remove_flow(fp, flow));
END
FN(FpAddSa)
	struct tt_fp *fp = fp_of(a, 0);
	char cipher[32], integ[32];
	struct tt_sa_params p = { .cipher = cipher, .integ = integ };

	p.inbound = number(a, 1, 0, 1, "inbound: 0 or 1");
	p.spi = u32(a, 2, "spi: 32 bits");
	string(a, 3, cipher, sizeof cipher, "cipher: not known");
	string(a, 4, integ, sizeof integ, "integ: not known");
	p.key = bytes(a, 5, &p.key_len, "encr: not a Uint8Array");
	p.mac_key = bytes(a, 6, &p.mac_key_len, "integKey: not a Uint8Array");
	p.flow = u32(a, 7, "flow: not a handle");
	p.hard_bytes = (uint64_t)number(a, 8, 0, 9007199254740991.0, "hardBytes: not a count");
	p.hard_packets = (uint64_t)number(a, 9, 0, 9007199254740991.0, "hardPackets: not a count");
	p.window = u32(a, 10, "window: not a count");
	GOOD;
	return fp_result(a, fp, fp_add_sa(fp, &p));
END
FN(FpSetFlowSa)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t flow = u32(a, 1, "flow: not a handle"), sa = u32(a, 2, "sa: not a handle");

	GOOD;
	return fp_result(a, fp, fp_set_flow_sa(fp, flow, sa));
END
FN(FpRemoveSa)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t sa = u32(a, 1, "sa: not a handle");

	GOOD;
	return fp_result(a, fp, fp_remove_sa(fp, sa));
END
FN(FpSaCounters)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t sa = u32(a, 1, "sa: not a handle");
	double *into = doubles_of(a, 2, 3, "into: must be 3 doubles");
	uint64_t c[3] = { 0 };
	int r;

	GOOD;
	r = fp_sa_counters(fp, sa, c);
	for (int i = 0; i < 3; i++)
		into[i] = (double)c[i];
	return fp_result(a, fp, r);
END
/* Numbers of a call, in the order of flat.ts. */
enum { C_FLOW, C_DEV, C_LTUNNEL, C_LCALL, C_PTUNNEL, C_PCALL, C_LPORT, C_RPORT, C_IP, C_IP6, C_SEQUENCING, C_ALL_UP, C_CLAMP, C_CHECK, C_COUNT };
FN(FpCall)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t call = u32(a, 1, "call: not a handle");
	size_t n, ppp_len;
	uint32_t *v = typed(a, 2, TT_U32, &n, "call: not a Uint32Array");
	uint8_t *ppp = bytes(a, 3, &ppp_len, "pppHeader: not a Uint8Array");
	struct tt_call_params p = { 0 };

	if (n != C_COUNT)
		fail_range(a, "call: wrong number of values");
	if (ppp_len > 4)
		fail_range(a, "pppHeader: at most 4 bytes");
	GOOD;
	for (int i = C_LTUNNEL; i <= C_RPORT; i++)
		if (v[i] > 65535)
			fail_range(a, "call: ids and ports are 0 to 65535");
	GOOD;
	p.flow = v[C_FLOW];
	p.dev = v[C_DEV];
	p.clamp = v[C_CLAMP] > 65535 ? 65535 : v[C_CLAMP];
	p.ltunnel = (uint16_t)v[C_LTUNNEL];
	p.lcall = (uint16_t)v[C_LCALL];
	p.ptunnel = (uint16_t)v[C_PTUNNEL];
	p.pcall = (uint16_t)v[C_PCALL];
	p.lport = (uint16_t)v[C_LPORT];
	p.rport = (uint16_t)v[C_RPORT];
	p.ip = v[C_IP] != 0;
	p.ip6 = v[C_IP6] != 0;
	p.sequencing = v[C_SEQUENCING] != 0;
	p.all_up = v[C_ALL_UP] != 0;
	p.check_source = v[C_CHECK] != 0;
	p.ppp_len = (uint8_t)ppp_len;
	memcpy(p.ppp, ppp, ppp_len);
	return fp_result(a, fp, call ? fp_set_call(fp, call, &p) : fp_add_call(fp, &p));
END
FN(FpRemoveCall)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t call = u32(a, 1, "call: not a handle");

	GOOD;
	return fp_result(a, fp, fp_remove_call(fp, call));
END
FN(FpCallCounters)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t call = u32(a, 1, "call: not a handle");
	double *into = doubles_of(a, 2, 4, "into: must be 4 doubles");
	uint64_t c[4] = { 0 };
	int r;

	GOOD;
	r = fp_call_counters(fp, call, c);
	for (int i = 0; i < 4; i++)
		into[i] = (double)c[i];
	return fp_result(a, fp, r);
END
FN(FpRoute)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t dev = u32(a, 1, "dev: not a device id");
	size_t size;
	uint8_t *prefix = bytes(a, 2, &size, "prefix: not a Uint8Array");
	uint32_t length = u32(a, 3, "route: length above 128"), call = u32(a, 4, "call: not a handle");

	if (size != 4 && size != 16)
		fail_range(a, "prefix: must be 4 or 16 bytes");
	GOOD;
	return fp_result(a, fp, call ? fp_add_route(fp, dev, prefix, size, length, call) : fp_remove_route(fp, dev, prefix, size, length));
END
FN(FpTx)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t dev = u32(a, 1, "dev: not a device id"), n;
	struct tt_ring r;

	n = ring_of(a, 2, 3, &r);
	GOOD;
	return fp_tx(fp, dev, &r, n);
END
FN(FpTxFrames)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t call = u32(a, 1, "call: not a handle"), n;
	struct tt_ring r;

	n = ring_of(a, 2, 3, &r);
	GOOD;
	return fp_result(a, fp, fp_tx_frames(fp, call, &r, n));
END
FN(FpTxControl)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t flow = u32(a, 1, "flow: not a handle"), n;
	uint16_t lport = u16(a, 2, "localPort: 0 to 65535"), rport = u16(a, 3, "remotePort: 0 to 65535");
	struct tt_ring r;

	n = ring_of(a, 4, 5, &r);
	GOOD;
	return fp_result(a, fp, fp_tx_control(fp, flow, lport, rport, &r, n));
END
FN(FpRx)
	struct tt_fp *fp = fp_of(a, 0);
	enum tt_origin origin = (enum tt_origin)number(a, 1, ORIGIN_UDP4500, ORIGIN_UDP1701, "origin: not known");
	struct tt_ring r;
	uint32_t n = ring_of(a, 2, 3, &r);

	GOOD;
	return fp_rx(fp, origin, &r, n);
END
FN(FpMapping)
	struct tt_fp *fp = fp_of(a, 0);
	uint32_t flow = u32(a, 1, "flow: not a handle");
	uint8_t *into = bytes_of(a, 2, TT_ADDR, "into: must be ADDR bytes");

	GOOD;
	return fp_result(a, fp, fp_mapping(fp, flow, into));
END
FN(FpNextMapping)
	struct tt_fp *fp = fp_of(a, 0);

	GOOD;
	return fp_next_mapping(fp);
END
FN(FpNextUnknownSpi)
	struct tt_fp *fp = fp_of(a, 0);
	uint8_t *into = bytes_of(a, 1, TT_ADDR, "into: must be ADDR bytes");

	GOOD;
	return fp_next_unknown_spi(fp, into);
END
FN(FpDrops)
	struct tt_fp *fp = fp_of(a, 0);
	double *into = doubles_of(a, 1, TT_DROPS, "into: must be one double a drop");

	GOOD;
	for (int i = 0; i < TT_DROPS; i++)
		into[i] = (double)fp->drops[i];
	return NOTHING;
END
