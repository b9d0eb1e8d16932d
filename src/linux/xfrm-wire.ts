// XFRM's netlink messages: SAs, policies, and what the kernel tells of them (linux/xfrm.h). Transport mode and ESP
// alone, as L2TP wants it (RFC 3193).
import { formatIp, isIp6, parseIp } from "../core/addr.ts";
import { get16 as be16, get32 as be32 } from "../core/bytes.ts";
import { utf8 } from "../core/text.ts";
import { decodeAttrs, get16, get32, get64, type NlMessage, NlWriter } from "./netlink.ts";
import { AF_INET, AF_INET6, XFRM } from "./uapi.ts";

const ESP = 50;
const UDP = 17;
const ALG_NAME = 64;
const SELECTOR = 56; // bytes of struct xfrm_selector
const SA_INFO = 217; // of struct xfrm_usersa_info up to `flags`; padding follows
const POLICY_INFO = 164; // of struct xfrm_userpolicy_info up to `share`
const SA_ID = 24;
const MAPPING = 64;
const REPLAY_BITMAP = 32; // bits a word

export type PolicyDirection = "in" | "out";

/** How packets of an SA are encrypted, in the kernel's names. Either `aead`, or `crypt` and `auth`. */
export interface XfrmTransform {
  readonly aead?: { readonly name: string; readonly key: Uint8Array; readonly icvBits: number };
  readonly crypt?: { readonly name: string; readonly key: Uint8Array };
  readonly auth?: { readonly name: string; readonly key: Uint8Array; readonly icvBits: number };
}
export interface XfrmSa {
  readonly source: string;
  readonly destination: string;
  readonly spi: number;
  readonly reqid: number;
  readonly transform: XfrmTransform;
  /** ESP in UDP (RFC 3948); null: protocol 50. */
  readonly encap: { readonly sourcePort: number; readonly destinationPort: number } | null;
  /** Inner UDP ports that may pass, 0 any. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Anti-replay window in packets, without extended sequence numbers; 0: an outbound SA. */
  readonly window: number;
  /** What packets that were opened are marked with; null: nothing. */
  readonly mark: { readonly value: number; readonly mask: number } | null;
  /** 0: none. */
  readonly hardBytes: number;
  readonly hardPackets: number;
}
/** An SA as the kernel tells of it. */
export interface FoundSa {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly spi: number;
  readonly reqid: number;
  readonly bytes: number;
  readonly packets: number;
  readonly replays: number;
  readonly integrityFailures: number;
}
export interface FoundPolicy {
  readonly family: number;
  readonly direction: number;
  readonly action: number;
  readonly priority: number;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly index: number;
}
/** What the kernel tells unasked. */
export type XfrmEvent =
  /** hard: the SA is gone. */
  | { readonly kind: "expired"; readonly sa: FoundSa; readonly hard: boolean }
  /** Removed: by an administrator, another daemon, or us. */
  | { readonly kind: "deleted"; readonly destination: string; readonly spi: number }
  /** All SAs of the machine went at once. */
  | { readonly kind: "flushed" }
  /** A policy was removed, or all of them. */
  | { readonly kind: "policies" }
  /** A valid packet of the SA came from elsewhere (RFC 3948 §4). */
  | {
      readonly kind: "mapping";
      readonly reqid: number;
      readonly spi: number;
      readonly address: string;
      readonly port: number;
    }
  /** More happened than the socket could hold. */
  | { readonly kind: "lost" };

