// CCP's options (RFC 1962): Deflate (RFC 1979) and BSD-Compress (RFC 1977). What an end asks for is what it can expand; what the
// other end acknowledges is what it will do, and of several the first counts. Without a method in common the protocol opens empty.
import type { Failure } from "../core/errors.ts";
import type { Option } from "./cp.ts";
import { ACK, nak, type OptionPolicy, REJECT, type Verdict } from "./negotiate.ts";

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

export type CcpMethod = { readonly kind: "deflate"; readonly window: number } | { readonly kind: "bsd"; readonly bits: number };
export interface CcpWants {
  readonly deflate: boolean;
  readonly bsd: boolean;
}

export class CcpOptions implements OptionPolicy {
  readonly #wants: CcpWants;
  /** What we still ask for; 0: not any more. */
  #window = 0;
  #bits = 0;
  #sending: CcpMethod | null = null;

  constructor(wants: CcpWants) {
    this.#wants = wants;
  }
  reset(): void {
    this.#window = this.#wants.deflate ? MAX_WINDOW : 0;
    this.#bits = this.#wants.bsd ? OUR_BITS : 0;
    this.#sending = null;
  }
  /** What holds when the protocol is open. */
  result(): { readonly sending: CcpMethod | null; readonly receiving: CcpMethod | null } {
    const receiving = this.#window > 0 ? { kind: "deflate", window: this.#window } as const : this.#bits > 0 ? { kind: "bsd", bits: this.#bits } as const : null;
    return { sending: this.#sending, receiving };
  }

  request(): Option[] {
    const out: Option[] = [];
    if (this.#window > 0) out.push({ type: DEFLATE, data: deflateOption(this.#window) });
    if (this.#bits > 0) out.push({ type: BSD, data: bsdOption(this.#bits) });
    return out;
  }
  /** A smaller history will do; anything else will not. */
  naked(o: Option): Failure | null {
    if (o.type === DEFLATE) {
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
    return null;
  }
  judge(o: Option): Verdict {
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
  missing(): Option[] {
    return [];
  }
  accept(options: readonly Option[]): void {
    const [first] = options;
    const window = first?.type === DEFLATE ? readDeflate(first.data) : null;
    const bits = first?.type === BSD ? readBsd(first.data) : null;
    this.#sending = window !== null ? { kind: "deflate", window } : bits !== null ? { kind: "bsd", bits } : null;
  }
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
  return m.kind === "deflate" ? `Deflate ${m.window}` : `BSD-Compress ${m.bits}`;
}
