// The fast path in TypeScript over the Crypto port: the fallback where the native library has no libcrypto, and the
// oracle that the library is compared with. The meaning of every call is in node-tuntap2's types.ts.

import type { CallParams, FastPath, FlowParams, Ring, SaParams } from "node-tuntap2";
import { ADDR, DROPS, HEAD, Kind, META, SLOT } from "node-tuntap2";
import { get16, get32, put16 } from "../../core/bytes.ts";
import { ReplayWindow } from "../../core/replay.ts";
import { sameBytes } from "../../core/text.ts";
import { openEsp } from "../../esp/open.ts";
import { espSa, wipeSa } from "../../esp/sa.ts";
import { sealEsp } from "../../esp/seal.ts";
import { asksRouter, ip4Length, ip6Length, ipDestination, ipLength, ipSource, ipVersion } from "../../packet/ip.ts";
import { dataLength, isControl, NO_NS, readData, writeData } from "../../packet/l2tp.ts";
import { PPP_IPV4, PPP_IPV6, PPP_LCP, readPpp } from "../../packet/ppp.ts";
import { PrefixTable } from "../../packet/prefixes.ts";
import { clampMss } from "../../packet/tcp.ts";
import { readUdp, UDP, UDP_HEADER, udp6Checksum, writeUdp } from "../../packet/udp.ts";
import type { Crypto } from "../../ports/ports.ts";
import type { EspCipher, EspInteg } from "../dataplane.ts";
import {
  type Call,
  checkFlow,
  checkPrefix,
  comesFrom,
  Exits,
  echoReply,
  type Flow,
  must,
  type Sa,
  type Slot,
  slotsOf,
  spent,
  whole,
} from "./reference-entries.ts";

type Drop = (typeof DROPS)[number];
type Origin = Parameters<FastPath["rx"]>[0];
const MAX_HANDLES = 65535;

/** `now`: milliseconds, for callEchoes(). */
export function referenceFastPath(crypto: Crypto, now: () => number = () => 0): FastPath {
  return new Reference(crypto, now);
}

class Reference implements FastPath {
  readonly #crypto: Crypto;
  readonly #now: () => number;
  readonly #flows = new Map<number, Flow>();
  readonly #sas = new Map<number, Sa>();
  readonly #calls = new Map<number, Call>();
  readonly #spis = new Map<number, number>();
  readonly #ids = new Map<number, number>(); // tunnel * 65536 + call
  readonly #routes = new Map<number, PrefixTable<number>>(); // by device
  readonly #exits = new Exits();
  readonly #drops = new Map<Drop, number>();
  #unknown: { spi: number; from: Uint8Array } | null = null;
  #next = 1;
  #closed = false;

  constructor(crypto: Crypto, now: () => number) {
    this.#crypto = crypto;
    this.#now = now;
  }
  #handle(table: ReadonlyMap<number, unknown>, what: string): number {
    if (this.#closed) throw new RangeError("fast path: closed");
    if (table.size >= MAX_HANDLES) throw new RangeError(`${what}: table full`);
    return this.#next++;
  }