/** What differs between architectures: how far structures with 64-bit members are padded. */
export function alignment(constants: Readonly<Record<string, number>>): number {
  return (constants["SIZEOF_XFRM_USERSA_INFO"] ?? 0) % 8 === 0 ? 8 : 4;
}
function familyOf(address: string): number {
  return isIp6(address) ? AF_INET6 : AF_INET;
}
/** xfrm_address_t: 16 bytes for either family. */
function address(w: NlWriter, a: string): void {
  const b = parseIp(a);
  if (!b) throw new RangeError(`not an address: ${a}`);
  const whole = new Uint8Array(16);
  whole.set(b);
  w.raw(whole);
}
function addressAt(b: Uint8Array, at: number, family: number): string {
  return formatIp(b.subarray(at, at + (family === AF_INET6 ? 16 : 4)));
}
/** Numbers that are big endian on every machine. */
function net16(w: NlWriter, v: number): void {
  w.u8(v >>> 8).u8(v & 0xff);
}
function net32(w: NlWriter, v: number): void {
  net16(w, v >>> 16);
  net16(w, v & 0xffff);
}
/** struct xfrm_selector of UDP between any addresses; a port 0 is any. */
function selector(w: NlWriter, family: number, sourcePort: number, destinationPort: number): void {
  w.raw(new Uint8Array(32));
  net16(w, destinationPort);
  net16(w, destinationPort === 0 ? 0 : 0xffff);
  net16(w, sourcePort);
  net16(w, sourcePort === 0 ? 0 : 0xffff);
  w.u16(family).u8(0).u8(0).u8(UDP);
  w.align(4).u32(0).u32(0);
}
/** struct xfrm_lifetime_cfg. */
function lifetime(w: NlWriter, hardBytes: number, hardPackets: number): void {
  const limit = (n: number): number => (n === 0 ? Number.POSITIVE_INFINITY : n);
  w.u64(Number.POSITIVE_INFINITY).u64(limit(hardBytes));
  w.u64(Number.POSITIVE_INFINITY).u64(limit(hardPackets));
  for (let i = 0; i < 4; i++) w.u64(0);
}
function algorithm(name: string, key: Uint8Array, icvBits: number | null): Uint8Array {
  const w = new NlWriter();
  const padded = new Uint8Array(ALG_NAME);
  padded.set(utf8(name));
  w.raw(padded).u32(key.length * 8);
  if (icvBits !== null) w.u32(icvBits);
  return new Uint8Array([...w.done(), ...key]);
}

/** struct xfrm_usersa_info and attributes, for XFRM_MSG_NEWSA. `align`: see alignment(). */
export function encodeSa(sa: XfrmSa, align: number): Uint8Array {
  const family = familyOf(sa.destination);
  const w = new NlWriter();
  selector(w, family, sa.sourcePort, sa.destinationPort);
  address(w, sa.destination);
  net32(w, sa.spi);
  w.u8(ESP).align(4);
  address(w, sa.source);
  lifetime(w, sa.hardBytes, sa.hardPackets);
  w.raw(new Uint8Array(32 + 12)); // what the kernel counts
  w.u32(0).u32(sa.reqid).u16(family).u8(XFRM.XFRM_MODE_TRANSPORT).u8(0).u8(0).align(align);
  const { aead, crypt, auth } = sa.transform;
  if (aead) w.attr(XFRM.XFRMA_ALG_AEAD, algorithm(aead.name, aead.key, aead.icvBits));
  if (crypt) w.attr(XFRM.XFRMA_ALG_CRYPT, algorithm(crypt.name, crypt.key, null));
  if (auth) w.attr(XFRM.XFRMA_ALG_AUTH_TRUNC, algorithm(auth.name, auth.key, auth.icvBits));
  if (sa.encap) w.attr(XFRM.XFRMA_ENCAP, encapTemplate(sa.encap));
  if (sa.window > 0) {
    // struct xfrm_replay_state_esn: its bitmap may be longer than that of xfrm_usersa_info's window, which ends at 32
    const words = Math.ceil(sa.window / REPLAY_BITMAP);
    const r = new NlWriter().u32(words).u32(0).u32(0).u32(0).u32(0).u32(sa.window);
    w.attr(XFRM.XFRMA_REPLAY_ESN_VAL, r.raw(new Uint8Array(4 * words)).done());
  }
  if (sa.mark) w.attr32(XFRM.XFRMA_SET_MARK, sa.mark.value).attr32(XFRM.XFRMA_SET_MARK_MASK, sa.mark.mask);
  return w.done();
}
export interface XfrmEnds {
  readonly source: string;
  readonly destination: string;
  readonly encap: XfrmSa["encap"];
}
/**
 * What XFRM_MSG_GETSA answered, as the same SA between other addresses: keys, sequence numbers, window and what it has
 * counted stay. Null for what is no SA.
 */
