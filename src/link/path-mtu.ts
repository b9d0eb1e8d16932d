// The largest packet that comes through a link, found by trying (RFC 8899): where long packets are lost without a word,
// nothing else tells. A probe is an LCP Echo-Request of the packet's length, which the peer sends back.

import type { Clock, Timer } from "../core/clock.ts";

/** RFC 8899 §5.1.2: MAX_PROBES. */
const TRIES = 3;
const ANSWER_MS = 2000;
/** RFC 8899 §5.1.1: PMTU_RAISE_TIMER; the present MTU is confirmed at the same time. */
const AGAIN_MS = 600_000;
/** Tried one after the other when the present MTU is too large: what IPv6 needs, and what any path carries. */
const BASES = [1280, 1000, 576] as const;
/** The search ends when it is known so exactly; MTUs are multiples of it, but for the largest. */
const STEP = 4;

interface MtuProbes {
  /** Sends a probe of `size` bytes; `answered` is called at most once, and never within the call. */
  probe(size: number, answered: () => void): void;
  /** Packets pass up to this size, and no larger ones known of. */
  found(mtu: number): void;
}

interface Trial {
  readonly size: number;
  tries: number;
  readonly then: (passed: boolean) => void;
}

export class PathMtu {
  readonly #timer: Timer;
  readonly #on: MtuProbes;
  readonly #largest: number;
  #mtu: number;
  /** The probe that is out, and what follows; null: none is. */
  #trial: Trial | null = null;

  /** `largest`: what the configuration, the route and the peer allow, where it begins. */
  constructor(clock: Clock, name: string, largest: number, on: MtuProbes) {
    this.#timer = clock.timer(`${name} mtu`, () => this.#due());
    this.#on = on;
    this.#largest = largest;
    this.#mtu = largest;
    this.#confirm();
  }
  stop(): void {
    this.#trial = null;
    this.#timer.disarm();
  }

  /** Does the present MTU pass? Larger ones are tried again then. */
  #confirm(): void {
    this.#try(this.#mtu, (passed) => {
      if (!passed) this.#fall(0);
      else if (this.#mtu < this.#largest) this.#raise();
      else this.#rest();
    });
  }
  #raise(): void {
    this.#try(this.#largest, (passed) => {
      if (!passed) return this.#between(this.#mtu, this.#largest);
      this.#set(this.#largest);
      this.#rest();
    });
  }
  /** RFC 8899 §5.2, base: what passes is used at once. Where nothing does, the length is not what matters. */
  #fall(nth: number, lost = this.#mtu): void {
    const base = BASES[nth];
    if (base === undefined) return this.#rest();
    if (base >= lost) return this.#fall(nth + 1, lost);
    this.#try(base, (passed) => {
      if (!passed) return this.#fall(nth + 1, base);
      this.#set(base);
      this.#between(base, lost);
    });
  }
  /** RFC 8899 §5.3: halves what is between a size that passes and one that is lost. */
  #between(passes: number, lost: number): void {
    const size = Math.floor((passes + lost) / 2 / STEP) * STEP;
    if (size <= passes) {
      this.#set(passes);
      return this.#rest();
    }
    this.#try(size, (passed) => (passed ? this.#between(size, lost) : this.#between(passes, size)));
  }
  #set(mtu: number): void {
    if (mtu === this.#mtu) return;
    this.#mtu = mtu;
    this.#on.found(mtu);
  }
  #rest(): void {
    this.#timer.arm(AGAIN_MS);
  }

  #try(size: number, then: (passed: boolean) => void): void {
    this.#trial = { size, tries: 0, then };
    this.#due();
  }
  #due(): void {
    const t = this.#trial;
    if (!t) return this.#confirm();
    if (t.tries++ === TRIES) return this.#end(t, false);
    this.#timer.arm(ANSWER_MS);
    // An answer to an earlier try of the same size tells as much.
    this.#on.probe(t.size, () => this.#end(t, true));
  }
  #end(t: Trial, passed: boolean): void {
    if (this.#trial !== t) return;
    this.#trial = null;
    this.#timer.disarm();
    t.then(passed);
  }
}
