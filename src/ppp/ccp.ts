// CCP's options (RFC 1962): Deflate (RFC 1979), BSD-Compress (RFC 1977), MPPE (RFC 3078) and MPPC (RFC 2118). What an
// end asks for is what it can expand; what the other end acknowledges is what it will do, and of several the first
// counts. Without a method in common the protocol opens empty.
import { get8 } from "../core/bytes.ts";
import type { Failure } from "../core/errors.ts";
import { sameBytes } from "../core/text.ts";
import type { MppeBits, MppeMode } from "./compress/mppe.ts";
import { be32, type Option } from "./cp.ts";
import { ACK, nak, type OptionPolicy, REJECT, type Verdict } from "./negotiate.ts";
import { failure } from "./words.ts";

export const CCP_CODE = { resetRequest: 14, resetAck: 15 } as const;
const DEFLATE = 26;
const BSD = 21;
const METHOD = 8; // of deflate: "deflate"
const MIN_WINDOW = 9; // zlib has no 8 without its own header
const MAX_WINDOW = 15;
const MIN_BITS = 9;
const MAX_BITS = 15;
/** Of what we ask for: 2^13 codes. */
const OUR_BITS = 13;
const BSD_VERSION = 1;

// RFC 3078 §2: MPPE's and MPPC's option, four octets of bits.
const MPPE = 18;
const STATELESS = 0x0100_0000;
const MPPC = 0x01;
const KEY_BITS = { 128: 0x40, 56: 0x80, 40: 0x20 } as const;
const STRONGEST_FIRST: readonly MppeBits[] = [128, 56, 40];

export type CcpMethod =
  | ({ readonly kind: "mppe"; readonly bits: MppeBits } & MppeMode)
  | ({ readonly kind: "mppc" } & MppeMode)
  | { readonly kind: "deflate"; readonly window: number }
  | { readonly kind: "bsd"; readonly bits: number };
interface CcpWants {
  readonly deflate: boolean;
  readonly bsd: boolean;
  readonly mppc?: boolean;
  /**
   * The fewest key bits that will do. MPPE is not for choice: nothing else is done beside it, and nothing without it.
   */
  readonly mppe?: MppeBits | null;
}

export class CcpOptions implements OptionPolicy {
  readonly #wants: CcpWants;
  /** What we still ask for; 0: not any more. */
  #window = 0;
  #bits = 0;
  /** Of MPPE and MPPC, null: nothing. */
  #microsoft: Microsoft | null = null;
  /** The peer was told once that every packet should have its own key. */
  #toldStateless = false;
  #sending: CcpMethod | null = null;