export function movedSa(body: Uint8Array, to: XfrmEnds, align: number): Uint8Array | null {
  const info = Math.ceil(SA_INFO / align) * align;
  if (body.length < info) return null;
  const w = new NlWriter();
  w.raw(body.subarray(0, SELECTOR));
  address(w, to.destination);
  w.raw(body.subarray(72, 80));
  address(w, to.source);
  w.raw(body.subarray(96, info));
  for (const [type, value] of decodeAttrs(body, info)) if (KEPT.has(type)) w.attr(type, value);
  if (to.encap) w.attr(XFRM.XFRMA_ENCAP, encapTemplate(to.encap));
  w.attr(XFRM.XFRMA_LTIME_VAL, body.subarray(160, 192));
  return w.done();
}
/** Of an SA that moves. Others are what the kernel tells of itself, or not ours. */
const KEPT = new Set<number>([
  XFRM.XFRMA_ALG_AEAD,
  XFRM.XFRMA_ALG_CRYPT,
  XFRM.XFRMA_ALG_AUTH_TRUNC,
  XFRM.XFRMA_REPLAY_VAL,
  XFRM.XFRMA_REPLAY_ESN_VAL,
  XFRM.XFRMA_SET_MARK,
  XFRM.XFRMA_SET_MARK_MASK,
]);
function encapTemplate(e: NonNullable<XfrmSa["encap"]>): Uint8Array {
  const w = new NlWriter().u16(XFRM.UDP_ENCAP_ESPINUDP);
  net16(w, e.sourcePort);
  net16(w, e.destinationPort);
  return w.u16(0).raw(new Uint8Array(16)).done();
}
/** struct xfrm_usersa_id, for XFRM_MSG_DELSA and XFRM_MSG_GETSA. */
export function encodeSaId(destination: string, spi: number): Uint8Array {
  const w = new NlWriter();
  address(w, destination);
  net32(w, spi);
  return w.u16(familyOf(destination)).u8(ESP).align(4).done();
}
/** Null when it is not a struct xfrm_usersa_info. */
export function decodeSa(b: Uint8Array, at = 0): FoundSa | null {
  if (b.length < at + SA_INFO) return null;
  const family = get16(b, at + 212);
  return {
    destination: addressAt(b, at + SELECTOR, family),
    spi: be32(b, at + 72),
    protocol: b[at + 76] as number,
    source: addressAt(b, at + 80, family),
    bytes: get64(b, at + 160),
    packets: get64(b, at + 168),
    replays: get32(b, at + 196),
    integrityFailures: get32(b, at + 200),
    reqid: get32(b, at + 208),
  };
}

