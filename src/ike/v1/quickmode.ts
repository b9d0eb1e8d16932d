// Quick mode, RFC 2409 §5.5, transport mode for UDP, both roles:
//   1 HDR*, HASH(1), SA, Ni [, KE], IDci, IDcr [, NAT-OA..] -->
//                        <-- 2 HDR*, HASH(2), SA, Nr [, KE], IDci, IDcr [, NAT-OA..]
//   3 HDR*, HASH(3) -->
// The responder receives under the new SA from message 2 on, the initiator sends under it from message 3 on: nothing is
// lost.
import { u32 } from "../../core/bytes.ts";
import type { Failure } from "../../core/errors.ts";
import type { DhGroupName } from "../../ports/ports.ts";
import type { Child, Ports } from "../child.ts";
import { Pair } from "../pair.ts";
import { type IkeEnv, type IkePolicy, RETRY } from "../types.ts";
import { PROTOCOL } from "../wire/sa.ts";
import { Exchange, type ExchangeOwner, type Message, next, type Rules, script } from "./exchange.ts";
import type { Role } from "./phase1.ts";
import type { Phase2, QuickModeOwner, QuickModeSa } from "./phase2.ts";
import { INITIATOR, offer, RESPONDER } from "./quicksteps.ts";

const RULES: Rules = { name: "quick mode", waits: RETRY, replays: 5, guesses: Number.POSITIVE_INFINITY };

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
    this.#exchange = new Exchange({ rules: RULES, script: steps, x: this, scope, messageId, path: sa, owner: this });
  }
  begin(): void {
    this.#exchange.begin();
  }
  get pending(): boolean {
    return this.#exchange.pending;
  }
  get spiIn(): number {
    return this.pair.spiIn;
  }
  /** Throws DecodeError; nothing has changed then. True when the message was authentic and fresh. */
  receive(m: Message): boolean {
    return this.#exchange.receive(m);
  }
  /** An authenticated error notification came, or the ISAKMP SA ended. */
  fail(why: Failure): void {
    this.#exchange.fail(why);
  }
  /** Gives back what no child SA owns. */
  close(): void {
    this.#exchange.close();
    this.pair.release();
  }

  // The exchange's owner
  send(message: Uint8Array): void {
    this.sa.transmit(message);
  }
  done(child: Child): void {
    this.owner?.childUp(child);
    this.pair.keep();
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
