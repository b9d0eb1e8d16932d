// What RFC 2408 §5 answers to a message that cannot be used: one notification in the clear. Its sender may be anybody, with
// any source address: an answer is never larger than its question, and few leave in a second, for one peer and in all.
// An answer is never answered, so that two such programs do not go on for ever.
import { originOf } from "../core/waiting.ts";
import { Buckets } from "./buckets.ts";
import type { IkeEnv } from "./types.ts";
import type { Message } from "./v1/exchange.ts";
import { clearNotify } from "./wire/clear.ts";
import { EXCHANGE, FLAG } from "./wire/header.ts";

const PEER = { burst: 4, everyMs: 1000 } as const;
const ALL = { burst: 20, everyMs: 50 } as const;

export class Complaints {
  readonly #env: IkeEnv;
  readonly #peers: Buckets;
  readonly #all: Buckets;

  constructor(env: IkeEnv) {
    this.#env = env;
    this.#peers = new Buckets(env.clock, PEER);
    this.#all = new Buckets(env.clock, ALL);
  }
  /** `type`: of the notification. */
  about({ header, datagram, path }: Message, type: number): void {
    if (header.exchange === EXCHANGE.informational && !(header.flags & FLAG.encrypted)) return;
    const { peer } = originOf(path.remote.address);
    if (this.#all.spent("") || this.#peers.spent(peer)) {
      this.#env.counters.bump("ike.complaints-held");
      return;
    }
    const answer = clearNotify(this.#env.crypto, type, header.icookie, header.rcookie);
    if (answer.length > datagram.length) return;
    this.#all.spend("");
    this.#peers.spend(peer);
    this.#env.port.send(path.local, path.remote, answer);
  }
}