/** struct xfrm_userpolicy_info, without what follows it. */
function policy(
  w: NlWriter,
  p: {
    readonly family: number;
    readonly direction: PolicyDirection;
    readonly action: number;
    readonly priority: number;
    readonly sourcePort: number;
    readonly destinationPort: number;
  },
  align: number,
): void {
  selector(w, p.family, p.sourcePort, p.destinationPort);
  lifetime(w, 0, 0);
  w.raw(new Uint8Array(32)).u32(p.priority).u32(0);
  w.u8(p.direction === "in" ? XFRM.XFRM_POLICY_IN : XFRM.XFRM_POLICY_OUT)
    .u8(p.action)
    .u8(0)
    .u8(0)
    .align(align);
}
/** What refuses UDP packets from (out) or to (in) `port` of ours, for XFRM_MSG_NEWPOLICY. */
export function encodeBlock(
  family: number,
  direction: PolicyDirection,
  port: number,
  priority: number,
  align: number,
): Uint8Array {
  const w = new NlWriter();
  const [sourcePort, destinationPort] = direction === "in" ? [0, port] : [port, 0];
  policy(w, { family, direction, action: XFRM.XFRM_POLICY_BLOCK, priority, sourcePort, destinationPort }, align);
  return w.done();
}
/** struct xfrm_userpolicy_id of that block, for XFRM_MSG_DELPOLICY. */
export function encodeBlockId(family: number, direction: PolicyDirection, port: number): Uint8Array {
  const w = new NlWriter();
  selector(w, family, direction === "in" ? 0 : port, direction === "in" ? port : 0);
  return w
    .u32(0)
    .u8(direction === "in" ? XFRM.XFRM_POLICY_IN : XFRM.XFRM_POLICY_OUT)
    .align(4)
    .done();
}
/**
 * The value of the socket option IP_XFRM_POLICY or IPV6_XFRM_POLICY: packets of this socket go through an SA with
 * `reqid` (0: any), or, with null, as they are. It goes before every policy of the machine.
 */
export function encodeSocketPolicy(
  family: number,
  direction: PolicyDirection,
  reqid: number | null,
  align: number,
): Uint8Array {
  const w = new NlWriter();
  const any = { family, direction, action: XFRM.XFRM_POLICY_ALLOW, priority: 0, sourcePort: 0, destinationPort: 0 };
  policy(w, any, align);
  if (reqid === null) return w.done();
  // struct xfrm_user_tmpl; in transport mode the addresses are the packet's
  w.raw(new Uint8Array(16)).u32(0).u8(ESP).align(4).u16(family).u16(0).raw(new Uint8Array(16)).u32(reqid);
  w.u8(XFRM.XFRM_MODE_TRANSPORT).u8(0).u8(0).align(4).u32(0xffff_ffff).u32(0xffff_ffff).u32(0xffff_ffff);
  return w.done();
}
/** Null when it is not a struct xfrm_userpolicy_info. */
export function decodePolicy(b: Uint8Array): FoundPolicy | null {
  if (b.length < POLICY_INFO) return null;
  return {
    destinationPort: be16(b, 32),
    sourcePort: be16(b, 36),
    family: get16(b, 40),
    protocol: b[44] as number,
    priority: get32(b, 152),
    index: get32(b, 156),
    direction: b[160] as number,
    action: b[161] as number,
  };
}

/** Null: an unknown message. */
export function decodeXfrmEvent(m: NlMessage, align: number): XfrmEvent | null {
  const b = m.body;
  switch (m.type) {
    case XFRM.XFRM_MSG_EXPIRE: {
      const sa = decodeSa(b);
      const hard = b[Math.ceil(SA_INFO / align) * align];
      return sa && hard !== undefined ? { kind: "expired", sa, hard: hard !== 0 } : null;
    }
    case XFRM.XFRM_MSG_DELSA: {
      if (b.length < SA_ID) return null;
      const family = get16(b, 20);
      return { kind: "deleted", destination: addressAt(b, 0, family), spi: be32(b, 16) };
    }
    case XFRM.XFRM_MSG_FLUSHSA:
      return { kind: "flushed" };
    case XFRM.XFRM_MSG_DELPOLICY:
    case XFRM.XFRM_MSG_FLUSHPOLICY:
      return { kind: "policies" };
    case XFRM.XFRM_MSG_MAPPING: {
      if (b.length < MAPPING) return null;
      const family = get16(b, 20);
      const port = be16(b, 62);
      return { kind: "mapping", reqid: get32(b, 24), spi: be32(b, 16), address: addressAt(b, 44, family), port };
    }
    default:
      return null;
  }
}
