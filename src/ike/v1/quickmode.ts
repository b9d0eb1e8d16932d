// Quick mode, RFC 2409 §5.5, transport mode for UDP, both roles:
//   1 HDR*, HASH(1), SA, Ni [, KE], IDci, IDcr [, NAT-OA..] -->
//                        <-- 2 HDR*, HASH(2), SA, Nr [, KE], IDci, IDcr [, NAT-OA..]
//   3 HDR*, HASH(3) -->
// A responder that sets the commit bit says CONNECTED (RFC 2408 §3.1), here or beside it under the same message id, when it
// has both SAs: what we send before that might be lost.
// The responder receives under the new SA from message 2 on, the initiator sends under it from message 3 on: nothing is
// lost.
import { u32 } from "../../core/bytes.ts";
import type { Timer } from "../../core/clock.ts";
import { DecodeError, type Failure } from "../../core/errors.ts";
import type { DhGroupName } from "../../ports/ports.ts";
import type { Child, Ports } from "../child.ts";
import { Pair } from "../pair.ts";
import { type IkeEnv, type IkePolicy, RETRY } from "../types.ts";
import { EXCHANGE, FLAG } from "../wire/header.ts";
import { NOTIFY } from "../wire/notify.ts";
import { PROTOCOL } from "../wire/sa.ts";
import { Exchange, type ExchangeOwner, type Message, next, type Rules, script } from "./exchange.ts";
import { readInformational } from "./informational.ts";
import type { Role } from "./phase1.ts";
import type { Phase2, QuickModeOwner, QuickModeSa } from "./phase2.ts";
import { INITIATOR, offer, RESPONDER } from "./quicksteps.ts";

const RULES: Rules = { name: "quick mode", waits: RETRY, replays: 5, guesses: Number.POSITIVE_INFINITY };
/** Who has not said CONNECTED by then is taken to be: many forget it, and it may be lost. */
const CONNECTED_MS = 1000;

interface QuickModeOptions {
  readonly env: IkeEnv;
  readonly sa: QuickModeSa;
  readonly policy: IkePolicy;
  readonly messageId: number;
  /** Of an initiator. */
  readonly begins?: { readonly owner: QuickModeOwner; readonly ports: Ports; readonly pfs: DhGroupName | null };
}

export class QuickMode implements Phase2, ExchangeOwner<Child> {
  readonly messageId: number;
  readonly env: IkeEnv;
  readonly sa: QuickModeSa;
  readonly policy: IkePolicy;
  readonly role: Role;
  readonly begunAt: number;
  readonly pair: Pair;
  owner: QuickModeOwner | null;
  readonly #exchange: Exchange<Phase2, Child>;
  readonly #late: Timer;
  /** The peer has set the commit bit. */
  #commits = false;
  /** Waits for its CONNECTED. */
  #unsure: Child | null = null;
  #lastSent: Uint8Array = new Uint8Array(0);

  constructor({ env, sa, policy, messageId, begins }: QuickModeOptions) {
    this.env = env;
    this.sa = sa;
    this.policy = policy;
    this.messageId = messageId;
    this.role = begins ? "initiator" : "responder";
    this.begunAt = env.clock.now();
    this.pair = new Pair(env, policy);
    this.owner = begins?.owner ?? null;
    const steps = begins
      ? script(INITIATOR, () => offer(this, begins.owner, begins.ports, begins.pfs))
      : script(RESPONDER, () => next(null, null));
    const { scope } = sa;
    this.#late = scope.timer("ike commit", () => this.#sure());
    this.#exchange = new Exchange({ rules: RULES, script: steps, x: this, scope, messageId, path: sa, owner: this });
  }
  begin(): void {
    this.#exchange.begin();
  }
  get pending(): boolean {
    return this.#exchange.pending || this.#unsure !== null;
  }
  get spiIn(): number {
    return this.pair.spiIn;
  }
  /** Throws DecodeError; nothing has changed then. True when the message was authentic and fresh. */
  receive(m: Message): boolean {
    if (m.header.exchange === EXCHANGE.quick && this.connected(m)) return true;
    const fresh = this.#exchange.receive(m);
    if (fresh && this.role === "initiator" && m.header.flags & FLAG.commit) this.#commits = true;
    return fresh;
  }
  /** Whether this is the CONNECTED that it waits for. */
  connected(m: Message): boolean {
    const { protection } = this.sa;
    if (!this.#unsure) return false;
    try {
      const iv = m.header.exchange === EXCHANGE.quick ? protection.ivBehind(this.#lastSent) : undefined;
      const said = readInformational(protection, m, iv);
      if (!said?.notifications.some((n) => n.type === NOTIFY.connected)) return false;
    } catch (e) {
      if (e instanceof DecodeError) return false;
      throw e;
    }
    this.#sure();
    return true;
  }
  #sure(): void {
    const child = this.#unsure;
    this.#unsure = null;
    this.#late.disarm();
    if (!child) return;
    this.owner?.childUp(child);
    this.pair.keep();
  }
  /** An authenticated error notification came, or the ISAKMP SA ended. */
  fail(why: Failure): void {
    this.#exchange.fail(why);
  }
  /** Gives back what no child SA owns. */
  close(): void {
    this.#unsure = null;
    this.#late.disarm();
    this.#exchange.close();
    this.pair.release();
  }

  // The exchange's owner
  send(message: Uint8Array): void {
    this.#lastSent = message;
    this.sa.transmit(message);
  }
  done(child: Child): void {
    this.#unsure = child;
    if (this.#commits) this.#late.arm(CONNECTED_MS);
    else this.#sure();
  }
  failed(why: Failure | null, notify: number): void {
    if (notify !== 0) this.sa.notify(notify, PROTOCOL.esp, u32(0));
    this.pair.release();
    if (why) this.owner?.quickFailed(this, why);
  }
  bad(counter: string, what: string): void {
    this.sa.bad(counter, what);
  }
  /** A quick mode computes its Diffie-Hellman secret at once: its peer is authenticated. */
  asksTurn(): void {}
}
