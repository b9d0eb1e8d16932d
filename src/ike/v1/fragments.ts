// The messages of one ISAKMP SA that are too long: cut on their way out, put together when they come. Of how many SAs
// fragments are kept is the manager's to say (FRAGMENTED); of each, those of one message, never longer than LONGEST.
import { sameBytes } from "../../core/text.ts";
import type { WaitingLimits } from "../../core/waiting.ts";
import { cut, type Fragment, readFragment } from "../wire/fragment.ts";
import { isZero, readMessage } from "../wire/header.ts";
import { PAYLOAD } from "../wire/payloads.ts";
import type { Message } from "./exchange.ts";

/** Bytes of a whole message: a chain of certificates fits. */
export const LONGEST = 16_384;
const MOST_FRAGMENTS = 64;
/** ISAKMP SAs with fragments that wait for others: once of unauthenticated peers, once of the others. */
export const FRAGMENTED: WaitingLimits = { peer: 8, network: 16, all: 64 };

export class Fragments {
  #id = 0;
  #last = 0;
  #bytes = 0;
  readonly #parts = new Map<number, Uint8Array>();
  /** The last whole message, of which a fragment may still be on its way when the next message comes under its id. */
  #whole = new Uint8Array(0);
  /** All that is here repeats the last whole message. */
  #repeats = true;

  get waiting(): boolean {
    return this.#parts.size > 0;
  }
  forget(): void {
    this.#parts.clear();
    this.#last = 0;
    this.#bytes = 0;
    this.#repeats = true;
  }
  /** The whole message when this was what it lacked; null while it lacks more; "bad" for what fits no message. */
  add(f: Fragment): Uint8Array | "bad" | null {
    const old = this.#parts.get(f.number);
    const repeat = this.#ofWhole(f);
    if (f.id !== this.#id && repeat && this.waiting) return null;
    // of two messages under one id the later counts
    if (f.id !== this.#id || (old && !sameBytes(old, f.data)) || (this.#repeats && !repeat)) this.forget();
    this.#id = f.id;
    this.#repeats &&= repeat;
    if (f.number > MOST_FRAGMENTS || (this.#last > 0 && (f.last ? f.number !== this.#last : f.number > this.#last)))
      return this.#bad();
    if (f.last) {
      this.#last = f.number;
      for (const n of this.#parts.keys()) if (n > f.number) return this.#bad();
    }
    if (!old || !this.#parts.has(f.number)) {
      this.#bytes += f.data.length;
      if (this.#bytes > LONGEST) return this.#bad();
      this.#parts.set(f.number, f.data.slice());
    }
    return this.#parts.size === this.#last ? this.#join() : null;
  }
  #bad(): "bad" {
    this.forget();
    return "bad";
  }
  #join(): Uint8Array {
    const out = new Uint8Array(this.#bytes);
    let at = 0;
    for (let n = 1; n <= this.#last; n++) {
      const part = this.#parts.get(n);
      if (!part) continue;
      out.set(part, at);
      at += part.length;
    }
    this.forget();
    this.#whole = out;
    return out;
  }
  /** Whether `f` is a piece of the last whole message; all pieces but the last have one length. */
  #ofWhole({ number, last, data }: Fragment): boolean {
    const at = last ? this.#whole.length - data.length : (number - 1) * data.length;
    return (
      at >= 0 && at + data.length <= this.#whole.length && sameBytes(this.#whole.subarray(at, at + data.length), data)
    );
  }
}

interface FragmentedSa {
  readonly env: { readonly counters: { bump(name: string): void } };
  readonly icookie: Uint8Array;
  readonly rcookie: Uint8Array;
  bad(counter: string, what: string): void;
}
export class Fragmentation {
  readonly #sa: FragmentedSa;
  readonly #keeps: (some: boolean) => void;
  readonly #in = new Fragments();
  #id = 0;
  /** The last message that was cut: it is cut alike when it is sent again. */
  #last: Uint8Array | null = null;

  /** `keeps` hears whether fragments wait for others; forget() may follow. */
  constructor(sa: FragmentedSa, keeps: (some: boolean) => void) {
    this.#sa = sa;
    this.#keeps = keeps;
  }
  cut(message: Uint8Array): Uint8Array[] {
    if (this.#last !== message) this.#id = (this.#id % 0xffff) + 1;
    this.#last = message;
    return cut(message, readMessage(message).header, this.#id);
  }
  /** A fragment; the whole message when it was the last one missing. Throws DecodeError. */
  take({ header, body, path }: Message): Message | null {
    if (!this.#ours(header.rcookie)) {
      this.#sa.env.counters.bump("ike.bad-cookie");
      return null;
    }
    const datagram = this.#in.add(readFragment(body));
    this.#keeps(this.#in.waiting);
    if (datagram === "bad") this.#sa.bad("ike.bad-fragment", "fragments that make no message");
    if (datagram === null || datagram === "bad") return null;
    const whole = readMessage(datagram);
    const { icookie, rcookie, next } = whole.header;
    if (sameBytes(icookie, this.#sa.icookie) && this.#ours(rcookie) && next !== PAYLOAD.fragment)
      return { ...whole, datagram, path };
    this.#sa.bad("ike.bad-fragment", "fragments of another message");
    return null;
  }
  /** Nothing is kept of a peer that has not returned our cookie. */
  #ours(rcookie: Uint8Array): boolean {
    return isZero(this.#sa.rcookie) || sameBytes(rcookie, this.#sa.rcookie);
  }
  /** Others need the memory; the peer sends them again. */
  forget(): void {
    this.#in.forget();
  }
  /** No message is sent again. */
  settle(): void {
    this.#last = null;
  }
}