  constructor(wants: CcpWants) {
    this.#wants = wants;
  }
  reset(): void {
    this.#window = this.#wants.deflate && !this.#wants.mppe ? MAX_WINDOW : 0;
    this.#bits = this.#wants.bsd && !this.#wants.mppe ? OUR_BITS : 0;
    this.#microsoft =
      this.#wants.mppe || this.#wants.mppc
        ? { bits: this.#wants.mppe ? 128 : null, stateful: !this.#wants.mppe, mppc: this.#wants.mppc ?? false }
        : null;
    this.#toldStateless = false;
    this.#sending = null;
  }
  /** What holds when the protocol is open. */
  result(): { readonly sending: CcpMethod | null; readonly receiving: CcpMethod | null } {
    const ms = this.#microsoft && asMethod(this.#microsoft);
    if (this.#wants.mppe) return { sending: this.#sending, receiving: ms };
    return { sending: this.#sending, receiving: deflate(this.#window || null) ?? ms ?? bsd(this.#bits || null) };
  }

  request(): Option[] {
    const out: Option[] = [];
    if (this.#window > 0) out.push({ type: DEFLATE, data: deflateOption(this.#window) });
    if (this.#microsoft) out.push({ type: MPPE, data: microsoftOption(this.#microsoft) });
    if (this.#bits > 0) out.push({ type: BSD, data: bsdOption(this.#bits) });
    return out;
  }
  /** A smaller history will do; anything else will not. */
  naked(o: Option): Failure | null {
    if (o.type === MPPE && this.#microsoft) {
      const m = this.#best(o.data);
      if (m === null && this.#wants.mppe)
        return this.#noMppe("the peer would encrypt in another way only (MPPE: with fewer bits)");
      this.#microsoft = m;
    } else if (o.type === DEFLATE) {
      const window = readDeflate(o.data) ?? 0;
      this.#window = window >= MIN_WINDOW && window < this.#window ? window : 0;
    } else if (o.type === BSD) {
      const bits = readBsd(o.data) ?? 0;
      this.#bits = bits >= MIN_BITS && bits < this.#bits ? bits : 0;
    }
    return null;
  }
  rejected(type: number): Failure | null {
    if (type === DEFLATE) this.#window = 0;
    if (type === BSD) this.#bits = 0;
    if (type === MPPE && !this.#wants.mppe) this.#microsoft = null;
    if (type === MPPE && this.#wants.mppe) return this.#noMppe("the peer refuses to encrypt (MPPE)");
    return null;
  }
  judge(o: Option, lastChance: boolean): Verdict {
    if (o.type === MPPE && (this.#wants.mppe || this.#wants.mppc)) return this.#judgeMicrosoft(o.data, lastChance);
    if (this.#wants.mppe) return REJECT;
    if (o.type === DEFLATE && this.#wants.deflate && o.data.length === 2) {
      const window = readDeflate(o.data);
      if (window === null) return nak(deflateOption(MAX_WINDOW));
      return window < MIN_WINDOW ? nak(deflateOption(MIN_WINDOW)) : ACK;
    }
    if (o.type === BSD && this.#wants.bsd && o.data.length === 1) {
      const bits = readBsd(o.data);
      if (bits === null || bits < MIN_BITS) return nak(bsdOption(OUR_BITS));
      return bits > MAX_BITS ? nak(bsdOption(MAX_BITS)) : ACK;
    }
    return REJECT;
  }
  #judgeMicrosoft(data: Uint8Array, lastChance: boolean): Verdict {
    const best = this.#best(data);
    const ours = this.#wants.mppe ? 128 : null;
    // One key for a packet is the better way (RFC 3078 §9); a peer that asks again has no other.
    const hint = best?.bits && best.stateful && !this.#toldStateless;
    if (best !== null && !hint && sameBytes(data, microsoftOption(best))) return ACK;
    if (lastChance && this.#wants.mppe)
      return { is: "fail", why: this.#noMppe("the peer and this side do not come to one way to encrypt (MPPE)") };
    if (hint) this.#toldStateless = true;
    if (best === null)
      return nak(microsoftOption({ bits: ours, stateful: ours === null, mppc: this.#wants.mppc ?? false }));
    return nak(microsoftOption(hint ? { ...best, stateful: false } : best));
  }
  /** The best of what the peer names, if it is good enough. */
  #best(data: Uint8Array): Microsoft | null {
    if (data.length !== 4) return null;
    const stateful = (get8(data, 0) & 1) === 0;
    const all = get8(data, 3);
    const mppc = (this.#wants.mppc ?? false) && (all & MPPC) !== 0;
    const { mppe } = this.#wants;
    if (!mppe) return mppc ? { bits: null, stateful, mppc } : null;
    const bits = STRONGEST_FIRST.find((b) => b >= mppe && (all & KEY_BITS[b]) !== 0);
    return bits === undefined ? null : { bits, stateful, mppc };
  }
  #noMppe(text: string): Failure {
    return failure("no-encryption", text, true);
  }
  missing(seen: ReadonlySet<number>): Option[] {
    return this.#wants.mppe && !seen.has(MPPE)
      ? [{ type: MPPE, data: microsoftOption({ bits: 128, stateful: false, mppc: this.#wants.mppc ?? false }) }]
      : [];
  }
  accept(options: readonly Option[]): void {
    const [first] = options;
    const ms = first?.type === MPPE ? this.#best(first.data) : null;
    const window = first?.type === DEFLATE ? readDeflate(first.data) : null;
    const bits = first?.type === BSD ? readBsd(first.data) : null;
    this.#sending = (ms && asMethod(ms)) ?? deflate(window) ?? bsd(bits);
  }
}

function deflate(window: number | null): CcpMethod | null {
  return window === null ? null : { kind: "deflate", window };
}
function bsd(bits: number | null): CcpMethod | null {
  return bits === null ? null : { kind: "bsd", bits };
}

interface Microsoft extends MppeMode {
  /** Null: no encryption. */
  readonly bits: MppeBits | null;
}
function asMethod(m: Microsoft): CcpMethod {
  const { bits, stateful, mppc } = m;
  return bits === null ? { kind: "mppc", stateful, mppc } : { kind: "mppe", bits, stateful, mppc };
}
function microsoftOption(m: Microsoft): Uint8Array {
  return be32((m.stateful ? 0 : STATELESS) | (m.bits === null ? 0 : KEY_BITS[m.bits]) | (m.mppc ? MPPC : 0));
}
/** RFC 1979 §3: log2 of the window less 8, the method, and sequence numbers as the check. */
function deflateOption(window: number): Uint8Array {
  return Uint8Array.of(((window - 8) << 4) | METHOD, 0);
}
function readDeflate(data: Uint8Array): number | null {
  const [first = 0, second] = data;
  if (data.length !== 2 || (first & 15) !== METHOD || second !== 0) return null;
  const window = (first >> 4) + 8;
  return window > MAX_WINDOW ? null : window;
}
/** RFC 1977 §3: the version, and the largest code's size in bits. */
function bsdOption(bits: number): Uint8Array {
  return Uint8Array.of((BSD_VERSION << 5) | bits);
}
function readBsd(data: Uint8Array): number | null {
  const [x = 0] = data;
  return data.length === 1 && x >> 5 === BSD_VERSION ? x & 31 : null;
}

export function methodWords(m: CcpMethod | null): string {
  if (m === null) return "none";
  if (m.kind === "mppc") return "MPPC";
  if (m.kind === "mppe") return `MPPE ${m.bits}${m.stateful ? " stateful" : ""}${m.mppc ? " and MPPC" : ""}`;
  return m.kind === "deflate" ? `Deflate ${m.window}` : `BSD-Compress ${m.bits}`;
}
