// CCP's options (RFC 1962): Deflate (RFC 1979), BSD-Compress (RFC 1977), MPPE (RFC 3078). What an end asks for is what it can expand; what the
// other end acknowledges is what it will do, and of several the first counts. Without a method in common the protocol opens empty.
import type { Failure } from "../core/errors.ts";
import { sameBytes } from "../core/text.ts";
import type { MppeBits } from "./compress/mppe.ts";
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

const MPPE = 18;
const STATELESS = 0x0100_0000;
const KEY_BITS = { 40: 0x20, 128: 0x40 } as const;

export type CcpMethod = { readonly kind: "mppe"; readonly bits: MppeBits } | { readonly kind: "deflate"; readonly window: number } | { readonly kind: "bsd"; readonly bits: number };
export interface CcpWants {
  readonly deflate: boolean;
  readonly bsd: boolean;
  /** The fewest key bits that will do. MPPE is not for choice: nothing else is done beside it, and nothing without it. */
  readonly mppe?: MppeBits | null;
}

export class CcpOptions implements OptionPolicy {
  readonly #wants: CcpWants;
  /** What we still ask for; 0: not any more. */
  #window = 0;
  #bits = 0;
  #keyBits: MppeBits = 128;
  #sending: CcpMethod | null = null;

  constructor(wants: CcpWants) {
    this.#wants = wants;
  }
  reset(): void {
    this.#window = this.#wants.deflate && !this.#wants.mppe ? MAX_WINDOW : 0;
    this.#bits = this.#wants.bsd && !this.#wants.mppe ? OUR_BITS : 0;
    this.#keyBits = 128;
    this.#sending = null;
  }
  /** What holds when the protocol is open. */
  result(): { readonly sending: CcpMethod | null; readonly receiving: CcpMethod | null } {
    if (this.#wants.mppe) return { sending: this.#sending, receiving: { kind: "mppe", bits: this.#keyBits } };
    const receiving = this.#window > 0 ? { kind: "deflate", window: this.#window } as const : this.#bits > 0 ? { kind: "bsd", bits: this.#bits } as const : null;
    return { sending: this.#sending, receiving };
  }

  request(): Option[] {
    const out: Option[] = [];
    if (this.#wants.mppe) out.push({ type: MPPE, data: mppeOption(this.#keyBits) });
    if (this.#window > 0) out.push({ type: DEFLATE, data: deflateOption(this.#window) });
    if (this.#bits > 0) out.push({ type: BSD, data: bsdOption(this.#bits) });
    return out;
  }
  /** A smaller history will do; anything else will not. */
  naked(o: Option): Failure | null {
    if (o.type === MPPE && this.#wants.mppe) {
      const bits = this.#best(o.data);
      if (bits === null || !sameOption(o.data, bits)) return this.#noMppe("the peer would encrypt in another way only (MPPE: with fewer bits, or not stateless)");
      this.#keyBits = bits;
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
    if (type === MPPE && this.#wants.mppe) return this.#noMppe("the peer refuses to encrypt (MPPE)");
    return null;
  }
  judge(o: Option, lastChance: boolean): Verdict {
    if (this.#wants.mppe) return o.type === MPPE ? this.#judgeMppe(o.data, lastChance) : REJECT;
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
  #judgeMppe(data: Uint8Array, lastChance: boolean): Verdict {
    const best = this.#best(data);
    if (best !== null && sameOption(data, best)) return ACK;
    if (lastChance) return { is: "fail", why: this.#noMppe("the peer and this side do not come to one way to encrypt (MPPE)") };
    return nak(mppeOption(best ?? 128));
  }
  /** The strongest of what the peer names, if it is strong enough. */
  #best(data: Uint8Array): MppeBits | null {
    const all = data.length === 4 ? (data[3] as number) : 0;
    if (all & KEY_BITS[128]) return 128;
    return this.#wants.mppe === 40 && all & KEY_BITS[40] ? 40 : null;
  }
  #noMppe(text: string): Failure {
    return failure("no-encryption", text, true);
  }
  missing(seen: ReadonlySet<number>): Option[] {
    return this.#wants.mppe && !seen.has(MPPE) ? [{ type: MPPE, data: mppeOption(128) }] : [];
  }
  accept(options: readonly Option[]): void {
    const [first] = options;
    const keyBits = first?.type === MPPE ? this.#best(first.data) : null;
    const window = first?.type === DEFLATE ? readDeflate(first.data) : null;
    const bits = first?.type === BSD ? readBsd(first.data) : null;
    this.#sending = keyBits !== null ? { kind: "mppe", bits: keyBits } : window !== null ? { kind: "deflate", window } : bits !== null ? { kind: "bsd", bits } : null;
  }
}

/** RFC 3078 §2: stateless, and one length of keys. */
function mppeOption(bits: MppeBits): Uint8Array {
  return be32(STATELESS | KEY_BITS[bits]);
}
function sameOption(data: Uint8Array, bits: MppeBits): boolean {
  return sameBytes(data, mppeOption(bits));
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
  if (m.kind === "mppe") return `MPPE ${m.bits}`;
  return m.kind === "deflate" ? `Deflate ${m.window}` : `BSD-Compress ${m.bits}`;
}
