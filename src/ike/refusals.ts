// What is reported of peers that a server refuses. The owner counts all of them. The log names each peer once a minute,
// and unproved peers at most once in ten seconds: a refused message 1 costs its sender one datagram, with any source
// address.

import { formatEndpoint } from "../core/addr.ts";
import type { Clock } from "../core/clock.ts";
import type { Counters } from "../core/counters.ts";
import type { Failure } from "../core/errors.ts";
import type { EventLog } from "../core/events.ts";
import type { Endpoint } from "../ports/ports.ts";
import { failure, type IkeOwner } from "./types.ts";
import { EXCHANGE } from "./wire/header.ts";

const PEER_MS = 60_000;
const EVERY_MS = 10_000;
const BURST = 8;
/** Peers remembered. */
const PEERS = 64;

/** RFC 2408 §3.1, RFC 2409 §5; 6 is mode configuration, which XAUTH uses, and 34 is IKEv2's IKE_SA_INIT. */
const MODES: Readonly<Record<number, string>> = {
  [EXCHANGE.base]: "the base exchange",
  [EXCHANGE.authOnly]: "the authentication only exchange",
  [EXCHANGE.aggressive]: "aggressive mode",
  6: "mode configuration (XAUTH)",
  34: "IKEv2",
};
/** Counters by exchange type. */
const COUNTERS: Readonly<Record<number, string>> = {
  [EXCHANGE.base]: "ike.base",
  [EXCHANGE.aggressive]: "ike.aggressive",
  34: "ike.version-2",
};

const HINT = ": it shows a hash of the key; to accept that: ike_mode = aggressive";

export class Refusals {
  readonly #clock: Clock;
  readonly #log: EventLog;
  readonly #counters: Counters;
  /** Clock time when a peer and code may be named again. */
  readonly #quiet = new Map<string, number>();
  #fullAt = 0;

  constructor(env: { readonly clock: Clock; readonly log: EventLog; readonly counters: Counters }) {
    this.#clock = env.clock;
    this.#log = env.log;
    this.#counters = env.counters;
  }
  /** `proved`: the peer has shown that it hears us at its address. */
  tell(owner: IkeOwner | null, link: string, remote: Endpoint, why: Failure, proved: boolean): void {
    this.#counters.bump(`ike.failed-${why.code}`);
    owner?.onRefused?.(remote.address, why, proved);
    if (this.#loud(`${remote.address} ${why.code}`, proved)) {
      this.#log.emit({ kind: "ike.failed", link, peer: formatEndpoint(remote), code: why.code, text: why.text });
    }
  }
  /** A peer begins an exchange of a type that we do not support. No answer: the source address may be forged. */
  unspoken(owner: IkeOwner | null, link: string, remote: Endpoint, exchange: number): void {
    this.#counters.bump(COUNTERS[exchange] ?? "ike.exchange");
    const mode = MODES[exchange] ?? `exchange type ${exchange}`;
    this.tell(
      owner,
      link,
      remote,
      failure(
        "mode",
        `${remote.address} asks for ${mode}, which is not answered here${exchange === EXCHANGE.aggressive ? HINT : ""}`,
      ),
      false,
    );
  }
  #loud(key: string, proved: boolean): boolean {
    const now = this.#clock.now();
    if ((this.#quiet.get(key) ?? 0) > now) return false;
    if (!proved) {
      if (this.#fullAt - now > (BURST - 1) * EVERY_MS) return false;
      this.#fullAt = Math.max(this.#fullAt, now) + EVERY_MS;
    }
    this.#quiet.delete(key);
    this.#quiet.set(key, now + PEER_MS);
    const oldest = this.#quiet.keys().next();
    if (this.#quiet.size > PEERS && !oldest.done) this.#quiet.delete(oldest.value);
    return true;
  }
}
