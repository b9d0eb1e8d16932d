// Two fast paths that talk to each other: what one sends, the other reads as if from the wire.

import type { CallParams, FastPath, FlowParams, Ring, SaParams } from "node-tuntap2";
import { ADDR, HEAD, KIND, LEN, META, OFF, REF, SLOT } from "node-tuntap2";

export const TRANSFORMS: readonly (readonly [cipher: string, integ: string, key: number, mac: number])[] = [
  ...(["aes128", "aes192", "aes256", "camellia192", "3des", "null"] as const).flatMap((c) =>
    (
      [
        ["md5", 16],
        ["sha1", 20],
        ["sha256", 32],
        ["sha384", 48],
        ["sha512", 64],
        ["sha256_96", 32],
      ] as const
    ).map(
      ([i, mac]) =>
        [c, i, { aes128: 16, aes192: 24, aes256: 32, camellia192: 24, "3des": 24, null: 0 }[c], mac] as const,
    ),
  ),
  ["aes128gcm16", "none", 20, 0],
  ["aes192gcm16", "none", 28, 0],
  ["aes256gcm16", "none", 36, 0],
  ["aes128gcm12", "none", 20, 0],
  ["aes256gcm8", "none", 36, 0],
  ["chacha20poly1305", "none", 36, 0],
];

export function pattern(n: number, seed = 1): Uint8Array {
  const out = new Uint8Array(n);
  for (let i = 0; i < n; i++) out[i] = (i * 31 + seed * 17 + (i >> 3)) & 0xff;
  return out;
}

export const A4 = Uint8Array.of(192, 0, 2, 1);
export const B4 = Uint8Array.of(198, 51, 100, 2);
export const A6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
export const B6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);

export interface Options {
  readonly cipher?: string;
  readonly integ?: string;
  readonly key?: number;
  readonly mac?: number;
  readonly encap?: FlowParams["encap"];
  readonly v6?: boolean;
  readonly sa?: Partial<SaParams>;
  readonly call?: Partial<CallParams>;
}
export interface End {
  readonly fp: FastPath;
  readonly flow: number;
  readonly call: number;
  readonly saIn: number;
  readonly saOut: number;
  readonly flowParams: FlowParams;
  readonly callParams: CallParams;
}

/**
 * `left` reaches `right` and back: SPI 0x1000 towards the right, 0x2000 towards the left; tunnel/call 7/8 left, 70/80
 * right.
 */
export function end(fp: FastPath, left: boolean, o: Options = {}): End {
  const [l, r] = o.v6 === true ? [A6, B6] : [A4, B4];
  const encap = o.encap ?? "udp";
  const port = { clear: 1701, udp: 4500, esp: 0 }[encap];
  const flowParams: FlowParams = {
    local: left ? l : r,
    remote: left ? r : l,
    localPort: port,
    remotePort: port,
    encap,
  };
  const flow = fp.addFlow(flowParams);
  let saIn = 0;
  let saOut = 0;
  if (encap !== "clear") {
    const sa = (spi: number): SaParams => ({
      spi,
      cipher: o.cipher ?? "aes128gcm16",
      integ: o.integ ?? "none",
      encr: pattern(o.key ?? 20, spi),
      integKey: pattern(o.mac ?? 0, spi + 1),
      flow,
      hardBytes: 0,
      hardPackets: 0,
      window: 0,
      ...o.sa,
    });
    saIn = fp.addSaIn(sa(left ? 0x2000 : 0x1000));
    saOut = fp.addSaOut(sa(left ? 0x1000 : 0x2000));
    fp.setFlowSa(flow, saOut);
  }
  const callParams: CallParams = {
    flow,
    dev: 1,
    localTunnel: left ? 7 : 70,
    localCall: left ? 8 : 80,
    peerTunnel: left ? 70 : 7,
    peerCall: left ? 80 : 8,
    innerLocalPort: 1701,
    innerRemotePort: 1701,
    pppHeader: Uint8Array.of(0xff, 3, 0, 0x21),
    ip: true,
    ip6: false,
    sequencing: false,
    allUp: false,
    passes: 0,
    clampMss: 0,
    checkSource: false,
    echoMagic: 0,
    echoLongest: 0,
    ...o.call,
  };
  const call = fp.addCall(callParams);
  fp.addRoute(1, new Uint8Array(4), 0, call);
  fp.addRoute(1, new Uint8Array(16), 0, call);
  return { fp, flow, call, saIn, saOut, flowParams, callParams };
}

/** Puts `body` where a packet that was read begins. */
export function put(ring: Ring, i: number, body: Uint8Array, at = HEAD): void {
  ring.mem.set(body, i * SLOT + at);
  ring.meta.set([i * SLOT + at, body.length, 0, 0], i * META);
}
export function get(ring: Ring, i: number): { body: Uint8Array; kind: number; ref: number } {
  const off = ring.meta[i * META + OFF] as number;
  return {
    body: ring.mem.slice(off, off + (ring.meta[i * META + LEN] as number)),
    kind: ring.meta[i * META + KIND] as number,
    ref: ring.meta[i * META + REF] as number,
  };
}
/** The addr entry of a datagram as its receiver reads it. */
export function turn(addr: Uint8Array): Uint8Array {
  const out = new Uint8Array(ADDR);
  out[0] = addr[0] as number;
  out.set(addr.subarray(40, 42), 2);
  out.set(addr.subarray(2, 4), 40);
  out.set(addr.subarray(20, 36), 4);
  out.set(addr.subarray(4, 20), 20);
  return out;
}
/** Moves slot i of what was sent into slot i of what is read, over the wire. */
export function wire(from: Ring, to: Ring, n: number): void {
  for (let i = 0; i < n; i++) {
    put(to, i, get(from, i).body);
    to.addr.set(turn(from.addr.subarray(i * ADDR, (i + 1) * ADDR)), i * ADDR);
  }
}

export function ip6(src: readonly number[], dst: readonly number[], payload: Uint8Array, next = 17): Uint8Array {
  const out = new Uint8Array(40 + payload.length);
  out.set([0x60, 0, 0, 0, payload.length >> 8, payload.length & 255, next, 64, ...src, ...dst]);
  out.set(payload, 40);
  return out;
}
export function ip4(src: readonly number[], dst: readonly number[], payload: Uint8Array, protocol = 17): Uint8Array {
  const out = new Uint8Array(20 + payload.length);
  out.set([0x45, 0, out.length >> 8, out.length & 255, 0, 1, 0, 0, 64, protocol, 0, 0, ...src, ...dst]);
  out.set(payload, 20);
  return out;
}