  addFlow(p: FlowParams): number {
    const handle = this.#handle(this.#flows, "flow");
    this.#flows.set(handle, { p: checkFlow(p), saOut: 0, sas: 0, calls: 0, news: false, moved: null });
    return handle;
  }
  setFlow(flow: number, p: FlowParams): void {
    const f = must(this.#flows, flow, "flow");
    if (f.sas > 0 && p.encap === "clear") throw new RangeError("flow: a flow with SAs cannot turn clear");
    f.p = checkFlow(p);
    f.news = false;
    f.moved = null;
  }
  removeFlow(flow: number): void {
    const f = must(this.#flows, flow, "flow");
    if (f.sas > 0 || f.calls > 0) throw new RangeError("flow: still has SAs or calls");
    this.#flows.delete(flow);
  }

  addSaIn(p: SaParams): number {
    return this.#addSa(p, true);
  }
  addSaOut(p: SaParams): number {
    return this.#addSa(p, false);
  }
  #addSa(p: SaParams, inbound: boolean): number {
    const f = must(this.#flows, p.flow, "flow");
    if (f.p.encap === "clear") throw new RangeError("flow: in the clear, takes no SA");
    whole(p.spi, 0xffffffff, "spi");
    if (p.spi === 0) throw new RangeError("spi: 0 is reserved");
    if (inbound && this.#spis.has(p.spi)) throw new RangeError("spi: in use");
    const esp = espSa(p.spi, p.cipher as EspCipher, p.integ as EspInteg, p.encr, p.integKey);
    const window = new ReplayWindow(p.window === 0 ? 1024 : p.window);
    const handle = this.#handle(this.#sas, "sa");
    this.#sas.set(handle, { p, inbound, esp, window, seq: 0, packets: 0, bytes: 0 });
    if (inbound) this.#spis.set(p.spi, handle);
    f.sas++;
    return handle;
  }
  setFlowSa(flow: number, saOut: number): void {
    const f = must(this.#flows, flow, "flow");
    if (saOut !== 0) {
      const sa = must(this.#sas, saOut, "sa");
      if (sa.inbound || sa.p.flow !== flow) throw new RangeError("sa: not an outbound one of this flow");
    }
    f.saOut = saOut;
  }
  removeSa(sa: number): void {
    const s = must(this.#sas, sa, "sa");
    const f = must(this.#flows, s.p.flow, "flow");
    f.sas--;
    if (f.saOut === sa) f.saOut = 0;
    if (s.inbound) this.#spis.delete(s.p.spi);
    wipeSa(s.esp);
    this.#sas.delete(sa);
  }
  saCounters(sa: number): { packets: number; bytes: number; seq: number } {
    const s = must(this.#sas, sa, "sa");
    return { packets: s.packets, bytes: s.bytes, seq: s.inbound ? s.window.top : s.seq };
  }

  addCall(p: CallParams): number {
    this.#checkCall(p, 0);
    const handle = this.#handle(this.#calls, "call");
    this.#calls.set(handle, {
      p: { ...p, pppHeader: p.pppHeader.slice() },
      routes: 0,
      ns: 0,
      n: [0, 0, 0, 0],
      echoes: 0,
      echoAt: 0,
    });
    this.#ids.set(p.localTunnel * 65536 + p.localCall, handle);
    must(this.#flows, p.flow, "flow").calls++;
    return handle;
  }
  setCall(call: number, p: CallParams): void {
    const c = must(this.#calls, call, "call");
    this.#checkCall(p, call);
    this.#ids.delete(c.p.localTunnel * 65536 + c.p.localCall);
    this.#ids.set(p.localTunnel * 65536 + p.localCall, call);
    must(this.#flows, c.p.flow, "flow").calls--;
    must(this.#flows, p.flow, "flow").calls++;
    c.p = { ...p, pppHeader: p.pppHeader.slice() };
  }
  #checkCall(p: CallParams, self: number): void {
    must(this.#flows, p.flow, "flow");
    for (const id of [p.localTunnel, p.localCall, p.peerTunnel, p.peerCall, p.innerLocalPort, p.innerRemotePort])
      whole(id, 65535, "call: ids and ports");
    whole(p.dev, 0xffffffff, "dev");
    whole(p.clampMss, 0xffffffff, "clampMss");
    whole(p.echoMagic, 0xffffffff, "echoMagic");
    whole(p.echoLongest, 65535, "echoLongest");
    if (p.pppHeader.length > 4) throw new RangeError("pppHeader: at most 4 bytes");
    if (p.localTunnel === 0 || p.localCall === 0) throw new RangeError("call: tunnel and call ids are not 0");
    const other = this.#ids.get(p.localTunnel * 65536 + p.localCall);
    if (other !== undefined && other !== self) throw new RangeError("call: tunnel and call id in use");
  }
  removeCall(call: number): void {
    const c = must(this.#calls, call, "call");
    if (c.routes > 0) throw new RangeError("call: still has routes");
    must(this.#flows, c.p.flow, "flow").calls--;
    this.#ids.delete(c.p.localTunnel * 65536 + c.p.localCall);
    this.#calls.delete(call);
  }
  callCounters(call: number): readonly [number, number, number, number] {
    return [...must(this.#calls, call, "call").n];
  }

  callEchoes(call: number): { answered: number; agoMs: number } {
    const c = must(this.#calls, call, "call");
    return { answered: c.echoes, agoMs: c.echoes > 0 ? this.#now() - c.echoAt : 0 };
  }
  setCallRate(call: number): void {
    must(this.#calls, call, "call");
  }
  addRoute(dev: number, prefix: Uint8Array, length: number, call: number): void {
    const c = must(this.#calls, call, "call");
    const p = checkPrefix(prefix, length);
    const table = this.#routes.get(dev) ?? new PrefixTable<number>();
    this.#routes.set(dev, table);
    if (!table.add(p, call)) throw new RangeError("route: there already");
    c.routes++;
  }
  removeRoute(dev: number, prefix: Uint8Array, length: number): void {
    const p = checkPrefix(prefix, length);
    const call = this.#routes.get(dev)?.get(p);
    if (call === undefined) throw new RangeError("route: not there");
    must(this.#calls, call, "call").routes--;
    this.#routes.get(dev)?.delete(p);
  }
  #lookup(dev: number, ip: Uint8Array): number {
    return this.#routes.get(dev)?.lookup(ip) ?? 0;
  }

  #drop(s: Slot, why: Drop): number {
    this.#drops.set(why, (this.#drops.get(why) ?? 0) + 1);
    s.ring.meta[s.i * META + 1] = 0;
    s.ring.meta[s.i * META + 2] = Kind.none;
    return 0;
  }
  /** Slots with a packet in them, as the library sees them; each is handed to `work`. */
  #each(ring: Ring, n: number, work: (s: Slot) => number): number {
    if (this.#closed) throw new RangeError("fast path: closed");
    whole(n, ring.slots, "ring");
    const slots = slotsOf(ring, n, (cut) => this.#drop(cut, "rx.truncated"));
    let sum = 0;
    for (const s of slots) sum += work(s);
    return sum;
  }

  tx(dev: number, ring: Ring, n: number): number {
    return this.#each(ring, n, (s) => {
      const six = ipVersion(s.body, 0) === 6;
      const length = ipLength(s.body);
      if (length === 0) return this.#drop(s, "ip.bad");
      s.body = s.body.subarray(0, length);
      const handle = this.#lookup(dev, ipDestination(s.body));
      const c = this.#calls.get(handle);
      if (!c) return this.#drop(s, "ip.no-session");
      if (six ? !c.p.ip6 : !c.p.ip) return this.#drop(s, "ip.not-open");
      if (c.p.clampMss > 0) clampMss(s.body, 0, length, c.p.clampMss);
      if (c.p.allUp || (c.p.passes > 0 && length > c.p.passes))
        return this.#place(s, s.body.byteOffset - s.ring.mem.byteOffset - s.i * SLOT, s.body, Kind.upIp, handle, 0);
      const header =
        six && c.p.pppHeader.length > 0 ? Uint8Array.of(...c.p.pppHeader.subarray(0, -1), PPP_IPV6) : c.p.pppHeader;
      if (this.#txCall(s, c, header) === 0) return 0;
      c.n[2]++;
      c.n[3] += length;
      return 1;
    });
  }
  txFrames(call: number, ring: Ring, n: number): number {
    const c = must(this.#calls, call, "call");
    return this.#each(ring, n, (s) => this.#txCall(s, c, new Uint8Array(0)));
  }
  txControl(flow: number, localPort: number, remotePort: number, ring: Ring, n: number): number {
    const f = must(this.#flows, flow, "flow");
    whole(localPort, 65535, "localPort");
    whole(remotePort, 65535, "remotePort");
    return this.#each(ring, n, (s) => this.#leave(s, f, new Uint8Array(0), localPort, remotePort));
  }
  #txCall(s: Slot, c: Call, ppp: Uint8Array): number {
    const { p } = c;
    if (p.peerCall === 0 || p.peerTunnel === 0) return this.#drop(s, "tx.no-peer");
    const ns = p.sequencing ? c.ns : NO_NS;
    const head = new Uint8Array(dataLength(ns) + ppp.length);
    writeData(head, 0, p.peerTunnel, p.peerCall, ns);
    head.set(ppp, dataLength(ns));
    if (this.#leave(s, must(this.#flows, p.flow, "flow"), head, p.innerLocalPort, p.innerRemotePort) === 0) return 0;
    if (p.sequencing) c.ns = (c.ns + 1) & 0xffff;
    return 1;
  }
  /** Puts `head` in front, then UDP and ESP around it; addresses the slot. */
  #leave(s: Slot, f: Flow, head: Uint8Array, localPort: number, remotePort: number): number {
    const { p } = f;
    s.addr.fill(0);
    s.addr[0] = p.remote.length === 4 ? 4 : 6;
    s.addr.set(p.remote, 4);
    s.addr.set(p.local, 20);
    if (p.encap !== "esp") {
      put16(s.addr, 2, p.remotePort);
      put16(s.addr, 40, p.localPort);
    }
    const at = s.body.byteOffset - s.ring.mem.byteOffset - s.i * SLOT;
    const udp = p.encap === "clear" ? 0 : UDP_HEADER;
    const out = new Uint8Array(udp + head.length + s.body.length);
    out.set(head, udp);
    out.set(s.body, udp + head.length);
    if (udp + head.length > at) return this.#drop(s, "ip.too-big");
    if (p.encap === "clear") return this.#place(s, at - head.length, out, Kind.udp1701, 0, 1);
    const sa = this.#sas.get(f.saOut);
    if (!sa) return this.#drop(s, "tx.no-sa");
    if (spent(sa)) return this.#drop(s, "esp.limit");
    if (sa.seq === 0xffffffff) return this.#drop(s, "esp.seq-exhausted");
    writeUdp(out, 0, localPort, remotePort, out.length);
    if (p.remote.length === 16) put16(out, 6, udp6Checksum(p.local, p.remote, out));
    const sealed = sealEsp(this.#crypto, sa.esp, sa.seq + 1, UDP, out);
    const start = at - head.length - udp - 8 - sa.esp.cipher.iv;
    if (start < 0 || start + sealed.length > SLOT) return this.#drop(s, "ip.too-big");
    sa.seq++;
    sa.packets++;
    sa.bytes += out.length;
    return this.#place(s, start, sealed, p.encap === "udp" ? Kind.udp4500 : Kind.raw50, 0, 1);
  }
  #place(s: Slot, at: number, body: Uint8Array, kind: number, ref: number, result: number): number {
    s.ring.mem.set(body, s.i * SLOT + at);
    s.ring.meta.set([s.i * SLOT + at, body.length, kind, ref], s.i * META);
    return result;
  }

  setExit(kind: number, ref: number, fd: number | null): void {
    this.#exits.set(kind, ref, fd);
  }
  exit(kind: number, ref: number): number | null {
    return this.#exits.get(kind, ref);
  }

  rx(origin: Origin, ring: Ring, n: number): number {
    return this.#each(ring, n, (s) => {
      if (origin === "udp1701") {
        s.sport = get16(s.addr, 2);
        s.dport = get16(s.addr, 40);
        return this.#rxL2tp(s);
      }
      if (origin === "udp4500" && s.body.length === 1 && s.body[0] === 0xff) return this.#drop(s, "nat.keepalive");
      if (origin === "udp4500" && s.body.length > 4 && get32(s.body, 0) === 0)
        return this.#deliver(s, s.body.subarray(4), Kind.upIke, 0);
      return this.#rxEsp(s, origin);
    });
  }
  #deliver(s: Slot, body: Uint8Array, kind: number, ref: number): number {
    return this.#place(s, HEAD, body.slice(), kind, ref, kind === Kind.tun ? 0 : 1);
  }
  #rxEsp(s: Slot, origin: Origin): number {
    if (s.body.length < 8) return this.#drop(s, "esp.short");
    const handle = this.#spis.get(get32(s.body, 0));
    const sa = handle === undefined ? undefined : this.#sas.get(handle);
    if (!sa) {
      // 0 is no SPI (RFC 4303 §2.1)
      if (get32(s.body, 0) !== 0) this.#unknown = { spi: get32(s.body, 0), from: s.addr.slice() };
      return this.#drop(s, "esp.unknown-spi");
    }
    const f = must(this.#flows, sa.p.flow, "flow");
    const fits = origin === "raw50" ? f.p.encap === "esp" && comesFrom(f.p, s.addr) : f.p.encap === "udp";
    if (!fits) return this.#drop(s, "esp.outer-mismatch");
    if (spent(sa)) return this.#drop(s, "esp.limit");
    const seq = get32(s.body, 4);
    if (!sa.window.fresh(seq)) return this.#drop(s, "esp.replay");
    const opened = openEsp(this.#crypto, sa.esp, s.body);
    if ("drop" in opened) {
      if (opened.drop === "esp.padding") sa.window.mark(seq);
      return this.#drop(s, opened.drop);
    }
    const newest = seq > sa.window.top;
    sa.window.mark(seq);
    sa.packets++;
    sa.bytes += opened.payload.length;
    if (newest && origin === "udp4500") this.#noteMapping(f, s.addr);
    if (opened.next !== UDP) return this.#drop(s, "esp.next-header");
    const udp = readUdp(opened.payload, 0, opened.payload.length);
    if (!udp) return this.#drop(s, "udp.short");
    s.flow = sa.p.flow;
    s.sport = udp.sourcePort;
    s.dport = udp.destinationPort;
    s.body = opened.payload.subarray(UDP_HEADER, udp.end);
    return this.#rxL2tp(s);
  }
  #noteMapping(f: Flow, addr: Uint8Array): void {
    if (comesFrom(f.p, addr) && get16(addr, 2) === f.p.remotePort) {
      f.news = false;
      f.moved = null;
    } else if (!f.moved || f.moved[0] !== addr[0] || !sameBytes(f.moved.subarray(2, 20), addr.subarray(2, 20))) {
      f.news = true;
      f.moved = addr.slice();
    }
  }
  #rxL2tp(s: Slot): number {
    if (s.body.length < 2 || (get16(s.body, 0) & 0xf) !== 2) return this.#drop(s, "l2tp.bad-header");
    if (isControl(s.body, 0, s.body.length)) {
      put16(s.addr, 2, s.sport);
      put16(s.addr, 40, s.dport);
      return this.#deliver(s, s.body, Kind.upL2tp, s.flow);
    }
    const m = readData(s.body, 0, s.body.length);
    if (!m) return this.#drop(s, "l2tp.bad-header");
    const handle = this.#ids.get(m.tunnel * 65536 + m.call);
    const c = handle === undefined ? undefined : this.#calls.get(handle);
    if (!c || handle === undefined) return this.#drop(s, "l2tp.unknown-call");
    const f = must(this.#flows, c.p.flow, "flow").p;
    const clearFits = f.encap === "clear" && comesFrom(f, s.addr) && f.remotePort === s.sport;
    if (s.flow !== 0 ? c.p.flow !== s.flow : !clearFits) return this.#drop(s, "l2tp.wrong-flow");
    if (s.dport !== c.p.innerLocalPort) return this.#drop(s, "udp.port");
    if (m.ns !== NO_NS || c.p.allUp) return this.#deliver(s, s.body.subarray(0, m.end), Kind.upData, handle);
    const frame = s.body.subarray(m.start, m.end);
    const ppp = readPpp(frame, 0, frame.length);
    if (!ppp) return this.#drop(s, "ppp.short");
    if (ppp.protocol === PPP_LCP) {
      const answer = echoReply(c.p, frame.subarray(ppp.info));
      if (answer) return this.#answer(s, c, answer);
    }
    const open = ppp.protocol === PPP_IPV4 || (ppp.protocol === PPP_IPV6 && c.p.ip6);
    if (!open) return this.#deliver(s, frame, Kind.upFrame, handle);
    const asks = ppp.protocol === PPP_IPV6 && c.p.checkSource && asksRouter(frame, ppp.info);
    if (asks) return this.#deliver(s, frame, Kind.upFrame, handle);
    return this.#rxIp(s, c, handle, ppp.protocol, frame.subarray(ppp.info));
  }
  /** Where it lay; nothing is left to do for the control plane. */
  #answer(s: Slot, c: Call, frame: Uint8Array): number {
    c.echoes++;
    c.echoAt = this.#now();
    this.#place(s, HEAD, frame, Kind.none, 0, 0);
    s.body = s.ring.mem.subarray(s.i * SLOT + HEAD, s.i * SLOT + HEAD + frame.length);
    this.#txCall(s, c, new Uint8Array(0));
    return 0;
  }
  #rxIp(s: Slot, c: Call, handle: number, protocol: number, body: Uint8Array): number {
    if (protocol === PPP_IPV4 && !c.p.ip) return this.#drop(s, "ip.not-open");
    const length = protocol === PPP_IPV6 ? ip6Length(body) : ip4Length(body);
    if (length === 0) return this.#drop(s, "ip.bad");
    const ip = body.subarray(0, length);
    if (c.p.checkSource && this.#lookup(c.p.dev, ipSource(ip)) !== handle) return this.#drop(s, "ip.spoofed");
    if (c.p.clampMss > 0) clampMss(ip, 0, length, c.p.clampMss);
    c.n[0]++;
    c.n[1] += length;
    return this.#deliver(s, ip, Kind.tun, c.p.dev);
  }

  mapping(flow: number, into: Uint8Array): boolean {
    const f = must(this.#flows, flow, "flow");
    if (into.length !== ADDR) throw new RangeError("into: must be ADDR bytes");
    if (!f.news || !f.moved) return false;
    into.set(f.moved);
    f.news = false;
    return true;
  }
  nextMapping(): number {
    for (const [handle, f] of this.#flows) if (f.news) return handle;
    return 0;
  }
  nextUnknownSpi(into: Uint8Array): number {
    if (into.length !== ADDR) throw new RangeError("into: must be ADDR bytes");
    const u = this.#unknown;
    this.#unknown = null;
    if (u) into.set(u.from);
    return u ? u.spi : 0;
  }
  drops(): readonly number[] {
    return DROPS.map((d) => this.#drops.get(d) ?? 0);
  }
  close(): void {
    for (const s of this.#sas.values()) wipeSa(s.esp);
    this.#sas.clear();
    this.#closed = true;
  }
}
