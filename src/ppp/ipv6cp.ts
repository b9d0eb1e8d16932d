// IPV6CP's one option, the interface identifier (RFC 5072 §4.1). IPv6-Compression-Protocol is rejected.
import { get8 } from "../core/bytes.ts";
import type { Failure } from "../core/errors.ts";
import type { Rng } from "../core/rng.ts";
import { sameBytes } from "../core/text.ts";
import type { Option } from "./cp.ts";
import { ACK, nak, type OptionPolicy, REJECT, type Verdict } from "./negotiate.ts";
import { failure } from "./words.ts";

const INTERFACE_ID = 1;
const SIZE = 8;

/** Interface identifiers, 8 bytes each; with fe80::/64 they are the link-local addresses. */
export interface Ipv6Ids {
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
}

/** A server's: its own is the same for all of its users, and each of theirs is their own. */
export interface SharedIds {
  readonly local: Uint8Array;
  taken(id: Uint8Array): boolean;
}

export class Ipv6cpOptions implements OptionPolicy {
  readonly #rng: Rng;
  readonly #shared: SharedIds | null;
  #local = new Uint8Array(SIZE);
  #remote: Uint8Array | null = null;

  constructor(rng: Rng, shared: SharedIds | null = null) {
    this.#rng = rng;
    this.#shared = shared;
  }
  reset(): void {
    this.#local = this.#shared ? Uint8Array.from(this.#shared.local) : this.#fresh();
    this.#remote = null;
  }
  /** What holds when the protocol is open; null without an identifier of the peer. */
  result(): Ipv6Ids | null {
    return this.#remote && { local: this.#local, remote: this.#remote };
  }

  request(): Option[] {
    return [{ type: INTERFACE_ID, data: this.#local }];
  }
  naked(o: Option): Failure | null {
    if (o.type !== INTERFACE_ID) return null;
    if (this.#shared) return failure("no-ipv6", "the peer does not take this server's interface identifier");
    const good = isId(o.data) && !(this.#remote && sameBytes(o.data, this.#remote));
    this.#local = good ? o.data.slice() : this.#fresh();
    return null;
  }
  rejected(): Failure | null {
    return failure("no-ipv6", "the peer takes no interface identifier");
  }
  judge(o: Option): Verdict {
    if (o.type !== INTERFACE_ID || o.data.length !== SIZE) return REJECT;
    return this.#free(o.data) ? ACK : nak(this.#fresh());
  }
  missing(seen: ReadonlySet<number>): Option[] {
    return seen.has(INTERFACE_ID) ? [] : [{ type: INTERFACE_ID, data: this.#fresh() }];
  }
  accept(options: readonly Option[]): void {
    this.#remote = options.find((o) => o.type === INTERFACE_ID)?.data.slice() ?? null;
  }

  #fresh(): Uint8Array<ArrayBuffer> {
    for (;;) {
      const id = freshId(this.#rng);
      if (this.#free(id)) return id;
    }
  }
  #free(id: Uint8Array): boolean {
    return isId(id) && !sameBytes(id, this.#local) && !this.#shared?.taken(id);
  }
}

/** Nobody else's: random, without the bit that says "unique in the world" (RFC 4291 §2.5.1). */
export function freshId(rng: Rng): Uint8Array<ArrayBuffer> {
  const id = Uint8Array.from(rng.random(SIZE));
  id[0] = get8(id, 0) & ~2;
  return id;
}
/** Zero is the question for one. */
function isId(id: Uint8Array): boolean {
  return id.length === SIZE && id.some((b) => b !== 0);
}
